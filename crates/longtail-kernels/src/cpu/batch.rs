//! A convolution and its batch norm over a whole batch, images in parallel, every sum in a fixed
//! order.

use rayon::prelude::*;

use super::{
    image::{Padded, convolve, correlate, gradient_offset, pad},
    path::Kernels,
    pixelwise::{Gate, Mask, ThroughBn},
    scratch::{self, Scratch, zeros},
    shape::Shape,
    weights::{Packed, unpack_gradient},
};

/// Factor and summand per channel.
#[derive(Debug, Clone)]
pub(crate) struct Affine {
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

impl Affine {
    /// What a batch norm with these statistics does.
    pub fn batch_norm(
        gamma: &[f32],
        beta: &[f32],
        mean: &[f32],
        variance: &[f32],
        epsilon: f64,
    ) -> Self {
        let inverse = |variance: f32| 1.0 / (f64::from(variance) + epsilon).sqrt();
        let scale: Vec<f32> =
            gamma.iter().zip(variance).map(|(g, v)| (f64::from(*g) * inverse(*v)) as f32).collect();
        let shift = |((b, m), s): ((&f32, &f32), &f32)| b - m * s;
        let shift = beta.iter().zip(mean).zip(&scale).map(shift).collect();
        Self { scale, shift }
    }
}

/// What a convolution reads, `[images, height, width, channels]`.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// These values.
    Plain(&'a [f32]),
    /// `relu(y · scale + shift)`, made while it is read.
    Normalised(&'a [f32], &'a Affine),
}

impl Source<'_> {
    /// Fills the middle of a padded scratch with image `index`.
    fn fill(&self, kernels: &Kernels, shape: &Shape, index: usize, scratch: &mut [f32]) {
        let image = |all: &'_ [f32]| -> std::ops::Range<usize> {
            assert_eq!(all.len(), shape.images * shape.input_image());
            index * shape.input_image()..(index + 1) * shape.input_image()
        };
        match *self {
            Source::Plain(x) => pad(&x[image(x)], shape, scratch),
            Source::Normalised(y, affine) => {
                let padded = Padded::input(shape);
                let row = shape.width * shape.input;
                assert!(affine.scale.len() == shape.input && affine.shift.len() == shape.input);
                assert!(shape.input.is_multiple_of(kernels.lanes));
                for (index, values) in y[image(y)].chunks_exact(row).enumerate() {
                    let at = padded.at(index + shape.padding, shape.padding);
                    let out = &mut scratch[at..at + row];
                    // SAFETY: both rows hold `width · input` values, both coefficients `input`, a
                    // multiple of the lanes.
                    unsafe {
                        (kernels.normalise)(
                            values.as_ptr(),
                            std::ptr::null(),
                            affine.scale.as_ptr(),
                            affine.shift.as_ptr(),
                            true,
                            out.as_mut_ptr(),
                            shape.width,
                            shape.input,
                        );
                    }
                }
            }
        }
    }
}

/// Mean and biased variance per channel.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    pub mean: Vec<f32>,
    pub variance: Vec<f32>,
}

/// The convolution of `source`, `[images, out height, out width, out]`, and its moments.
pub(crate) fn convolve_batch(
    kernels: &Kernels,
    source: Source<'_>,
    weight: &[f32],
    shape: &Shape,
) -> (Vec<f32>, Moments) {
    let packed = Packed::forward(weight, shape, kernels);
    let mut y = vec![0.0; shape.images * shape.output_image()];
    let mut sums = vec![0.0; shape.images * 2 * shape.output];
    let work = |scratch: &mut Scratch, index: usize, y: &mut [f32], sums: &mut [f32]| {
        convolve_one(kernels, source, &packed, shape, index, scratch, y);
        let (sum, square) = sums.split_at_mut(shape.output);
        // SAFETY: `y` is one output image, `sum` and `square` hold one value per channel.
        unsafe {
            let (sum, square) = (sum.as_mut_ptr(), square.as_mut_ptr());
            (kernels.moments)(y.as_ptr(), shape.out_pixels(), shape.output, sum, square);
        }
    };
    each_image(shape, &mut y, shape.output_image(), &mut sums, work);
    (y, moments(&sums, shape))
}

