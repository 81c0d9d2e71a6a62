//! The way back through a convolution and its batch norm.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    affine::Affine,
    batch::each_group,
    convolution::{Grid, Threads, convolve, made},
    correlation::correlate,
    element::Element,
    epilogue::Epilogue,
    padded::Padded,
    path::Kernels,
    phases::Phase,
    pixelwise::{BatchNormBackward, Mask, ReluBackward},
    pool::{Pooled, take},
    residual::Residual,
    scratch::{self, Scratch, any, borrow, values},
    shape::Shape,
    source::{Image, Source},
    weights::{Packed, unpack_gradient},
    winograd::{self, Filters, Plan},
};

/// A convolution on the way back, and its mean per channel.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'a, E> {
    pub shape: &'a Shape,
    pub y: &'a [E],
    pub mean: &'a [f32],
}

/// Where a layer's ReLU lets a gradient of the whole batch pass.
#[derive(Clone, Copy)]
pub(crate) enum Passes<'a, E> {
    /// Everywhere: there is no ReLU.
    Everywhere,
    /// Where these outputs are positive.
    Output(&'a [E]),
    /// Where `y · scale + shift + residual` is, as the output was made of them.
    Sum(&'a Affine, Option<&'a [E]>),
}

impl<E: Element> Passes<'_, E> {
    /// For the values of one image.
    fn mask(&self, image: Range<usize>, channels: usize) -> Mask<E> {
        match *self {
            Self::Everywhere => Mask::Open,
            Self::Output(all) => Mask::Output(all[image].as_ptr()),
            Self::Sum(affine, residual) => {
                let Affine { scale, shift } = affine;
                assert!(scale.len() == channels && shift.len() == channels);
                let (scale, shift) = (scale.as_ptr(), shift.as_ptr());
                match residual {
                    Some(residual) => Mask::Sum(scale, shift, residual[image].as_ptr()),
                    None => Mask::Affine(scale, shift),
                }
            }
        }
    }
}

impl<E: Element> Layer<'_, E> {
    /// Takes the gradient of the whole batch back through the ReLU in place.
    pub fn relu_backward<K: Kernels>(&self, passes: Passes<'_, E>, grad: &mut [E]) -> Sums {
        let (size, channels) = (self.shape.output_image(), self.shape.output);
        let mut sums = vec![0.0; self.shape.images * 2 * channels];
        assert!(self.mean.len() == channels && channels.is_multiple_of(K::LANES));
        let work = |_: &mut Scratch, images: Range<usize>, grad: &mut [E], sums: &mut [f32]| {
            let image = images.start * size..images.end * size;
            assert_eq!(grad.len(), size);
            let mask = passes.mask(image.clone(), channels);
            let (sum, product) = sums.split_at_mut(channels);
            let masked = grad.as_mut_ptr();
            let of_image = ReluBackward {
                grad: masked.cast_const(),
                masked,
                mask,
                y: self.y[image].as_ptr(),
                mean: self.mean.as_ptr(),
                sum: sum.as_mut_ptr(),
                product: product.as_mut_ptr(),
                pixels: self.shape.out_pixels(),
                channels,
            };
            // SAFETY: the gradient, what the mask reads and the convolution are one image each; sums and mean hold one
            // value per channel; the path of `K` is available.
            unsafe { K::relu_backward(&of_image) }
        };
        each_group(self.shape, 1, grad, &mut sums, |_| {}, work);
        Sums::of(&sums, self.shape)
    }
}

/// Sums over a batch per channel.
#[derive(Debug, Clone)]
pub(crate) struct Sums {
    /// `Σ g`
    grad: Vec<f64>,
    /// `Σ g (y − mean)`
    product: Vec<f64>,
}

impl Sums {
    /// From the sums of every image that [`ReluBackward`] gives.
    pub fn of(sums: &[f32], shape: &Shape) -> Self {
        let total = |which: usize| {
            let mut totals = vec![0.0; shape.output];
            for image in 0..shape.images {
                let values = &sums[(2 * image + which) * shape.output..][..shape.output];
                totals.iter_mut().zip(values).for_each(|(t, v)| *t += f64::from(*v));
            }
            totals
        };
        Self { grad: total(0), product: total(1) }
    }

    /// Gradients of γ and β, and the coefficients that take the gradient through the batch norm.
    pub fn batch_norm_backward(
        &self,
        gamma: &[f32],
        moments: (&[f32], &[f32]),
        epsilon: f64,
        shape: &Shape,
    ) -> (BatchNormCoefficients, Vec<f32>, Vec<f32>) {
        let count = shape.count() as f64;
        let mut coefficients = BatchNormCoefficients::default();
        let (mut d_gamma, mut d_beta) = (Vec::new(), Vec::new());
        for (channel, &gamma) in gamma.iter().enumerate() {
            let (mean, variance) = (f64::from(moments.0[channel]), f64::from(moments.1[channel]));
            let inverse = 1.0 / (variance + epsilon).sqrt();
            let (grad, product) = (self.grad[channel], self.product[channel]);
            let of_grad = f64::from(gamma) * inverse;
            let of_y = -of_grad * product * inverse * inverse / count;
            coefficients.of_grad.push(of_grad as f32);
            coefficients.of_y.push(of_y as f32);
            coefficients.constant.push((-of_grad * grad / count - of_y * mean) as f32);
            d_gamma.push((product * inverse) as f32);
            d_beta.push(grad as f32);
        }
        (coefficients, d_gamma, d_beta)
    }
}

