use rayon::prelude::*;

use crate::cpu::{
    path::Kernels,
    scratch::{Borrowed, borrow},
    shape::Shape,
    winograd_transform::{ALL_POINTS, TAPS},
};

/// Weights at their points, `[blocks, points, in, block]`.
pub(crate) struct Filters {
    pub(super) words: Borrowed,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) block: usize,
}

impl Filters {
    /// For the convolution itself; `weight`: `[out, in, 3, 3]`.
    pub fn forward<K: Kernels>(weight: &[f32], shape: &Shape) -> Self {
        assert_eq!(weight.len(), shape.weights());
        let at =
            |out: usize, input: usize, tap: usize| weight[(out * shape.input + input) * TAPS + tap];
        Self::transform::<K>(shape.input, shape.output, at)
    }

    /// For the gradient of its input: the kernel turned about, its inputs and outputs exchanged.
    pub fn backward<K: Kernels>(weight: &[f32], shape: &Shape) -> Self {
        assert_eq!(weight.len(), shape.weights());
        let at = |input: usize, out: usize, tap: usize| {
            weight[(out * shape.input + input) * TAPS + TAPS - 1 - tap]
        };
        Self::transform::<K>(shape.output, shape.input, at)
    }

    /// See [`Borrowed::keep`].
    pub fn keep(&mut self) {
        self.words.keep();
    }

    fn transform<K: Kernels>(
        inputs: usize,
        outputs: usize,
        at: impl Fn(usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        let block = K::block(outputs);
        let mut words = borrow(ALL_POINTS * inputs * outputs);
        let blocks = words.par_chunks_exact_mut(ALL_POINTS * inputs * block).enumerate();
        blocks.for_each(|(index, words)| {
            let mut taps = vec![0.0; TAPS * block];
            for input in 0..inputs {
                for (tap, lanes) in taps.chunks_exact_mut(block).enumerate() {
                    for (lane, value) in lanes.iter_mut().enumerate() {
                        *value = at(index * block + lane, input, tap);
                    }
                }
                let out = &mut words[input * block..];
                assert!(out.len() >= (ALL_POINTS - 1) * inputs * block + block);
                // SAFETY: `taps` holds nine runs of `block` values, a multiple of the lanes, and
                // `out` has room for one at every point; the path of `K` is available.
                unsafe { K::filters(taps.as_ptr(), block, out.as_mut_ptr(), inputs * block) }
            }
        });
        Self { words, inputs, outputs, block }
    }
}