/// The convolution of image `index`; the scratch's borders have to be zero.
fn convolve_one(
    kernels: &Kernels,
    source: Source<'_>,
    packed: &Packed,
    shape: &Shape,
    index: usize,
    scratch: &mut Scratch,
    y: &mut [f32],
) {
    let padded = Padded::input(shape);
    if scratch.input.len() != padded.len() {
        zeros(&mut scratch.input, padded.len());
    }
    source.fill(kernels, shape, index, &mut scratch.input);
    let size = [shape.out_height(), shape.out_width()];
    convolve(kernels, packed, &scratch.input, &padded, shape.stride, size, y);
}

/// Calls `work` on every image's part of `values` and of `sums`; the images of a chunk one after the
/// other in one thread, with scratch buffers that begin empty.
fn each_image(
    shape: &Shape,
    values: &mut [f32],
    size: usize,
    sums: &mut [f32],
    work: impl Fn(&mut Scratch, usize, &mut [f32], &mut [f32]) + Sync,
) {
    let of_sums = sums.len() / shape.images;
    let chunk = shape.chunk();
    values
        .par_chunks_mut(chunk * size)
        .zip(sums.par_chunks_mut(chunk * of_sums))
        .enumerate()
        .for_each(|(index, (values, sums))| {
            scratch::with(|scratch| {
                scratch.input.clear();
                scratch.gradient.clear();
                let images = values.chunks_exact_mut(size).zip(sums.chunks_exact_mut(of_sums));
                for (image, (values, sums)) in shape.chunk_images(index).zip(images) {
                    work(scratch, image, values, sums);
                }
            });
        });
}

/// From the sums and squared deviations of every image to those of the batch (Chan et al. 1979).
fn moments(sums: &[f32], shape: &Shape) -> Moments {
    let (pixels, count) = (shape.out_pixels() as f64, shape.count() as f64);
    let of = |image: usize, which: usize, channel: usize| {
        f64::from(sums[(2 * image + which) * shape.output + channel])
    };
    let images = || 0..shape.images;
    let mut moments = Moments { mean: Vec::new(), variance: Vec::new() };
    for channel in 0..shape.output {
        let mean = images().map(|i| of(i, 0, channel)).sum::<f64>() / count;
        let square = |i: usize| {
            let apart = of(i, 0, channel) / pixels - mean;
            of(i, 1, channel) + pixels * apart * apart
        };
        moments.mean.push(mean as f32);
        moments.variance.push((images().map(square).sum::<f64>() / count) as f32);
    }
    moments
}

/// What is added before the ReLU.
#[derive(Clone, Copy)]
pub(crate) enum Residual<'a> {
    /// Nothing.
    None,
    /// Values like the output's.
    Same(&'a [f32]),
    /// Every second pixel of twice as high and wide an input of fewer channels, zeros on both sides
    /// of its channels; with the input's height, width and channels.
    Subsampled(&'a [f32], [usize; 3]),
}

impl Residual<'_> {
    /// The address of image `index`, which may be made in `buffer`; null for nothing.
    fn image(&self, shape: &Shape, index: usize, buffer: &mut Vec<f32>) -> *const f32 {
        match *self {
            Residual::None => std::ptr::null(),
            Residual::Same(values) => {
                assert_eq!(values.len(), shape.images * shape.output_image());
                values[index * shape.output_image()..].as_ptr()
            }
            Residual::Subsampled(x, [height, width, channels]) => {
                let image = &x[index * height * width * channels..][..height * width * channels];
                let made = zeros(buffer, shape.output_image());
                let before = (shape.output - channels) / 2;
                for (pixel, out) in made.chunks_exact_mut(shape.output).enumerate() {
                    let (row, column) = (pixel / shape.out_width(), pixel % shape.out_width());
                    let from = (2 * row * width + 2 * column) * channels;
                    out[before..before + channels].copy_from_slice(&image[from..from + channels]);
                }
                made.as_ptr()
            }
        }
    }
}