/// `dy = of_grad · g + of_y · y + constant`, per channel.
#[derive(Default)]
pub(crate) struct BatchNormCoefficients {
    of_grad: Vec<f32>,
    of_y: Vec<f32>,
    constant: Vec<f32>,
}

/// What becomes of the input's gradient.
#[derive(Clone, Copy)]
pub(crate) enum GradientEpilogue<'a, E> {
    /// What went past the convolution is added.
    Add(Residual<'a, E>),
    /// It passes the ReLU of the layer before, which has these coefficients.
    ReluBackward { layer: Layer<'a, E>, affine: &'a Affine },
}

impl<E> GradientEpilogue<'_, E> {
    /// Sums of an image of so many channels.
    fn sums(&self, channels: usize) -> usize {
        match self {
            GradientEpilogue::Add(_) => 1,
            GradientEpilogue::ReluBackward { .. } => 2 * channels,
        }
    }
}

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

/// The convolution that makes the input's gradient of the output's.
enum InputGradient {
    /// For the pixels that the same taps meet.
    Direct(Vec<(Grid, Packed)>),
    Winograd(Plan, Filters),
}

impl InputGradient {
    fn new<K: Kernels, E: Element>(weight: &[f32], shape: &Shape) -> Self {
        match Plan::of::<K>(shape) {
            Some(plan) => Self::Winograd(plan, Filters::backward::<K>(weight, shape)),
            None => {
                let all = Phase::along(shape, 0)
                    .flat_map(|down| Phase::along(shape, 1).map(move |across| [down, across]));
                let packed = all.map(|phases| {
                    let packed = Packed::backward::<K, E>(weight, shape, phases);
                    (Grid::inputs(shape, phases), packed)
                });
                Self::Direct(packed.collect())
            }
        }
    }

    /// The gradients of the inputs of the images whose gradients are in the scratch.
    fn run<K: Kernels, E: Element>(
        &self,
        shape: &Shape,
        images: Range<usize>,
        scratch: &mut Scratch,
        epilogue: &GradientEpilogue<'_, E>,
        dx: &mut [E],
        sums: &mut [f32],
    ) {
        let size = shape.input_image();
        let mut buffer = std::mem::take(&mut scratch.residual);
        let added = match epilogue {
            GradientEpilogue::Add(past) => past.gradients(size, images.clone(), &mut buffer),
            GradientEpilogue::ReluBackward { .. } => None,
        };
        let parts =
            dx.chunks_exact_mut(size).zip(sums.chunks_exact_mut(epilogue.sums(shape.input)));
        let epilogues =
            parts.zip(images.clone()).enumerate().map(
                |(here, ((dx, sums), image))| match *epilogue {
                    GradientEpilogue::Add(_) => {
                        let other = added.map(|added| &added[here * size..][..size]);
                        Epilogue::Sum { kept: dx, other }
                    }
                    GradientEpilogue::ReluBackward { layer: Layer { y, mean, .. }, affine } => {
                        let y = &y[image * size..][..size];
                        Epilogue::ReluBackward { masked: dx, y, affine, mean, sums }
                    }
                },
            );
        match self {
            Self::Direct(phases) => {
                epilogues
                    .for_each(|epilogue| Self::directly::<K, E>(phases, shape, scratch, epilogue));
            }
            Self::Winograd(plan, filters) => {
                let gradient = std::mem::take(&mut scratch.gradient);
                let gradients = gradient.chunks_exact(plan.covered() * shape.output);
                let gradients = gradients.map(|x| Image { x, affine: None });
                let from = (plan.covered_size(), gradients);
                let threads = Threads::One;
                winograd::convolve::<K, f32, E>(filters, plan, from, scratch, epilogues, threads);
                scratch.gradient = gradient;
            }
        }
        scratch.residual = buffer;
    }

    fn directly<K: Kernels, E: Element>(
        phases: &[(Grid, Packed)],
        shape: &Shape,
        scratch: &mut Scratch,
        epilogue: Epilogue<'_, E>,
    ) {
        let padded = Padded::gradient::<E>(shape);
        let pixels = shape.height * shape.width;
        let channels = shape.input.next_multiple_of(K::LANES);
        if let [(grid, packed)] = phases
            && channels == shape.input
            && grid.fills(pixels)
        {
            let Scratch { gradient, image, .. } = scratch;
            return made::<K, E>(packed, (gradient, &padded), grid, image, epilogue);
        }
        let wide = any(&mut scratch.image, pixels * channels);
        let met: usize = phases.iter().map(|(grid, _)| grid.count[0] * grid.count[1]).sum();
        if met < pixels {
            wide.fill(0.0);
        }
        for (grid, packed) in phases {
            convolve::<K, E>(packed, &scratch.gradient, &padded, grid, wide, Threads::One);
        }
        if channels > shape.input {
            for pixel in 1..pixels {
                let from = pixel * channels;
                wide.copy_within(from..from + shape.input, pixel * shape.input);
            }
        }
        let epilogue = epilogue.raw::<K>(pixels, shape.input);
        // SAFETY: what was borrowed outlives this call; `wide` holds at least one input image, and is not
        // where that is kept.
        unsafe { epilogue.run::<K>(wide.as_ptr(), 0, pixels) }
    }
}
