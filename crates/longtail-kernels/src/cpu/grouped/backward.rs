//! The way back: gradients of the weights and of the input.

use rayon::prelude::*;

use super::{
    convolve, fill, slice,
    weights::{Packed, gradient_values, unpack_gradient},
};
use crate::cpu::{
    backward::ConvBackward,
    convolution::Grid,
    element::Element,
    epilogue::Epilogue,
    microkernel::Correlate,
    padded::Padded,
    path::Kernels,
    phases::Phase,
    pool::{Pooled, take},
    scratch::{self, Scratch, any, borrow, zeros},
    shape::Shape,
};

/// Values of the weights' gradients that all tasks hold together, unless they are fewer than [`LEAST_TASKS`].
const MOST_GRADIENTS: usize = 2 << 20;
const LEAST_TASKS: usize = 8;
/// Tasks at most.
const MOST_TASKS: usize = 32;
/// Bytes of input and gradient that one turn of the weights' gradient works on, so that they stay in the first cache.
const TURN: usize = 20 << 10;
/// Bytes that are read for a pixel at least: a line of the cache.
const LINE: usize = 64;

impl<E: Element> ConvBackward<'_, E> {
    /// The gradients of the weights of a grouped convolution, and of its input if it is wanted.
    pub fn grouped<K: Kernels>(&self, wants_input: bool) -> (Vec<f32>, Option<Pooled<E>>) {
        let (shape, size) = (self.layer.shape, gradient_values::<K>(self.layer.shape));
        let tasks = (MOST_GRADIENTS / size).clamp(LEAST_TASKS, MOST_TASKS);
        let of_task = shape.images.div_ceil(tasks);
        let mut of_weights = borrow(shape.images.div_ceil(of_task) * size);
        let chunks = of_weights.par_chunks_exact_mut(size).enumerate();
        let input = if wants_input {
            let convolution = InputGradient::new::<K, E>(self.weight, shape);
            let mut input = take::<E>(shape.images * shape.input_image());
            let parts = input.par_chunks_mut(of_task * shape.input_image());
            chunks.zip(parts).for_each(|((task, dw), dx)| {
                let mut images = dx.chunks_exact_mut(shape.input_image());
                self.task::<K>(shape.images_of(of_task, task), dw, |scratch| {
                    if let Some(dx) = images.next() {
                        convolution.run::<K, E>(shape, scratch, dx);
                    }
                });
            });
            Some(input)
        } else {
            chunks.for_each(|(task, dw)| {
                self.task::<K>(shape.images_of(of_task, task), dw, |_| {});
            });
            None
        };
        (unpack_gradient::<K>(&of_weights, shape), input)
    }

    /// Writes the share of some images to `dw`; calls `then` for every one of them, whose gradient is in the scratch.
    fn task<K: Kernels>(
        &self,
        images: std::ops::Range<usize>,
        dw: &mut [f32],
        mut then: impl FnMut(&mut Scratch),
    ) {
        let shape = self.layer.shape;
        let padded = Padded::gradient::<f32>(shape);
        scratch::with(|scratch| {
            zeros(&mut scratch.input, Padded::input::<f32>(shape).len());
            zeros(&mut scratch.gradient, padded.len());
            dw.fill(0.0);
            for image in images {
                let dy = &mut scratch.gradient[padded.gradient_offset(shape)..];
                self.batch_norm_backward::<K, f32>(image, dy, padded.row(), padded.words);
                fill::<K, E>(self.source.image(shape, image), shape, &mut scratch.input);
                correlate::<K>(shape, scratch, dw);
                then(scratch);
            }
        });
    }
}

/// Adds one image's share of the weights' gradient to `dw`: of the padded input and gradient in the scratch.
fn correlate<K: Kernels>(shape: &Shape, scratch: &Scratch, dw: &mut [f32]) {
    let (x, dy) = (Padded::input::<f32>(shape), Padded::gradient::<f32>(shape));
    assert_eq!(scratch.input.len(), x.len());
    assert_eq!(scratch.gradient.len(), dy.len());
    assert_eq!(dw.len(), gradient_values::<K>(shape));
    let (slice, [kernel_rows, kernel_columns]) = (slice::<K>(shape), shape.kernel);
    let of_pixel = (slice * size_of::<f32>()).max(LINE);
    let of_row = of_pixel * (shape.stride * x.width + shape.out_width());
    let turn = (TURN / of_row).max(1);
    for (index, dw) in dw.chunks_exact_mut(kernel_rows * kernel_columns * slice * slice).enumerate()
    {
        for row in (0..shape.out_height()).step_by(turn) {
            for (tap, dw) in dw.chunks_exact_mut(slice * slice).enumerate() {
                let (down, across) = (tap / kernel_columns, tap % kernel_columns);
                let from = x.at(row * shape.stride + down, across) + index * slice;
                let dy_from = dy.gradient_offset(shape) + row * dy.row() + index * slice;
                let work = Correlate {
                    x: scratch.input[from..].as_ptr(),
                    x_row: shape.stride * x.row(),
                    x_step: shape.stride * x.words,
                    dy: scratch.gradient[dy_from..].as_ptr(),
                    dy_row: dy.row(),
                    dy_step: dy.words,
                    rows: turn.min(shape.out_height() - row),
                    columns: shape.out_width(),
                    taps: slice,
                    dw: dw.as_mut_ptr(),
                    channels: slice,
                    accumulate: true,
                };
                // SAFETY: `Shape` guarantees that the last tap of the last output lies in the padded input, and that
                // the last output lies in the padded gradient; the path of `K` is available.
                unsafe { K::correlate::<f32>(&work) }
            }
        }
    }
}

/// The convolutions that make the input's gradient of the output's, one for the pixels that the same taps meet.
struct InputGradient(Vec<(Grid, Packed)>);

impl InputGradient {
    fn new<K: Kernels, E: Element>(weight: &[f32], shape: &Shape) -> Self {
        let all = Phase::along(shape, 0)
            .flat_map(|down| Phase::along(shape, 1).map(move |across| [down, across]));
        let packed = all.map(|phases| {
            (Grid::inputs(shape, phases), Packed::backward::<K, E>(weight, shape, phases))
        });
        Self(packed.collect())
    }

    /// The gradient of the input of the image whose gradient is in the scratch.
    fn run<K: Kernels, E: Element>(&self, shape: &Shape, scratch: &mut Scratch, dx: &mut [E]) {
        let padded = Padded::gradient::<f32>(shape);
        let pixels = shape.height * shape.width;
        let met: usize = self.0.iter().map(|(grid, _)| grid.count[0] * grid.count[1]).sum();
        let Scratch { gradient, image, .. } = scratch;
        let into = |wide: &mut [f32]| {
            if met < pixels {
                wide.fill(0.0);
            }
            for (grid, packed) in &self.0 {
                convolve::<K>(packed, gradient, &padded, grid, wide);
            }
        };
        if let Some(dx) = E::as_f32(dx) {
            return into(dx);
        }
        let wide = any(image, shape.input_image());
        into(wide);
        let epilogue = Epilogue::Sum { kept: dx, other: None }.raw::<K>(pixels, shape.input);
        // SAFETY: what was borrowed outlives this call; `wide` is one input image.
        unsafe { epilogue.run::<K>(wide.as_ptr(), 0, pixels) }
    }
}