/// `[relu](y · scale + shift + residual)` of every image.
pub(crate) fn finish(
    kernels: &Kernels,
    y: &[f32],
    affine: &Affine,
    residual: Residual<'_>,
    relu: bool,
    shape: &Shape,
) -> Vec<f32> {
    let size = shape.output_image();
    assert_eq!(y.len(), shape.images * size);
    let mut out = vec![0.0; y.len()];
    let mut none = vec![0.0; shape.images];
    each_image(shape, &mut out, size, &mut none, |scratch, index, out, _| {
        let residual = residual.image(shape, index, &mut scratch.image);
        let y = &y[index * size..][..size];
        // SAFETY: `y`, `out` and the residual are one output image each.
        unsafe { normalise(kernels, y.as_ptr(), residual, affine, relu, out, shape) }
    });
    out
}

/// # Safety
/// `y` and a `residual` that is not null point to one output image.
unsafe fn normalise(
    kernels: &Kernels,
    y: *const f32,
    residual: *const f32,
    affine: &Affine,
    relu: bool,
    out: &mut [f32],
    shape: &Shape,
) {
    let channels = shape.output;
    assert!(out.len() == shape.output_image() && channels.is_multiple_of(kernels.lanes));
    assert!(affine.scale.len() == channels && affine.shift.len() == channels);
    let (scale, shift) = (affine.scale.as_ptr(), affine.shift.as_ptr());
    let (out, pixels) = (out.as_mut_ptr(), shape.out_pixels());
    // SAFETY: checked above, or the caller's.
    unsafe { (kernels.normalise)(y, residual, scale, shift, relu, out, pixels, channels) }
}

/// Convolution, normalisation with given coefficients, residual and ReLU in one pass.
pub(crate) fn infer(
    kernels: &Kernels,
    source: Source<'_>,
    weight: &[f32],
    affine: &Affine,
    residual: Residual<'_>,
    relu: bool,
    shape: &Shape,
) -> Vec<f32> {
    let packed = Packed::forward(weight, shape, kernels);
    let mut out = vec![0.0; shape.images * shape.output_image()];
    let mut none = vec![0.0; shape.images];
    each_image(shape, &mut out, shape.output_image(), &mut none, |scratch, index, out, _| {
        convolve_one(kernels, source, &packed, shape, index, scratch, out);
        let residual = residual.image(shape, index, &mut scratch.image);
        // SAFETY: `out` and the residual are one output image each.
        unsafe { normalise(kernels, out.as_ptr(), residual, affine, relu, out, shape) }
    });
    out
}

/// A layer's ReLU, as its backward pass needs it.
#[derive(Clone, Copy)]
pub(crate) enum Relu<'a> {
    /// There is none.
    None,
    /// Told by the layer's output.
    Output(&'a [f32]),
    /// Told by the normalised convolution.
    Affine(&'a Affine),
}

/// A layer on the way back: its convolution and what the batch norm made of it.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'a> {
    pub shape: &'a Shape,
    pub y: &'a [f32],
    pub mean: &'a [f32],
    pub relu: Relu<'a>,
}

