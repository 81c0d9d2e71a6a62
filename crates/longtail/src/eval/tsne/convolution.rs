//! The field of the kernel 1 / (1 + d²) around charges on a grid, by Fourier transforms.

use longtail_fft::{Complex, GridPlans};
use rayon::prelude::*;

use super::spline;

/// Rows that one thread takes on at a time, and columns: a cache line of complex numbers.
pub(super) const ROWS: usize = 16;
const COLUMNS: usize = 8;
/// Nodes between the kernel's two ends on the padded grid, over which what their jump does dies away.
const SLACK: usize = 12;

type Number = Complex<f32>;

/// The convolution of a grid of charges with 1 / (1 + d²) − [`offset`](Self::offset), less what the splines damp that
/// bring charges to the grid and the field back.
pub(super) struct Convolution {
    /// Nodes that may hold charges, `[x, y]`.
    pub nodes: [usize; 2],
    /// Distance of two nodes.
    pub spacing: f64,
    /// Taken off the kernel, so that little is left of it where all points are near.
    pub offset: f64,
    padded: [usize; 2],
    plans: GridPlans,
    /// The kernel's transform, which is real: `[padded x / 2 + 1, padded y]`.
    factors: Vec<f32>,
    /// Rows after their transform: `[nodes y, padded x / 2 + 1]`.
    spectrum: Vec<Number>,
    /// Columns after theirs and back: `[blocks, nodes y, COLUMNS]`.
    filtered: Vec<[Number; COLUMNS]>,
}

impl Convolution {
    /// Over at least `nodes`, a `spacing` apart.
    pub fn new(nodes: [usize; 2], spacing: f64) -> Self {
        let padded = nodes.map(|nodes| quick_length(2 * nodes + SLACK));
        // What a larger transform has room for can be used.
        let nodes = padded.map(|padded| (padded - SLACK) / 2);
        let half = padded[0] / 2 + 1;
        let mut made = Self {
            nodes,
            spacing,
            offset: kernel(spacing * (padded[0].max(padded[1]) / 2) as f64, 0.0),
            padded,
            plans: GridPlans::new(padded),
            factors: Vec::new(),
            spectrum: vec![Number::default(); half * nodes[1]],
            filtered: vec![Default::default(); half.div_ceil(COLUMNS) * nodes[1]],
        };
        made.factors = made.kernel_transform();
        made
    }

    /// Numbers of a row of the field, of which the first `nodes[0]` are those of nodes.
    pub fn row_length(&self) -> usize {
        self.padded[0]
    }

    /// The field at all nodes, `[nodes y, row length]`, of the charges that `charges` puts into the rows of a block of
    /// [`ROWS`], which it finds empty.
    pub fn field(&mut self, charges: impl Fn(usize, &mut [f32]) + Sync, field: &mut Vec<f32>) {
        self.transform_rows(charges);
        self.filter_columns();
        field.resize(self.nodes[1] * self.padded[0], 0.0);
        self.rows_back(field);
    }

    fn transform_rows(&mut self, charges: impl Fn(usize, &mut [f32]) + Sync) {
        let (length, half) = (self.padded[0], self.padded[0] / 2 + 1);
        let plan = &self.plans.rows;
        let buffers = || (vec![0.0; ROWS * length], plan.make_scratch_vec());
        self.spectrum.par_chunks_mut(ROWS * half).enumerate().for_each_init(
            buffers,
            |(rows, scratch), (block, spectrum)| {
                let rows = &mut rows[..spectrum.len() / half * length];
                rows.fill(0.0);
                charges(block, rows);
                for (row, spectrum) in
                    rows.chunks_exact_mut(length).zip(spectrum.chunks_exact_mut(half))
                {
                    let done = plan.process_with_scratch(row, spectrum, scratch);
                    done.expect("the lengths are those of the plan");
                }
            },
        );
    }

