//! The way back through a convolution.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    correlation::correlate,
    element::Element,
    input_gradient::{GradientEpilogue, InputGradient},
    norm_backward::{BatchNormCoefficients, Layer},
    padded::Padded,
    path::Kernels,
    pixelwise::BatchNormBackward,
    pool::{Pooled, take},
    scratch::{self, Scratch, any, borrow, values},
    source::Source,
    weights::unpack_gradient,
    winograd::{self, Plan},
};

/// The way back through one convolution.
pub(crate) struct ConvBackward<'a, E> {
    pub layer: Layer<'a, E>,
    /// Its gradient before the ReLU.
    pub grad: &'a [E],
    pub coefficients: &'a BatchNormCoefficients,
    pub source: Source<'a, E>,
    pub weight: &'a [f32],
}

/// What [`ConvBackward::weights_and_input`] gives.
pub(crate) struct ConvGradients<E> {
    pub weight: Pooled<f32>,
    pub input: Pooled<E>,
    /// What was summed of every image.
    pub sums: Vec<f32>,
}

impl<E: Element> ConvBackward<'_, E> {
    /// The weights' gradient alone.
    pub fn weights<K: Kernels>(&self) -> Pooled<f32> {
        let shape = self.layer.shape;
        let tasks = shape.images.div_ceil(shape.weights_chunk());
        let mut of_weights = borrow(tasks * shape.weights());
        let chunks = of_weights.par_chunks_mut(shape.weights()).enumerate();
        chunks.for_each(|(chunk, dw)| self.chunk::<K>(chunk, dw, |_, _| {}));
        unpack_gradient(&of_weights, shape)
    }

    /// The gradients of the weights and of the input.
    pub fn weights_and_input<K: Kernels>(
        &self,
        epilogue: GradientEpilogue<'_, E>,
    ) -> ConvGradients<E> {
        let shape = self.layer.shape;
        let convolution = InputGradient::new::<K, E>(self.weight, shape);
        let (image, sums) = (shape.input_image(), epilogue.sums(shape.input));
        let of_task = shape.weights_chunk();
        let mut of_weights = borrow(shape.images.div_ceil(of_task) * shape.weights());
        let mut input = take::<E>(shape.images * image);
        let mut summed = vec![0.0; shape.images * sums];
        of_weights
            .par_chunks_mut(shape.weights())
            .zip(input.par_chunks_mut(of_task * image))
            .zip(summed.par_chunks_mut(of_task * sums))
            .enumerate()
            .for_each(|(chunk, ((dw, dx), summed))| {
                let first = chunk * of_task;
                self.chunk::<K>(chunk, dw, |scratch, images| {
                    let here = images.start - first..images.end - first;
                    let dx = &mut dx[here.start * image..here.end * image];
                    let summed = &mut summed[here.start * sums..here.end * sums];
                    convolution.run::<K, E>(shape, images, scratch, &epilogue, dx, summed);
                });
            });
        ConvGradients { weight: unpack_gradient(&of_weights, shape), input, sums: summed }
    }

    /// Writes the share of a chunk of images to `dw`; calls `then` for every group of them, whose gradient
    /// is in the scratch.
    fn chunk<K: Kernels>(
        &self,
        chunk: usize,
        dw: &mut [f32],
        mut then: impl FnMut(&mut Scratch, Range<usize>),
    ) {
        let shape = self.layer.shape;
        let plan = Plan::of::<K>(shape);
        scratch::with(|scratch| {
            if plan.is_none() {
                self.source.begin(shape, &mut scratch.input);
                Padded::gradient::<E>(shape).begin(shape.out_pixels(), &mut scratch.gradient);
            }
            let (of_task, group) = (shape.weights_chunk(), plan.map_or(1, |plan| plan.images));
            let first = chunk * of_task;
            for images in shape.groups_of(of_task, chunk, group) {
                let is_first = images.start == first;
                match &plan {
                    Some(plan) => {
                        self.group_by_winograd::<K>(plan, images.clone(), is_first, scratch);
                    }
                    None => self.image_directly::<K>(images.start, is_first, scratch, dw),
                }
                then(scratch, images);
            }
            if plan.is_some() {
                winograd::write_weight_gradient::<K>(shape, scratch, dw);
            }
        });
    }

    /// Makes the gradients of some images in f32, and adds their share to the weights' gradient.
    fn group_by_winograd<K: Kernels>(
        &self,
        plan: &Plan,
        images: Range<usize>,
        is_first: bool,
        scratch: &mut Scratch,
    ) {
        let shape = self.layer.shape;
        let mut gradient = std::mem::take(&mut scratch.gradient);
        let dy = any(&mut gradient, images.len() * plan.covered() * shape.output);
        if plan.covered() > shape.out_pixels() {
            dy.fill(0.0);
        }
        let row = plan.covered_size()[1] * shape.output;
        for (image, dy) in images.clone().zip(dy.chunks_exact_mut(plan.covered() * shape.output)) {
            self.batch_norm_backward::<K, f32>(image, dy, row, shape.output);
        }
        let inputs = images.map(|image| self.source.image(shape, image));
        winograd::correlate::<K, E>(shape, plan, inputs, dy, is_first, scratch);
        scratch.gradient = gradient;
    }

    /// Makes the padded input and gradient of an image, and writes its share to `dw`, or adds it.
    fn image_directly<K: Kernels>(
        &self,
        index: usize,
        is_first: bool,
        scratch: &mut Scratch,
        dw: &mut [f32],
    ) {
        let shape = self.layer.shape;
        let padded = Padded::gradient::<E>(shape);
        let pixel = padded.words * E::PER_WORD;
        let dy = values::<E>(&mut scratch.gradient[padded.gradient_offset(shape)..]);
        self.batch_norm_backward::<K, E>(index, dy, padded.width * pixel, pixel);
        let mut input = std::mem::take(&mut scratch.input);
        let x = self.source.padded::<K>(shape, index, &mut input);
        correlate::<K, E>(shape, x, scratch, is_first, dw);
        scratch.input = input;
    }

    /// The gradient of one image's convolution, whose rows and pixels are to lie `row` and `step` values
    /// apart.
    fn batch_norm_backward<K: Kernels, Out: Element>(
        &self,
        index: usize,
        dy: &mut [Out],
        row: usize,
        step: usize,
    ) {
        self.rows_backward::<K, Out>(index, 0..self.layer.shape.out_height(), dy, row, step);
    }

    /// The same of some of its rows.
    pub(super) fn rows_backward<K: Kernels, Out: Element>(
        &self,
        index: usize,
        rows: Range<usize>,
        dy: &mut [Out],
        row: usize,
        step: usize,
    ) {
        let (shape, coefficients) = (self.layer.shape, self.coefficients);
        let (image, of_row) = (index * shape.output_image(), shape.out_width() * shape.output);
        let image = image + rows.start * of_row..image + rows.end * of_row;
        assert!(coefficients.of_grad.len() == shape.output);
        assert!(shape.output.is_multiple_of(K::LANES));
        let last = (rows.len() - 1) * row + (shape.out_width() - 1) * step;
        assert!(dy.len() >= last + shape.output);
        let work = BatchNormBackward {
            grad: self.grad[image.clone()].as_ptr(),
            y: self.layer.y[image].as_ptr(),
            of_grad: coefficients.of_grad.as_ptr(),
            of_y: coefficients.of_y.as_ptr(),
            constant: coefficients.constant.as_ptr(),
            dy: dy.as_mut_ptr(),
            dy_row: row,
            dy_step: step,
            rows: rows.len(),
            columns: shape.out_width(),
            channels: shape.output,
        };
        // SAFETY: gradient and convolution are those rows each; the last pixel lies in `dy`; the path of
        // `K` is available.
        unsafe { K::batch_norm_backward(&work) }
    }
}
