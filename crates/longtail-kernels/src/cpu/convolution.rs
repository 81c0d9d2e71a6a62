//! Images through a convolution, forward and backward.

use std::ops::Range;

use super::{
    element::Element,
    epilogue::Epilogue,
    grouped::Grouped,
    microkernel::{ConvRow, Correlate},
    padded::Padded,
    path::Kernels,
    phases::Phase,
    scratch::{Scratch, any, values, zeros},
    shape::Shape,
    source::Source,
    weights::Packed,
    winograd::{self, Filters, Plan},
};

/// Bytes of weights beyond which a kernel row at a time is used on the whole image, so that it stays
/// in the first cache.
const CACHE: usize = 40 << 10;
/// Bytes of input and gradient that one turn of the weights' gradient works on, so that they stay in
/// the first cache from tap to tap.
const TURN: usize = 20 << 10;
/// Pixels of one turn at least, where a row of them does not stay in that cache.
const LEAST_PIXELS: usize = 64;

/// A convolution with its weights laid out for the way in which it is computed.
pub(crate) enum Convolution {
    /// As it is defined.
    Direct(Packed),
    /// See [`grouped`](super::grouped).
    Grouped(Grouped),
    /// See [`winograd`].
    Winograd(Plan, Filters),
}

impl Convolution {
    /// Of `weight`, `[out, in, height, width]`.
    pub fn new<K: Kernels, E: Element>(weight: &[f32], shape: &Shape) -> Self {
        if shape.groups > 1 {
            return Self::Grouped(Grouped::new::<K, E>(weight, shape));
        }
        match Plan::of::<K>(shape) {
            Some(plan) => Self::Winograd(plan, Filters::forward::<K>(weight, shape)),
            None => Self::Direct(Packed::forward::<K, E>(weight, shape)),
        }
    }

    /// Images that [`Convolution::run`] takes at once.
    pub fn images(&self) -> usize {
        match self {
            Self::Direct(_) | Self::Grouped(_) => 1,
            Self::Winograd(plan, _) => plan.images,
        }
    }

    /// Zeros where the padding will stay.
    pub fn begin<E: Element>(&self, shape: &Shape, scratch: &mut Scratch) {
        if let Self::Direct(_) = self {
            zeros(&mut scratch.input, Padded::input::<E>(shape).len());
        }
    }

    /// Convolves some images of the source, each of which `epilogues` says what to do with.
    pub fn run<'a, K: Kernels, E: Element>(
        &self,
        source: &Source<'a, E>,
        shape: &Shape,
        images: Range<usize>,
        scratch: &mut Scratch,
        epilogues: impl Iterator<Item = Epilogue<'a, E>>,
    ) {
        match self {
            Self::Direct(packed) => {
                for (image, epilogue) in images.zip(epilogues) {
                    source.fill::<K>(shape, image, &mut scratch.input);
                    directly::<K, E>(packed, shape, scratch, epilogue);
                }
            }
            Self::Grouped(grouped) => {
                grouped.run::<K, E>(source, shape, images, scratch, epilogues);
            }
            Self::Winograd(plan, filters) => {
                let images = images.map(|image| source.image(shape, image));
                winograd::convolve::<K, E, E>(filters, plan, images, scratch, epilogues);
            }
        }
    }
}

/// The convolution of the padded image, made where it is kept if that holds f32.
fn directly<K: Kernels, E: Element>(
    packed: &Packed,
    shape: &Shape,
    scratch: &mut Scratch,
    mut epilogue: Epilogue<'_, E>,
) {
    let padded = Padded::input::<E>(shape);
    let Scratch { input, image, .. } = scratch;
    let grid = Grid::outputs(shape);
    let elsewhere = match E::as_f32(epilogue.image()) {
        Some(kept) => {
            convolve::<K, E>(packed, input, &padded, &grid, kept);
            None
        }
        None => {
            let wide = any(image, shape.output_image());
            convolve::<K, E>(packed, input, &padded, &grid, wide);
            Some(wide.as_ptr())
        }
    };
    let epilogue = epilogue.raw::<K>(shape.out_pixels(), shape.output);
    let wide = elsewhere.unwrap_or_else(|| epilogue.image().cast());
    // SAFETY: what was borrowed outlives this call; `wide` is one output image, and is where the image is
    // kept only if that holds f32.
    unsafe { epilogue.run::<K>(wide, 0, shape.out_pixels()) }
}

