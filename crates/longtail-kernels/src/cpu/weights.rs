//! Weights in the order in which the kernels read them.

use super::{element::Element, path::Kernels, scratch::values, shape::Shape};

/// Weights in blocks of output channels: `[blocks, rows, taps, block]`, in words.
pub(crate) struct Packed {
    pub words: Vec<f32>,
    /// Output channels of a block.
    pub block: usize,
    /// Output channels, filled up with zeros to whole blocks.
    pub channels: usize,
    /// Kernel rows.
    pub rows: usize,
    /// Words of a kernel row.
    pub taps: usize,
}

impl Packed {
    /// For the convolution itself; `weight`: `[out, in, height, width]`.
    pub fn forward<K: Kernels, E: Element>(weight: &[f32], shape: &Shape) -> Self {
        let [height, width] = shape.kernel;
        let at = |out: usize, row: usize, column: usize, input: usize| {
            weight[((out * shape.input + input) * height + row) * width + column]
        };
        Self::pack::<K, E>([shape.output, height, width, shape.input], at)
    }

    /// For the gradient of its input: the kernel turned about, its inputs and outputs exchanged.
    pub fn backward<K: Kernels, E: Element>(weight: &[f32], shape: &Shape) -> Self {
        let [height, width] = shape.kernel;
        let at = |input: usize, row: usize, column: usize, out: usize| {
            let (row, column) = (height - 1 - row, width - 1 - column);
            weight[((out * shape.input + input) * height + row) * width + column]
        };
        Self::pack::<K, E>([shape.input, height, width, shape.output], at)
    }

    fn pack<K: Kernels, E: Element>(
        [outputs, rows, columns, inputs]: [usize; 4],
        at: impl Fn(usize, usize, usize, usize) -> f32,
    ) -> Self {
        let channels = outputs.next_multiple_of(K::LANES);
        let block = K::block(channels);
        let words_of_pixel = inputs.div_ceil(E::PER_WORD);
        let taps = columns * words_of_pixel;
        let mut words = vec![0.0; channels * rows * taps];
        let packed = values::<E>(&mut words);
        for output in 0..outputs {
            let (first, lane) = (output / block * block, output % block);
            for row in 0..rows {
                for column in 0..columns {
                    for input in 0..inputs {
                        let tap = column * words_of_pixel + input / E::PER_WORD;
                        let word = first * rows * taps + (row * taps + tap) * block + lane;
                        packed[word * E::PER_WORD + input % E::PER_WORD] =
                            E::round(at(output, row, column, input));
                    }
                }
            }
        }
        Self { words, block, channels, rows, taps }
    }
}

/// The gradient that [`super::micro::Correlate`] sums, `[chunks, height, width · in, out]`, summed
/// over the chunks in their order, as `[out, in, height, width]`.
pub(crate) fn unpack_gradient(chunks: &[f32], shape: &Shape) -> Vec<f32> {
    let [height, width] = shape.kernel;
    let mut sums = vec![0.0; shape.weights()];
    for chunk in chunks.chunks_exact(shape.weights()) {
        sums.iter_mut().zip(chunk).for_each(|(sum, value)| *sum += value);
    }
    let mut gradient = vec![0.0; shape.weights()];
    for (index, value) in sums.into_iter().enumerate() {
        let (rest, out) = (index / shape.output, index % shape.output);
        let (rest, input) = (rest / shape.input, rest % shape.input);
        let (row, column) = (rest / width, rest % width);
        gradient[((out * shape.input + input) * height + row) * width + column] = value;
    }
    gradient
}
