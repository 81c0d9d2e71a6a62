//! Weights in the order in which the kernels read them, and their gradient in the order in which it is summed.

use rayon::prelude::*;

use super::Slices;
use crate::cpu::{
    element::Element,
    path::Kernels,
    phases::Phase,
    pool::{Pooled, take},
    scratch::{Borrowed, borrow},
    shape::Shape,
};

/// Weights in blocks of output channels: `[blocks, height, width, inputs, block]`.
pub(super) struct Packed {
    pub words: Borrowed,
    pub slices: Slices,
    /// Output channels of a block.
    pub block: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
}

impl Packed {
    /// For the convolution itself; `weight`: `[out, in / groups, height, width]`.
    pub fn forward<K: Kernels, E: Element>(weight: &[f32], shape: &Shape) -> Self {
        let group = Slices::of::<K>(shape).group;
        let taps = shape.kernel[0] * shape.kernel[1];
        let order: Vec<usize> = (0..taps).collect();
        let first = |out: usize, input: usize| (out * group + input % group) * taps;
        Self::pack::<K, E>(weight, shape, (shape.kernel, &order), first)
    }

    /// For the pixels of the input's gradient that these taps meet, inputs and outputs exchanged.
    pub fn backward<K: Kernels, E: Element>(
        weight: &[f32],
        shape: &Shape,
        [down, across]: [Phase; 2],
    ) -> Self {
        let ([height, width], group) = (shape.kernel, Slices::of::<K>(shape).group);
        let order = (0..down.taps).flat_map(|row| {
            let row = (down.tap - shape.stride * row) * width;
            (0..across.taps).map(move |column| row + across.tap - shape.stride * column)
        });
        let order: Vec<usize> = order.collect();
        let first = |input: usize, out: usize| (out * group + input % group) * height * width;
        Self::pack::<K, E>(weight, shape, ([down.taps, across.taps], &order), first)
    }

    /// With the taps in this order, counted from where `first` says that those of two channels begin.
    fn pack<K: Kernels, E: Element>(
        weight: &[f32],
        shape: &Shape,
        (kernel, order): ([usize; 2], &[usize]),
        first: impl Fn(usize, usize) -> usize + Sync,
    ) -> Self {
        let slices = Slices::of::<K>(shape);
        let block = if slices.inputs < slices.width { K::LANES } else { K::block(slices.width) };
        let of_block = order.len() * slices.inputs * block;
        let mut words = borrow(shape.output / block * of_block);
        // Between narrow groups they stay.
        words.fill(0.0);
        words.par_chunks_exact_mut(of_block).enumerate().for_each(|(index, packed)| {
            for lane in 0..block {
                let to = index * block + lane;
                let group = to / slices.group * slices.group;
                for from in group..group + slices.group {
                    let first = first(to, from);
                    let at = from % slices.inputs * block + lane;
                    let taps = packed[at..].iter_mut().step_by(slices.inputs * block);
                    for (packed, tap) in taps.zip(order) {
                        *packed = E::round(weight[first + tap]).widen();
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
pub(super) fn unpack_gradient<K: Kernels>(chunks: &[f32], shape: &Shape) -> Pooled<f32> {
    let Slices { group, width, inputs } = Slices::of::<K>(shape);
    let taps = shape.kernel[0] * shape.kernel[1];
    let of_slice = taps * inputs * width;
    let mut gradient = take::<f32>(shape.weights());
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