/// Which pixels of a padded image a convolution reads, and which it writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    /// First tap of the first output, row and column in the scratch.
    pub from: [usize; 2],
    /// Pixels from the taps of one output to those of the next.
    pub stride: usize,
    /// First output, row and column.
    pub to: [usize; 2],
    /// Pixels from one output to the next.
    pub every: usize,
    /// Outputs down and across.
    pub count: [usize; 2],
    /// Pixels of a row of outputs.
    pub width: usize,
}

impl Grid {
    /// The outputs of a convolution.
    pub fn outputs(shape: &Shape) -> Self {
        let count = [shape.out_height(), shape.out_width()];
        let (from, to) = ([0, 0], [0, 0]);
        Self { from, stride: shape.stride, to, every: 1, count, width: shape.out_width() }
    }

    /// The pixels of an input's gradient that the same taps meet.
    pub fn inputs(shape: &Shape, phases: [Phase; 2]) -> Self {
        let before = [0, 1].map(|axis| Phase::around(shape, axis)[0]);
        let from = [0, 1].map(|axis| (before[axis] as isize + phases[axis].from) as usize);
        let (to, count) = (phases.map(|phase| phase.first), phases.map(|phase| phase.count));
        Self { from, stride: 1, to, every: shape.stride, count, width: shape.width }
    }

    /// That all is where it has to be, of a kernel of so many rows of so many words, into an image of so many channels.
    pub fn check(&self, [rows, taps]: [usize; 2], channels: usize, padded: &Padded, out: usize) {
        let [down, across] = self.count.map(|count| count - 1);
        assert!(
            self.from[0] + down * self.stride + rows <= padded.height
                && (self.from[1] + across * self.stride) * padded.words + taps <= padded.row(),
            "the taps of the last output lie in the scratch"
        );
        assert!(
            self.to[1] + across * self.every < self.width
                && (self.to[0] + down * self.every + 1) * self.width * channels <= out,
            "the last output lies in its image"
        );
    }
}

/// A convolution of one padded image, into an image of `packed.channels`.
pub(crate) fn convolve<K: Kernels, E: Element>(
    packed: &Packed,
    scratch: &[f32],
    padded: &Padded,
    grid: &Grid,
    out: &mut [f32],
) {
    assert_eq!(scratch.len(), padded.len());
    assert_eq!(packed.words.len(), packed.channels * packed.rows * packed.taps);
    grid.check([packed.rows, packed.taps], packed.channels, padded, out.len());
    let of_row = packed.taps * packed.block;
    let split = packed.block * packed.rows * packed.taps * size_of::<f32>() > CACHE;
    let (passes, taps_y) = if split { (packed.rows, 1) } else { (1, packed.rows) };
    for block in (0..packed.channels).step_by(packed.block) {
        let weights = &packed.words[block * packed.rows * packed.taps..];
        for pass in 0..passes {
            for row in 0..grid.count[0] {
                let from = padded.at(grid.from[0] + row * grid.stride + pass, grid.from[1]);
                let to = (grid.to[0] + row * grid.every) * grid.width + grid.to[1];
                let work = ConvRow {
                    x: scratch[from..].as_ptr(),
                    row: padded.row(),
                    step: grid.stride * padded.words,
                    taps_y,
                    taps_x: packed.taps,
                    weights: weights[pass * of_row..].as_ptr(),
                    out: out[to * packed.channels + block..].as_mut_ptr(),
                    out_step: grid.every * packed.channels,
                    count: grid.count[1],
                    accumulate: pass > 0,
                };
                // SAFETY: `check` and the asserts above keep the last tap, weight and output in their
                // slices; the path of `K` is available.
                unsafe { K::conv_row::<E>(&work, packed.block) }
            }
        }
    }
}

