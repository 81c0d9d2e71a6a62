//! The contrastive loss on GPUs: the kernels, for a cube of 16 by 16 units that takes 64 rows of the
//! matrix of similarities and goes through its columns 64 at a time. A unit keeps 4 by 4 of a tile's
//! similarities in registers; nothing of the matrix goes to memory.

use cubecl::prelude::*;

/// Units of a cube along each axis.
pub const UNITS: usize = 16;
/// Rows and columns of a tile.
pub const TILE: usize = 64;
/// Features of the gradient that one cube makes.
pub const FEATURES: usize = 128;
/// Rows, and columns, of a tile that one unit has.
const EACH: usize = TILE / UNITS;
/// Features of the gradient that one unit makes of each of its rows.
const WIDE: usize = FEATURES / UNITS;
/// Features in shared memory at a time.
const DEPTH: usize = 16;
/// Columns in shared memory at a time, where the gradient is summed.
const SLAB: usize = 8;
/// Length of a line of a tile in shared memory: lines start in different banks, and a unit's four rows can be
/// loaded as one.
const LINE: usize = TILE + 4;
/// Bytes that shared memory starts at a multiple of.
const ALIGNED: usize = 16;
/// Length of a part of shared memory.
const PART: usize = DEPTH * LINE;

/// Most shared memory that a kernel takes, in bytes: two parts and the weights of a tile.
pub const SHARED_BYTES: usize = 4 * (2 * PART + TILE * LINE);

/// Where a row's maximum starts: finite, so that the first difference is.
const LOWEST: f32 = -1e30;

/// What a vector carries: its label; the biases of its column for anchors of its own class and of others; its
/// factor as a contrast; and, 0 for prototypes, its factor as an anchor over T, norm⁻¹ over N times its number
/// of positives and as it is, and its prior.
pub mod fields {
    pub const LABEL: usize = 0;
    pub const BIAS_OWN: usize = 1;
    pub const BIAS_OTHER: usize = 2;
    pub const CONTRAST: usize = 3;
    pub const ANCHOR: usize = 4;
    pub const REPULSION: usize = 5;
    pub const ATTRACTION: usize = 6;
    pub const PRIOR: usize = 7;
    pub const COUNT: usize = 8;
}

/// `x`: `[columns, features]`; `table`: `[fields, columns]`; `log_sum_exp`, `terms`: `[rows]`, of every row
/// log Σ_k e^{s_k + b_k} and what it adds to the loss.
#[cube(launch)]
pub fn rows(
    x: &Tensor<f32>,
    table: &Tensor<f32>,
    log_sum_exp: &mut Tensor<f32>,
    terms: &mut Tensor<f32>,
    #[comptime] include_self: bool,
) {
    let (across, down) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
    let first = CUBE_POS_X as usize * TILE;
    let (rows, columns) = (log_sum_exp.shape(0), x.shape(0));
    let mut left = Shared::<[f32]>::new_aligned_slice(PART, ALIGNED);
    let mut right = Shared::<[f32]>::new_aligned_slice(PART, ALIGNED);
    let mut dots = Array::<f32>::new(EACH * EACH);
    let mut max = Array::<f32>::new(EACH);
    let mut sum = Array::<f32>::new(EACH);
    let mut attraction = Array::<f32>::new(EACH);
    #[unroll]
    for i in 0..EACH {
        max[i] = LOWEST;
        sum[i] = 0.0;
        attraction[i] = 0.0;
    }
    let mut own = Sequence::<Carried>::new();
    #[unroll]
    for i in 0..EACH {
        own.push(carried(table, rows, first + down * EACH + i));
    }
    for tile in 0..columns.div_ceil(TILE) {
        similarities(x, first, tile * TILE, &mut left, &mut right, &mut dots);
        #[unroll]
        for j in 0..EACH {
            let column = tile * TILE + across + j * UNITS;
            let other = carried(table, rows, column);
            if column < columns {
                #[unroll]
                for i in 0..EACH {
                    let row = first + down * EACH + i;
                    let anchor = &own[i];
                    let s = anchor.anchor * other.contrast * dots[i * EACH + j];
                    if anchor.label == other.label && row != column {
                        attraction[i] += s;
                    }
                    if include_self || row != column {
                        let biased = s + bias(anchor, &other);
                        let top = select(biased > max[i], biased, max[i]);
                        sum[i] = sum[i] * (max[i] - top).exp() + (biased - top).exp();
                        max[i] = top;
                    } else if s.is_nan() {
                        sum[i] = s;
                    }
                }
            }
        }
    }
    let mut third = Shared::<[f32]>::new_slice(TILE * UNITS);
    #[unroll]
    for i in 0..EACH {
        let place = (down * EACH + i) * UNITS + across;
        left[place] = max[i];
        right[place] = sum[i];
        third[place] = attraction[i];
    }
    sync_cube();
    let unit = UNIT_POS as usize;
    let row = first + unit;
    if unit < TILE && row < rows {
        let mut top = left[unit * UNITS];
        for part in 0..UNITS {
            let max = left[unit * UNITS + part];
            top = select(max > top, max, top);
        }
        let mut total = 0.0f32;
        let mut attracted = 0.0f32;
        for part in 0..UNITS {
            let place = unit * UNITS + part;
            total += right[place] * (left[place] - top).exp();
            attracted += third[place];
        }
        // A row without any column has no positives either, and then this is multiplied by 0.
        let log = select(total == 0.0, 0.0f32, top + total.ln());
        log_sum_exp[row] = log;
        terms[row] = field(table, fields::REPULSION, row)
            * (log - field(table, fields::PRIOR, row))
            - field(table, fields::ATTRACTION, row) * attracted;
    }
}

