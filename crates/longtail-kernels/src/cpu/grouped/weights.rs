//! Weights in the order in which the kernels read them, and their gradient in the order in which it is summed.

use rayon::prelude::*;

use super::slice;
use crate::cpu::{element::Element, path::Kernels, phases::Phase, shape::Shape, words::Words};

/// Weights in blocks of output channels: `[blocks, height, width, slice, block]`.
pub(super) struct Packed {
    pub words: Words,
    /// Channels that a block is made of.
    pub slice: usize,
    /// Output channels of a block.
    pub block: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
}

impl Packed {
    /// For the convolution itself; `weight`: `[out, in / groups, height, width]`.
    pub fn forward<K: Kernels, E: Element>(weight: &[f32], shape: &Shape) -> Self {
        let ([height, width], of_group) = (shape.kernel, shape.input / shape.groups);
        let at = |out: usize, input: usize, row: usize, column: usize| {
            weight[((out * of_group + input % of_group) * height + row) * width + column]
        };
        Self::pack::<K, E>(shape, shape.kernel, at)
    }

    /// For the pixels of the input's gradient that these taps meet, inputs and outputs exchanged.
    pub fn backward<K: Kernels, E: Element>(
        weight: &[f32],
        shape: &Shape,
        [down, across]: [Phase; 2],
    ) -> Self {
        let ([height, width], of_group) = (shape.kernel, shape.input / shape.groups);
        let at = |input: usize, out: usize, row: usize, column: usize| {
            let (row, column) = (down.tap - shape.stride * row, across.tap - shape.stride * column);
            weight[((out * of_group + input % of_group) * height + row) * width + column]
        };
        Self::pack::<K, E>(shape, [down.taps, across.taps], at)
    }

    fn pack<K: Kernels, E: Element>(
        shape: &Shape,
        kernel: [usize; 2],
        at: impl Fn(usize, usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        let (slice, of_group) = (slice::<K>(shape), shape.input / shape.groups);
        let block = K::block(slice);
        let of_block = kernel[0] * kernel[1] * slice * block;
        let mut words = Words::zeros(shape.output / block * of_block);
        words.par_chunks_exact_mut(of_block).enumerate().for_each(|(index, packed)| {
            let first = index * block;
            for lane in 0..block {
                let to = first + lane;
                let group = to / of_group * of_group;
                for from in group..group + of_group {
                    for (row, column) in
                        (0..kernel[0] * kernel[1]).map(|tap| (tap / kernel[1], tap % kernel[1]))
                    {
                        let tap = (row * kernel[1] + column) * slice + from % slice;
                        let value = E::round(at(to, from, row, column)).widen();
                        packed[tap * block + lane] = value;
                    }
                }
            }
        });
        Self { words, slice, block, kernel }
    }
}

/// Values of the gradient as it is summed.
pub(super) fn gradient_values<K: Kernels>(shape: &Shape) -> usize {
    shape.output * shape.kernel[0] * shape.kernel[1] * slice::<K>(shape)
}

/// The gradient, `[chunks, slices, height, width, slice, slice]`, summed over the chunks in their order, as
/// `[out, in / groups, height, width]`.
pub(super) fn unpack_gradient<K: Kernels>(chunks: &[f32], shape: &Shape) -> Vec<f32> {
    let (slice, of_group) = (slice::<K>(shape), shape.input / shape.groups);
    let taps = shape.kernel[0] * shape.kernel[1];
    let of_slice = taps * slice * slice;
    let mut gradient = vec![0.0; shape.weights()];
    gradient.par_chunks_exact_mut(slice * of_group * taps).enumerate().for_each(|(index, to)| {
        let mut sums = vec![0.0; of_slice];
        for chunk in chunks.chunks_exact(gradient_values::<K>(shape)) {
            let values = &chunk[index * of_slice..][..of_slice];
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
        for (position, to) in to.iter_mut().enumerate() {
            let (channel, tap) = (position / taps, position % taps);
            let (out, input) = (channel / of_group, channel % of_group);
            let from = out / of_group * of_group + input;
            *to = sums[(tap * slice + from) * slice + out];
        }
    });
    gradient
}