/// Where the kernels of [`correlate`] find their words, for each turn over some output rows.
struct Operands<'a> {
    x: &'a [f32],
    /// Word of the first tap of output row `row` at kernel row and group of taps.
    x_at: &'a dyn Fn(usize, usize, usize) -> usize,
    x_row: usize,
    x_step: usize,
    dy: &'a [f32],
    dy_first: usize,
    dy_row: usize,
    dy_step: usize,
    /// Pixels, or pairs of them, of an output row.
    columns: usize,
    /// Groups of taps of a kernel row, and taps of a group.
    groups: usize,
    taps: usize,
}

/// Adds one image's share of the weights' gradient, `[height, width · in, out]`, to `dw`: of the
/// padded input and gradient in the scratch.
pub(crate) fn correlate<K: Kernels, E: Element>(
    shape: &Shape,
    scratch: &mut Scratch,
    dw: &mut [f32],
) {
    let (x, dy) = (Padded::input::<E>(shape), Padded::gradient::<E>(shape));
    assert_eq!(scratch.input.len(), x.len());
    assert_eq!(scratch.gradient.len(), dy.len());
    assert_eq!(dw.len(), shape.weights());
    assert!(shape.output.is_multiple_of(K::LANES));
    if E::PER_WORD == 1 {
        let operands = Operands {
            x: &scratch.input,
            x_at: &|row, kernel_row, _| x.at(row * shape.stride + kernel_row, 0),
            x_row: shape.stride * x.row(),
            x_step: shape.stride * x.words,
            dy: &scratch.gradient,
            dy_first: dy.gradient_offset(shape),
            dy_row: dy.row(),
            dy_step: dy.words,
            columns: shape.out_width(),
            groups: 1,
            taps: shape.taps(),
        };
        return turns::<K, E>(shape, &operands, dw);
    }
    pair_input::<K, E>(shape, &x, scratch);
    pair_gradient::<K, E>(shape, &dy, scratch);
    let pairs = shape.out_width().div_ceil(2);
    let row = pairs * shape.input;
    let operands = Operands {
        x: &scratch.input_pairs,
        x_at: &|out_row, kernel_row, group| {
            (group * x.height + out_row * shape.stride + kernel_row) * row
        },
        x_row: shape.stride * row,
        x_step: shape.input,
        dy: &scratch.gradient_pairs,
        dy_first: 0,
        dy_row: pairs * shape.output,
        dy_step: shape.output,
        columns: pairs,
        groups: shape.kernel[1],
        taps: shape.input,
    };
    turns::<K, E>(shape, &operands, dw);
}

/// Some output rows after the other, or parts of one, each with every tap.
fn turns<K: Kernels, E: Element>(shape: &Shape, a: &Operands<'_>, dw: &mut [f32]) {
    let [rows, columns] = turn(shape, a);
    let of_group = a.taps * shape.output;
    let row_starts = (0..shape.out_height()).step_by(rows);
    let starts = row_starts.flat_map(|row| (0..a.columns).step_by(columns).map(move |c| (row, c)));
    for (row, column) in starts {
        for tap in 0..shape.kernel[0] * a.groups {
            let (kernel_row, group) = (tap / a.groups, tap % a.groups);
            let x = (a.x_at)(row, kernel_row, group) + column * a.x_step;
            let dy = a.dy_first + row * a.dy_row + column * a.dy_step;
            let work = Correlate {
                x: a.x[x..].as_ptr(),
                x_row: a.x_row,
                x_step: a.x_step,
                dy: a.dy[dy..].as_ptr(),
                dy_row: a.dy_row,
                dy_step: a.dy_step,
                rows: rows.min(shape.out_height() - row),
                columns: columns.min(a.columns - column),
                taps: a.taps,
                dw: dw[tap * of_group..(tap + 1) * of_group].as_mut_ptr(),
                channels: shape.output,
                accumulate: true,
            };
            // SAFETY: `Shape` guarantees that the last tap of the last output lies in the
            // padded input, and that the last output lies in the padded gradient; pairs are
            // laid out for every row and group. The path of `K` is available.
            unsafe { K::correlate::<E>(&work) }
        }
    }
}