    fn filter_columns(&mut self) {
        let ([_, rows], [_, length]) = (self.nodes, self.padded);
        let half = self.padded[0] / 2 + 1;
        let GridPlans { columns: forward, columns_back: backward, .. } = &self.plans;
        let scratch = forward.get_inplace_scratch_len().max(backward.get_inplace_scratch_len());
        let buffers =
            || (vec![Number::default(); COLUMNS * length], vec![Number::default(); scratch]);
        let (spectrum, factors) = (&self.spectrum, &self.factors);
        self.filtered.par_chunks_mut(rows).enumerate().for_each_init(
            buffers,
            |(columns, scratch), (block, filtered)| {
                let first = block * COLUMNS;
                let width = COLUMNS.min(half - first);
                let columns = &mut columns[..width * length];
                columns.fill(Number::default());
                for (row, spectrum) in spectrum.chunks_exact(half).enumerate() {
                    for (column, value) in spectrum[first..first + width].iter().enumerate() {
                        columns[column * length + row] = *value;
                    }
                }
                forward.process_with_scratch(columns, scratch);
                let factors = &factors[first * length..];
                columns.iter_mut().zip(factors).for_each(|(value, factor)| *value *= *factor);
                backward.process_with_scratch(columns, scratch);
                for (row, filtered) in filtered.iter_mut().enumerate() {
                    for (column, value) in filtered[..width].iter_mut().enumerate() {
                        *value = columns[column * length + row];
                    }
                }
            },
        );
    }

    fn rows_back(&self, field: &mut [f32]) {
        let (length, half) = (self.padded[0], self.padded[0] / 2 + 1);
        let plan = &self.plans.rows_back;
        let buffers = || (vec![Number::default(); half], plan.make_scratch_vec());
        field.par_chunks_mut(length).with_min_len(ROWS / 2).enumerate().for_each_init(
            buffers,
            |(line, scratch), (row, field)| {
                let blocks = self.filtered.chunks_exact(self.nodes[1]);
                for (line, block) in line.chunks_mut(COLUMNS).zip(blocks) {
                    line.copy_from_slice(&block[row][..line.len()]);
                }
                // Of real numbers these two are real; rounding made them nearly so.
                line[0].im = 0.0;
                line[half - 1].im = 0.0;
                let done = plan.process_with_scratch(line, field, scratch);
                done.expect("the lengths are those of the plan");
            },
        );
    }

    /// By the same transforms, over what splines damp, over the number of nodes.
    fn kernel_transform(&self) -> Vec<f32> {
        let ([across, down], half) = (self.padded, self.padded[0] / 2 + 1);
        let away = |node: usize, length: usize| node.min(length - node) as f64 * self.spacing;
        let mut rows = vec![Number::default(); half * (down / 2 + 1)];
        rows.par_chunks_exact_mut(half).enumerate().for_each(|(row, spectrum)| {
            let y = away(row, down);
            let at = |node| (kernel(away(node, across), y) - self.offset) as f32;
            let mut line: Vec<f32> = (0..across).map(at).collect();
            self.plans.rows.process(&mut line, spectrum).expect("the lengths are the plan's");
        });
        let undamped = |length: usize| -> Vec<f64> {
            let damping = |node: usize| spline::damping(node as f64 / length as f64);
            (0..length).map(|node| 1.0 / (damping(node).powi(2) * length as f64)).collect()
        };
        let (of_columns, of_rows) = (undamped(across), undamped(down));
        let mut factors = vec![0.0; half * down];
        factors.par_chunks_exact_mut(down).enumerate().for_each(|(column, factors)| {
            // The rows of one half are those of the other.
            let at = |row: usize| rows[row.min(down - row) * half + column];
            let mut line: Vec<Number> = (0..down).map(at).collect();
            self.plans.columns.process(&mut line);
            for ((factor, value), of_row) in factors.iter_mut().zip(line).zip(&of_rows) {
                *factor = (f64::from(value.re) * of_columns[column] * of_row) as f32;
            }
        });
        factors
    }
}

fn kernel(x: f64, y: f64) -> f64 {
    1.0 / (1.0 + x * x + y * y)
}

/// The least even length from `least` on whose transform is quick: 2^a · {1, 3, 5, 9}.
fn quick_length(least: usize) -> usize {
    let of = |odd: usize| {
        let mut length = 2 * odd;
        while length < least {
            length *= 2;
        }
        length
    };
    [1, 3, 5, 9].into_iter().map(of).min().unwrap_or(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_even_and_not_much_longer_than_asked_for() {
        for least in 2..5000 {
            let length = quick_length(least);
            let spare = length as f64 / least.max(6) as f64;
            assert!(
                length >= least && length.is_multiple_of(2) && spare < 1.34,
                "{least}: {length}"
            );
        }
    }
}