impl Layer<'_> {
    /// Gates one image's gradient in place and sums it: `[Σ g, Σ g (y − mean)]` per channel.
    pub fn gate(&self, kernels: &Kernels, index: usize, grad: &mut [f32], sums: &mut [f32]) {
        let (size, channels) = (self.shape.output_image(), self.shape.output);
        assert!(grad.len() == size && sums.len() == 2 * channels && self.mean.len() == channels);
        assert!(channels.is_multiple_of(kernels.lanes));
        let image = index * size..(index + 1) * size;
        let mask = match self.relu {
            Relu::None => Mask::Open,
            Relu::Output(output) => Mask::Output(output[image.clone()].as_ptr()),
            Relu::Affine(affine) => {
                assert!(affine.scale.len() == channels && affine.shift.len() == channels);
                Mask::Affine(affine.scale.as_ptr(), affine.shift.as_ptr())
            }
        };
        let (sum, product) = sums.split_at_mut(channels);
        let work = Gate {
            grad: grad.as_mut_ptr(),
            mask,
            y: self.y[image].as_ptr(),
            mean: self.mean.as_ptr(),
            sum: sum.as_mut_ptr(),
            product: product.as_mut_ptr(),
            pixels: self.shape.out_pixels(),
            channels,
        };
        // SAFETY: the gradient, the output and the convolution are one image each; sums, mean and
        // coefficients hold one value per channel.
        unsafe { (kernels.gate)(&work) }
    }

    /// Gates the gradient of the whole batch in place.
    pub fn gate_batch(&self, kernels: &Kernels, grad: &mut [f32]) -> Sums {
        let mut sums = vec![0.0; self.shape.images * 2 * self.shape.output];
        let size = self.shape.output_image();
        each_image(self.shape, grad, size, &mut sums, |_, index, grad, sums| {
            self.gate(kernels, index, grad, sums);
        });
        Sums::of(&sums, self.shape)
    }
}

/// Sums over a batch per channel.
pub(crate) struct Sums {
    /// `Σ g`
    grad: Vec<f64>,
    /// `Σ g (y − mean)`
    product: Vec<f64>,
}

impl Sums {
    /// From [`Layer::gate`]'s sums of every image.
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
    pub fn through(
        &self,
        gamma: &[f32],
        moments: (&[f32], &[f32]),
        epsilon: f64,
        shape: &Shape,
    ) -> (ThroughCoefficients, Vec<f32>, Vec<f32>) {
        let count = shape.count() as f64;
        let mut through = ThroughCoefficients::default();
        let (mut d_gamma, mut d_beta) = (Vec::new(), Vec::new());
        for (channel, &gamma) in gamma.iter().enumerate() {
            let (mean, variance) = (f64::from(moments.0[channel]), f64::from(moments.1[channel]));
            let inverse = 1.0 / (variance + epsilon).sqrt();
            let (grad, product) = (self.grad[channel], self.product[channel]);
            let of_grad = f64::from(gamma) * inverse;
            let of_y = -of_grad * product * inverse * inverse / count;
            through.of_grad.push(of_grad as f32);
            through.of_y.push(of_y as f32);
            through.constant.push((-of_grad * grad / count - of_y * mean) as f32);
            d_gamma.push((product * inverse) as f32);
            d_beta.push(grad as f32);
        }
        (through, d_gamma, d_beta)
    }
}

/// `dy = of_grad · g + of_y · y + constant`, per channel.
#[derive(Default)]
pub(crate) struct ThroughCoefficients {
    of_grad: Vec<f32>,
    of_y: Vec<f32>,
    constant: Vec<f32>,
}

/// What follows on the gradient of one input image while it is at hand: the image, its gradient, sums
/// of it.
pub(crate) type Then<'a> = &'a (dyn Fn(usize, &mut [f32], &mut [f32]) + Sync);

/// The way back through one convolution.
pub(crate) struct Back<'a> {
    pub layer: Layer<'a>,
    /// Its gated gradient.
    pub grad: &'a [f32],
    pub through: &'a ThroughCoefficients,
    pub source: Source<'a>,
    pub weight: &'a [f32],
}

