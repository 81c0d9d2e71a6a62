//! Weights in the order in which the kernels read them.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    element::Element,
    path::Kernels,
    phases::Phase,
    pool::{Pooled, take},
    scratch::values,
    shape::Shape,
    words::Words,
};

/// Outputs whose gradients one task sums over the chunks: a cache line of them.
const BLOCK: usize = 16;
/// Inputs whose weights are laid out together: a cache line of them, where a kernel is one pixel.
const INPUTS: usize = 16;

/// In which order weights lie in memory, so that a line of them is fetched once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// All inputs of an output.
    OutputsFirst,
    /// All outputs of an input.
    InputsFirst,
}

impl Order {
    /// Calls `work` with every lane and input of so many, in this order.
    fn each(self, lanes: usize, inputs: Range<usize>, mut work: impl FnMut(usize, usize)) {
        match self {
            Self::OutputsFirst => {
                for lane in 0..lanes {
                    inputs.clone().for_each(|input| work(lane, input));
                }
            }
            Self::InputsFirst => {
                for input in inputs {
                    (0..lanes).for_each(|lane| work(lane, input));
                }
            }
        }
    }
}

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
        let sizes = [shape.output, height, width, shape.input];
        Self::pack::<K, E>(sizes, Order::OutputsFirst, at)
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
        let sizes = [shape.input, down.taps, across.taps, shape.output];
        Self::pack::<K, E>(sizes, Order::InputsFirst, at)
    }

    fn pack<K: Kernels, E: Element>(
        [outputs, rows, columns, inputs]: [usize; 4],
        order: Order,
        at: impl Fn(usize, usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        let channels = outputs.next_multiple_of(K::LANES);
        let block = K::block(channels);
        let words_of_pixel = inputs.div_ceil(E::PER_WORD);
        let taps = columns * words_of_pixel;
        let mut words = Words::zeros(channels * rows * taps);
        let of_block = block * rows * taps * E::PER_WORD;
        let blocks = values::<E>(&mut words).par_chunks_mut(of_block);
        blocks.enumerate().for_each(|(index, packed)| {
            let outputs = index * block..((index + 1) * block).min(outputs);
            for first in (0..inputs).step_by(INPUTS) {
                let inputs = first..(first + INPUTS).min(inputs);
                order.each(outputs.len(), inputs, |lane, input| {
                    for (row, column) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
                        let tap = column * words_of_pixel + input / E::PER_WORD;
                        let word = (row * taps + tap) * block + lane;
                        packed[word * E::PER_WORD + input % E::PER_WORD] =
                            E::round(at(outputs.start + lane, row, column, input));
                    }
                });
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
    let taps = height * width;
    gradient.par_chunks_mut(BLOCK * of_output).enumerate().for_each(|(block, gradient)| {
        let outputs = gradient.len() / of_output;
        let mut sums = vec![[0.0; BLOCK]; INPUTS * taps];
        for first in (0..shape.input).step_by(INPUTS) {
            let inputs = INPUTS.min(shape.input - first);
            for (input, tap) in (0..taps).flat_map(|tap| (0..inputs).map(move |i| (i, tap))) {
                let sums = &mut sums[input * taps + tap];
                *sums = [0.0; BLOCK];
                let index = tap * shape.input + first + input;
                for chunk in chunks.chunks_exact(shape.weights()) {
                    let values = &chunk[index * shape.output + block * BLOCK..][..outputs];
                    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                }
            }
            for (output, gradient) in gradient.chunks_exact_mut(of_output).enumerate() {
                let to = gradient[first * taps..][..inputs * taps].iter_mut();
                to.zip(&sums).for_each(|(to, sums)| *to = sums[output]);
            }
        }
    });
    gradient
}
