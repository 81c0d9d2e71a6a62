//! Weights in the order in which the kernels read them.

use rayon::prelude::*;

use super::{
    element::Element, path::Kernels, phases::Phase, scratch::values, shape::Shape, words::Words,
};

/// Weights that one task sums over the chunks.
const PART: usize = 1024;

/// Weights in blocks of output channels: `[blocks, rows, taps, block]`, in words.
pub(crate) struct Packed {
    pub words: Words,
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

    /// For the pixels of the input's gradient that these taps meet, inputs and outputs exchanged.
    pub fn backward<K: Kernels, E: Element>(
        weight: &[f32],
        shape: &Shape,
        [down, across]: [Phase; 2],
    ) -> Self {
        let [height, width] = shape.kernel;
        let at = |input: usize, row: usize, column: usize, out: usize| {
            let (row, column) = (down.tap - shape.stride * row, across.tap - shape.stride * column);
            weight[((out * shape.input + input) * height + row) * width + column]
        };
        Self::pack::<K, E>([shape.input, down.taps, across.taps, shape.output], at)
    }

    fn pack<K: Kernels, E: Element>(
        [outputs, rows, columns, inputs]: [usize; 4],
        at: impl Fn(usize, usize, usize, usize) -> f32,
    ) -> Self {
        let channels = outputs.next_multiple_of(K::LANES);
        let block = K::block(channels);
        let words_of_pixel = inputs.div_ceil(E::PER_WORD);
        let taps = columns * words_of_pixel;
        let mut words = Words::zeros(channels * rows * taps);
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

/// The gradient that [`super::microkernel::Correlate`] sums, `[chunks, height, width · in, out]`, summed
/// over the chunks in their order, as `[out, in, height, width]`.
pub(crate) fn unpack_gradient(chunks: &[f32], shape: &Shape) -> Vec<f32> {
    let mut sums = vec![0.0; shape.weights()];
    sums.par_chunks_mut(PART).enumerate().for_each(|(part, sums)| {
        for chunk in chunks.chunks_exact(shape.weights()) {
            let values = &chunk[part * PART..][..sums.len()];
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
    });
    let [height, width] = shape.kernel;
    let mut gradient = vec![0.0; shape.weights()];
    for (index, values) in sums.chunks_exact(shape.output).enumerate() {
        let (rest, input) = (index / shape.input, index % shape.input);
        let (row, column) = (rest / width, rest % width);
        let first = (input * height + row) * width + column;
        let step = shape.input * height * width;
        gradient[first..].iter_mut().step_by(step).zip(values).for_each(|(to, from)| *to = *from);
    }
    gradient
}
