//! Weights in the order in which the kernels read them.

use rayon::prelude::*;

use super::{
    element::Element,
    path::Kernels,
    phases::Phase,
    pool::{Pooled, take},
    scratch::{Borrowed, borrow, values},
    shape::Shape,
};

/// Outputs whose gradients one task sums over the chunks: a cache line of them.
const BLOCK: usize = 16;

/// Weights in blocks of output channels: `[blocks, rows, taps, block]`, in words.
pub(crate) struct Packed {
    pub words: Borrowed,
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
        at: impl Fn(usize, usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        let channels = outputs.next_multiple_of(K::LANES);
        let block = K::block(channels);
        let words_of_pixel = inputs.div_ceil(E::PER_WORD);
        let taps = columns * words_of_pixel;
        let mut words = borrow(channels * rows * taps);
        if channels > outputs || !inputs.is_multiple_of(E::PER_WORD) {
            words.fill(0.0);
        }
        let of_block = block * rows * taps * E::PER_WORD;
        let blocks = values::<E>(&mut words).par_chunks_mut(of_block);
        blocks.enumerate().for_each(|(index, packed)| {
            let outputs = index * block..((index + 1) * block).min(outputs);
            for (row, column) in (0..rows * columns).map(|tap| (tap / columns, tap % columns)) {
                for input in 0..inputs {
                    let tap = column * words_of_pixel + input / E::PER_WORD;
                    let first = (row * taps + tap) * block;
                    for (lane, output) in outputs.clone().enumerate() {
                        packed[(first + lane) * E::PER_WORD + input % E::PER_WORD] =
                            E::round(at(output, row, column, input));
                    }
                }
            }
        });
        Self { words, block, channels, rows, taps }
    }
}

/// The gradient that [`super::microkernel::Correlate`] sums, `[chunks, height, width · in, out]`, summed
/// over the chunks in their order, as `[out, in, height, width]`.
pub(crate) fn unpack_gradient(chunks: &[f32], shape: &Shape) -> Pooled<f32> {
    let [height, width] = shape.kernel;
    let of_output = shape.input * height * width;
    let mut gradient = take::<f32>(shape.weights());
    gradient.par_chunks_mut(BLOCK * of_output).enumerate().for_each(|(block, gradient)| {
        let outputs = gradient.len() / of_output;
        for index in 0..of_output {
            let mut sums = [0.0; BLOCK];
            for chunk in chunks.chunks_exact(shape.weights()) {
                let values = &chunk[index * shape.output + block * BLOCK..][..outputs];
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
            let (rest, input) = (index / shape.input, index % shape.input);
            let (row, column) = (rest / width, rest % width);
            let first = (input * height + row) * width + column;
            let to = gradient[first..].iter_mut().step_by(of_output);
            to.zip(sums).for_each(|(to, sum)| *to = sum);
        }
    });
    gradient
}