/// `gradient`: `[columns, features]`, of the sum of the terms by every vector, as an anchor and as a column:
/// Σ_k (w_rk + w_kr) x_k with the derivatives w of the loss by the dot products. Every cube makes 64 rows and
/// 128 features of it.
#[cube(launch)]
pub fn gradient(
    x: &Tensor<f32>,
    table: &Tensor<f32>,
    log_sum_exp: &Tensor<f32>,
    gradient: &mut Tensor<f32>,
    #[comptime] include_self: bool,
) {
    let (across, down) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
    let first = CUBE_POS_X as usize * TILE;
    let first_feature = CUBE_POS_Y as usize * FEATURES;
    let (rows, columns, features) = (log_sum_exp.shape(0), x.shape(0), x.shape(1));
    let mut left = Shared::<[f32]>::new_aligned_slice(PART, ALIGNED);
    let mut right = Shared::<[f32]>::new_aligned_slice(PART, ALIGNED);
    let mut weights = Shared::<[f32]>::new_aligned_slice(TILE * LINE, ALIGNED);
    let mut dots = Array::<f32>::new(EACH * EACH);
    let mut sums = Array::<f32>::new(EACH * WIDE);
    #[unroll]
    for i in 0..EACH * WIDE {
        sums[i] = 0.0;
    }
    let mut own = Sequence::<Carried>::new();
    let mut own_log = Array::<f32>::new(EACH);
    #[unroll]
    for i in 0..EACH {
        own.push(carried(table, rows, first + down * EACH + i));
        let row = first + down * EACH + i;
        own_log[i] = log_sum_exp[select(row < rows, row, rows - 1)];
    }
    for tile in 0..columns.div_ceil(TILE) {
        similarities(x, first, tile * TILE, &mut left, &mut right, &mut dots);
        #[unroll]
        for j in 0..EACH {
            let column = tile * TILE + across + j * UNITS;
            let other = carried(table, rows, column);
            let other_log = log_sum_exp[select(column < rows, column, rows - 1)];
            #[unroll]
            for i in 0..EACH {
                let row = first + down * EACH + i;
                let mut weight = 0.0f32;
                if row < columns && column < columns {
                    let dot = dots[i * EACH + j];
                    let is_self = row == column;
                    weight = slope(&own[i], &other, dot, own_log[i], is_self, include_self)
                        + slope(&other, &own[i], dot, other_log, is_self, include_self);
                }
                weights[(across + j * UNITS) * LINE + down * EACH + i] = weight;
            }
        }
        for slab in 0..TILE / SLAB {
            sync_cube();
            let unit = UNIT_POS as usize;
            #[unroll]
            for part in 0..SLAB * FEATURES / (UNITS * UNITS) {
                let place = part * (UNITS * UNITS) + unit;
                let column = tile * TILE + slab * SLAB + place / FEATURES;
                left[place] = value(x, column, first_feature + place % FEATURES);
            }
            sync_cube();
            #[unroll]
            for k in 0..SLAB {
                #[unroll]
                for i in 0..EACH {
                    let weight = weights[(slab * SLAB + k) * LINE + down * EACH + i];
                    #[unroll]
                    for j in 0..WIDE {
                        sums[i * WIDE + j] += weight * left[k * FEATURES + across + j * UNITS];
                    }
                }
            }
        }
        sync_cube();
    }
    #[unroll]
    for i in 0..EACH {
        #[unroll]
        for j in 0..WIDE {
            let (row, feature) = (first + down * EACH + i, first_feature + across + j * UNITS);
            if row < columns && feature < features {
                let place = row * gradient.stride(0) + feature;
                gradient[place] = sums[i * WIDE + j];
            }
        }
    }
}

