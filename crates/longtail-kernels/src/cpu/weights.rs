//! Weights in the order in which the kernels read them.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    element::Element,
    path::Kernels,
    phases::Phase,
    pool::{Pooled, take},
    scratch::{Borrowed, borrow, values},
    shape::Shape,
};

/// Outputs, and inputs, that are put in another order at once: a cache line of them.
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

/// Weights `[out, in, height, width]` as a convolution reads them: how far they lie from its outputs to the next, and from
/// its inputs to the next.
struct Weights<'a> {
    values: &'a [f32],
    of_output: usize,
    of_input: usize,
}

impl Packed {
    /// For the convolution itself; `weight`: `[out, in, height, width]`.
    pub fn forward<K: Kernels, E: Element>(weight: &[f32], shape: &Shape) -> Self {
        let [height, width] = shape.kernel;
        let of_input = height * width;
        let weights = Weights { values: weight, of_output: shape.input * of_input, of_input };
        let size = [shape.output, height, width, shape.input];
        Self::pack::<K, E>(size, &weights, |row, column| row * width + column)
    }

    /// For the pixels of the input's gradient that these taps meet, inputs and outputs exchanged.
    pub fn backward<K: Kernels, E: Element>(
        weight: &[f32],
        shape: &Shape,
        [down, across]: [Phase; 2],
    ) -> Self {
        let [height, width] = shape.kernel;
        let of_output = height * width;
        let weights = Weights { values: weight, of_output, of_input: shape.input * of_output };
        let size = [shape.input, down.taps, across.taps, shape.output];
        Self::pack::<K, E>(size, &weights, |row, column| {
            let (row, column) = (down.tap - shape.stride * row, across.tap - shape.stride * column);
            row * width + column
        })
    }

    fn pack<K: Kernels, E: Element>(
        [outputs, rows, columns, inputs]: [usize; 4],
        weights: &Weights<'_>,
        tap_at: impl Fn(usize, usize) -> usize + Sync,
    ) -> Self {
        let channels = outputs.next_multiple_of(K::LANES);
        let block = K::block(channels);
        let words_of_pixel = inputs.div_ceil(E::PER_WORD);
        let taps = columns * words_of_pixel;
        let mut words = borrow(channels * rows * taps);
        if channels > outputs || !inputs.is_multiple_of(E::PER_WORD) {
            words.fill(0.0);
        }
        let of_tap = words_of_pixel * block * E::PER_WORD;
        let blocks = values::<E>(&mut words).par_chunks_mut(rows * columns * of_tap);
        blocks.enumerate().for_each(|(index, packed)| {
            let outputs = index * block..((index + 1) * block).min(outputs);
            for (tap, packed) in packed.chunks_exact_mut(of_tap).enumerate() {
                let weights = Weights {
                    values: &weights.values[tap_at(tap / columns, tap % columns)..],
                    ..*weights
                };
                weights.pack_tap(outputs.clone(), inputs, block, packed);
            }
        });
        Self { words, block, channels, rows, taps }
    }
}

impl Weights<'_> {
    /// One tap's weights of some outputs, `[inputs / PER_WORD, block, PER_WORD]`; read as they lie side by side, some inputs
    /// at a time, so that what is written stays in the first cache.
    fn pack_tap<E: Element>(
        &self,
        outputs: Range<usize>,
        inputs: usize,
        block: usize,
        packed: &mut [E],
    ) {
        let Self { values, of_output, of_input } = *self;
        let to = |input: usize, lane: usize| {
            (input / E::PER_WORD * block + lane) * E::PER_WORD + input % E::PER_WORD
        };
        for first in (0..inputs).step_by(BLOCK) {
            let inputs = first..(first + BLOCK).min(inputs);
            if of_output < of_input {
                for input in inputs {
                    let from = values[input * of_input + outputs.start * of_output..].iter();
                    let lanes = from.step_by(of_output).take(outputs.len()).enumerate();
                    lanes.for_each(|(lane, value)| packed[to(input, lane)] = E::round(*value));
                }
            } else {
                for (lane, output) in outputs.clone().enumerate() {
                    let from = values[output * of_output + first * of_input..].iter();
                    let inputs = from.step_by(of_input).zip(inputs.clone());
                    inputs.for_each(|(value, input)| packed[to(input, lane)] = E::round(*value));
                }
            }
        }
    }
}

/// The gradient that [`super::microkernel::Correlate`] sums, `[chunks, height, width · in, out]`, summed
/// over the chunks in their order, as `[out, in, height, width]`.
pub(crate) fn unpack_gradient(chunks: &[f32], shape: &Shape) -> Pooled<f32> {
    let [height, width] = shape.kernel;
    let (taps, input) = (height * width, shape.input);
    let of_output = input * taps;
    let mut gradient = take::<f32>(shape.weights());
    gradient.par_chunks_mut(BLOCK * of_output).enumerate().for_each(|(block, gradient)| {
        let outputs = gradient.len() / of_output;
        let tiles = (0..taps).flat_map(|tap| (0..input).step_by(BLOCK).map(move |i| (tap, i)));
        for (tap, first) in tiles {
            let inputs = BLOCK.min(input - first);
            let mut sums = [[0.0; BLOCK]; BLOCK];
            for chunk in chunks.chunks_exact(shape.weights()) {
                let from = &chunk[(tap * input + first) * shape.output + block * BLOCK..];
                for (sums, values) in sums[..inputs].iter_mut().zip(from.chunks(shape.output)) {
                    sums.iter_mut().zip(&values[..outputs]).for_each(|(sum, value)| *sum += value);
                }
            }
            for (output, gradient) in gradient.chunks_exact_mut(of_output).enumerate() {
                let to = gradient[first * taps + tap..].iter_mut().step_by(taps);
                to.zip(&sums[..inputs]).for_each(|(to, sums)| *to = sums[output]);
            }
        }
    });
    gradient
}