impl Back<'_> {
    /// The weights' gradient alone.
    pub fn weights(&self, kernels: &Kernels) -> Vec<f32> {
        let shape = self.layer.shape;
        let mut of_weights = vec![0.0; shape.images.div_ceil(shape.chunk()) * shape.weights()];
        of_weights.par_chunks_mut(shape.weights()).enumerate().for_each(|(chunk, dw)| {
            scratch::with(|scratch| {
                self.begin(scratch);
                for image in shape.chunk_images(chunk) {
                    self.image_weights(kernels, scratch, image, dw);
                }
            });
        });
        unpack_gradient(&of_weights, shape)
    }

    /// The gradients of the weights and of the input, with `then` called on every image of the
    /// latter and with `sums` values for it.
    pub fn weights_and_input(
        &self,
        kernels: &Kernels,
        sums: usize,
        then: Then<'_>,
    ) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let shape = self.layer.shape;
        let packed = Packed::backward(self.weight, shape, kernels);
        let chunks = shape.images.div_ceil(shape.chunk());
        let mut of_weights = vec![0.0; chunks * shape.weights()];
        let mut of_input = vec![0.0; shape.images * shape.input_image()];
        let mut summed = vec![0.0; shape.images * sums.max(1)];
        of_weights
            .par_chunks_mut(shape.weights())
            .zip(of_input.par_chunks_mut(shape.chunk() * shape.input_image()))
            .zip(summed.par_chunks_mut(shape.chunk() * sums.max(1)))
            .enumerate()
            .for_each(|(chunk, ((dw, dx), summed))| {
                scratch::with(|scratch| {
                    self.begin(scratch);
                    let images = dx.chunks_exact_mut(shape.input_image());
                    let images = images.zip(summed.chunks_exact_mut(sums.max(1)));
                    for (image, (dx, summed)) in shape.chunk_images(chunk).zip(images) {
                        self.image_weights(kernels, scratch, image, dw);
                        self.image_input(kernels, &packed, scratch, dx);
                        then(image, dx, summed);
                    }
                });
            });
        (unpack_gradient(&of_weights, shape), of_input, summed)
    }

    fn begin(&self, scratch: &mut Scratch) {
        zeros(&mut scratch.input, Padded::input(self.layer.shape).len());
        zeros(&mut scratch.gradient, Padded::gradient(self.layer.shape).len());
    }

    /// Makes the padded input and the spaced gradient of an image, and adds its share to `dw`.
    fn image_weights(
        &self,
        kernels: &Kernels,
        scratch: &mut Scratch,
        index: usize,
        dw: &mut [f32],
    ) {
        let shape = self.layer.shape;
        let padded = Padded::gradient(shape);
        let image = index * shape.output_image()..(index + 1) * shape.output_image();
        let coefficients = self.through;
        assert!(coefficients.of_grad.len() == shape.output);
        let work = ThroughBn {
            grad: self.grad[image.clone()].as_ptr(),
            y: self.layer.y[image].as_ptr(),
            of_grad: coefficients.of_grad.as_ptr(),
            of_y: coefficients.of_y.as_ptr(),
            constant: coefficients.constant.as_ptr(),
            dy: scratch.gradient[gradient_offset(shape, &padded)..].as_mut_ptr(),
            dy_row: shape.stride * padded.row(),
            dy_step: shape.stride * padded.channels,
            rows: shape.out_height(),
            columns: shape.out_width(),
            channels: shape.output,
        };
        // SAFETY: gradient and convolution are one image each; the spaced image lies in its scratch.
        unsafe { (kernels.through_bn)(&work) }
        self.source.fill(kernels, shape, index, &mut scratch.input);
        correlate(kernels, shape, &scratch.input, &scratch.gradient, dw);
    }

    /// The gradient of the input of the image whose gradient is in the scratch.
    fn image_input(
        &self,
        kernels: &Kernels,
        packed: &Packed,
        scratch: &mut Scratch,
        dx: &mut [f32],
    ) {
        let shape = self.layer.shape;
        let (padded, size) = (Padded::gradient(shape), [shape.height, shape.width]);
        if packed.channels == shape.input {
            return convolve(kernels, packed, &scratch.gradient, &padded, 1, size, dx);
        }
        let wide = zeros(&mut scratch.image, shape.height * shape.width * packed.channels);
        convolve(kernels, packed, &scratch.gradient, &padded, 1, size, wide);
        for (dx, wide) in dx.chunks_exact_mut(shape.input).zip(wide.chunks_exact(packed.channels)) {
            dx.copy_from_slice(&wide[..shape.input]);
        }
    }
}