/// The derivative of the loss by the dot product of an anchor and a column: 0 of a prototype as an anchor.
#[cube]
fn slope(
    anchor: &Carried,
    column: &Carried,
    dot: f32,
    log_sum_exp: f32,
    is_self: bool,
    #[comptime] include_self: bool,
) -> f32 {
    let scale = anchor.anchor * column.contrast;
    let mut slope = 0.0f32;
    if anchor.is_anchor {
        if include_self || !is_self {
            let share = (scale * dot + bias(anchor, column) - log_sum_exp).exp();
            slope = anchor.repulsion * share * scale;
        }
        if anchor.label == column.label && !is_self {
            slope -= anchor.attraction * scale;
        }
    }
    slope
}

/// What a vector carries.
#[derive(CubeType)]
struct Carried {
    label: f32,
    bias_own: f32,
    bias_other: f32,
    contrast: f32,
    anchor: f32,
    repulsion: f32,
    attraction: f32,
    is_anchor: bool,
}

/// What a vector carries; the last one's for those beyond it.
#[cube]
fn carried(table: &Tensor<f32>, rows: usize, vector: usize) -> Carried {
    Carried {
        label: field(table, fields::LABEL, vector),
        bias_own: field(table, fields::BIAS_OWN, vector),
        bias_other: field(table, fields::BIAS_OTHER, vector),
        contrast: field(table, fields::CONTRAST, vector),
        anchor: field(table, fields::ANCHOR, vector),
        repulsion: field(table, fields::REPULSION, vector),
        attraction: field(table, fields::ATTRACTION, vector),
        is_anchor: vector < rows,
    }
}

/// The bias of a column for an anchor.
#[cube]
fn bias(anchor: &Carried, column: &Carried) -> f32 {
    select(anchor.label == column.label, column.bias_own, column.bias_other)
}

/// The dot products of 64 vectors from `first` on with 64 from `other` on: of each unit those of its 4 rows
/// with its 4 columns. Vectors beyond the last are 0.
#[cube]
fn similarities(
    x: &Tensor<f32>,
    first: usize,
    other: usize,
    left: &mut Shared<[f32]>,
    right: &mut Shared<[f32]>,
    dots: &mut Array<f32>,
) {
    let (across, down) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
    let unit = UNIT_POS as usize;
    #[unroll]
    for i in 0..EACH * EACH {
        dots[i] = 0.0;
    }
    for chunk in 0..x.shape(1).div_ceil(DEPTH) {
        #[unroll]
        for part in 0..TILE * DEPTH / (UNITS * UNITS) {
            let row = part * UNITS + unit / DEPTH;
            let feature = unit % DEPTH;
            let from = chunk * DEPTH + feature;
            left[feature * LINE + row] = value(x, first + row, from);
            right[feature * LINE + row] = value(x, other + row, from);
        }
        sync_cube();
        #[unroll]
        for k in 0..DEPTH {
            #[unroll]
            for i in 0..EACH {
                let own = left[k * LINE + down * EACH + i];
                #[unroll]
                for j in 0..EACH {
                    dots[i * EACH + j] += own * right[k * LINE + across + j * UNITS];
                }
            }
        }
        sync_cube();
    }
}

/// A value of the vectors; 0 beyond them.
#[cube]
fn value(x: &Tensor<f32>, row: usize, feature: usize) -> f32 {
    let mut value = 0.0f32;
    if row < x.shape(0) && feature < x.shape(1) {
        value = x[row * x.stride(0) + feature];
    }
    value
}

/// A field of a vector; the last one's for those beyond it.
#[cube]
fn field(table: &Tensor<f32>, #[comptime] field: usize, vector: usize) -> f32 {
    let last = table.shape(1) - 1;
    table[field * table.stride(0) + select(vector < last, vector, last)]
}