/// Rows of one turn, and columns or pairs of them: rows that stay in the first cache. Where one does not, the gradient has
/// to be met by more pixels than those of a short one, or by a part of a long one.
fn turn(shape: &Shape, a: &Operands<'_>) -> [usize; 2] {
    let of_row = size_of::<f32>() * (a.x_row * a.groups + a.columns * shape.output);
    let rows = match TURN / of_row {
        0 => LEAST_PIXELS.div_ceil(shape.out_width()),
        rows => rows,
    };
    let columns = match of_row > TURN && rows == 1 {
        true => (TURN * a.columns / of_row).max(LEAST_PIXELS * a.columns / shape.out_width()),
        false => a.columns,
    };
    [rows.min(shape.out_height()), columns.clamp(1, a.columns)]
}

/// For every column of the kernel a copy of the padded input in which the values that neighbouring
/// outputs meet there stand side by side: `[kernel width, height, pairs, in]`.
fn pair_input<K: Kernels, E: Element>(shape: &Shape, padded: &Padded, scratch: &mut Scratch) {
    let (pairs, input) = (shape.out_width().div_ceil(2), shape.input);
    let words = shape.kernel[1] * padded.height * pairs * input;
    let out = values::<E>(any(&mut scratch.input_pairs, words));
    let from = values::<E>(&mut scratch.input);
    let pixel = padded.words * E::PER_WORD;
    for (line, out) in out.chunks_exact_mut(2 * pairs * input).enumerate() {
        let (column, row) = (line / padded.height, line % padded.height);
        let row = &from[row * padded.width * pixel..][..padded.width * pixel];
        for (pair, out) in out.chunks_exact_mut(2 * input).enumerate() {
            let at = |output: usize| (output * shape.stride + column) * pixel;
            let first = &row[at(2 * pair)..][..input];
            // A last pixel without a neighbour is met by a gradient of zeros.
            let has_second = 2 * pair + 1 < shape.out_width();
            let second = if has_second { &row[at(2 * pair + 1)..][..input] } else { first };
            // SAFETY: both hold `input` values and `out` twice as many.
            unsafe { K::interleave(first.as_ptr(), second.as_ptr(), out.as_mut_ptr(), input) }
        }
    }
}

/// The gradient with the values of neighbouring pixels side by side: `[out height, pairs, out]`.
fn pair_gradient<K: Kernels, E: Element>(shape: &Shape, padded: &Padded, scratch: &mut Scratch) {
    let (pairs, output) = (shape.out_width().div_ceil(2), shape.output);
    let words = shape.out_height() * pairs * output;
    let out = values::<E>(any(&mut scratch.gradient_pairs, words));
    let first = padded.gradient_offset(shape) * E::PER_WORD;
    let from = values::<E>(&mut scratch.gradient);
    let (step, row_step) = (output, padded.row() * E::PER_WORD);
    for (row, out) in out.chunks_exact_mut(2 * pairs * output).enumerate() {
        for (pair, out) in out.chunks_exact_mut(2 * output).enumerate() {
            let at = first + row * row_step + 2 * pair * step;
            let one = &from[at..][..output];
            if 2 * pair + 1 < shape.out_width() {
                let other = &from[at + step..][..output];
                // SAFETY: both hold `output` values and `out` twice as many.
                unsafe { K::interleave(one.as_ptr(), other.as_ptr(), out.as_mut_ptr(), output) }
            } else {
                let values = out.chunks_exact_mut(2).zip(one);
                values.for_each(|(pair, value)| pair.copy_from_slice(&[*value, E::round(0.0)]));
            }
        }
    }
}
