//! Weights in the order in which the kernels read them, and their gradient in the order in which it is summed.

use rayon::prelude::*;

use super::Slices;
use crate::cpu::{element::Element, path::Kernels, phases::Phase, shape::Shape, words::Words};

/// Weights in blocks of output channels: `[blocks, height, width, inputs, block]`.
pub(super) struct Packed {
    pub words: Words,
    pub slices: Slices,
    /// Output channels of a block.
    pub block: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
}

impl Packed {
    /// For the convolution itself; `weight`: `[out, in / groups, height, width]`.
    pub fn forward<K: Kernels, E: Element>(weight: &[f32], shape: &Shape) -> Self {
        let ([height, width], group) = (shape.kernel, Slices::of::<K>(shape).group);
        let at = |out: usize, input: usize, row: usize, column: usize| {
            weight[((out * group + input % group) * height + row) * width + column]
        };
        Self::pack::<K, E>(shape, shape.kernel, at)
    }

    /// For the pixels of the input's gradient that these taps meet, inputs and outputs exchanged.
    pub fn backward<K: Kernels, E: Element>(
        weight: &[f32],
        shape: &Shape,
        [down, across]: [Phase; 2],
    ) -> Self {
        let ([height, width], group) = (shape.kernel, Slices::of::<K>(shape).group);
        let at = |input: usize, out: usize, row: usize, column: usize| {
            let (row, column) = (down.tap - shape.stride * row, across.tap - shape.stride * column);
            weight[((out * group + input % group) * height + row) * width + column]
        };
        Self::pack::<K, E>(shape, [down.taps, across.taps], at)
    }

    fn pack<K: Kernels, E: Element>(
        shape: &Shape,
        kernel: [usize; 2],
        at: impl Fn(usize, usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        let slices = Slices::of::<K>(shape);
        let block = if slices.inputs < slices.width { K::LANES } else { K::block(slices.width) };
        let of_block = kernel[0] * kernel[1] * slices.inputs * block;
        let mut words = Words::zeros(shape.output / block * of_block);
        words.par_chunks_exact_mut(of_block).enumerate().for_each(|(index, packed)| {
            for lane in 0..block {
                let to = index * block + lane;
                let group = to / slices.group * slices.group;
                for from in group..group + slices.group {
                    let mut tap = from % slices.inputs;
                    for row in 0..kernel[0] {
                        for column in 0..kernel[1] {
                            let value = E::round(at(to, from, row, column)).widen();
                            packed[tap * block + lane] = value;
                            tap += slices.inputs;
                        }
                    }
                }
            }
        });
        Self { words, slices, block, kernel }
    }
}

/// Values of the gradient as it is summed.
pub(super) fn gradient_values<K: Kernels>(shape: &Shape) -> usize {
    shape.output * shape.kernel[0] * shape.kernel[1] * Slices::of::<K>(shape).inputs
}

/// The gradient, `[chunks, slices, height, width, inputs, slice]`, summed over the chunks in their order, as
/// `[out, in / groups, height, width]`.
pub(super) fn unpack_gradient<K: Kernels>(chunks: &[f32], shape: &Shape) -> Vec<f32> {
    let Slices { group, width, inputs } = Slices::of::<K>(shape);
    let taps = shape.kernel[0] * shape.kernel[1];
    let of_slice = taps * inputs * width;
    let mut gradient = vec![0.0; shape.weights()];
    gradient.par_chunks_exact_mut(width * group * taps).enumerate().for_each(|(index, to)| {
        let mut sums = vec![0.0; of_slice];
        for chunk in chunks.chunks_exact(gradient_values::<K>(shape)) {
            let values = &chunk[index * of_slice..][..of_slice];
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
        for (channel, to) in to.chunks_exact_mut(taps).enumerate() {
            let (out, input) = (channel / group, channel % group);
            let from = (out / group * group + input) % inputs;
            for (tap, to) in to.iter_mut().enumerate() {
                *to = sums[(tap * inputs + from) * width + out];
            }
        }
    });
    gradient
}
