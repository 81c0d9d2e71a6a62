//! The way back through a convolution and its batch norm.

use rayon::prelude::*;

use super::{
    batch::{Affine, Source, each_image},
    convolution::{convolve, correlate},
    element::Element,
    padded::Padded,
    path::Kernels,
    pixelwise::{Gate, Mask, ThroughBn},
    pool::{Pooled, take},
    scratch::{self, Scratch, any, values, zeros},
    shape::Shape,
    weights::{Packed, unpack_gradient},
};

/// A layer's ReLU, as its backward pass needs it.
#[derive(Clone, Copy)]
pub(crate) enum Relu<'a, E> {
    /// There is none.
    None,
    /// Told by the layer's output.
    Output(&'a [E]),
    /// Told by the normalised convolution.
    Affine(&'a Affine),
}

/// A layer on the way back: its convolution and what the batch norm made of it.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'a, E> {
    pub shape: &'a Shape,
    pub y: &'a [E],
    pub mean: &'a [f32],
    pub relu: Relu<'a, E>,
}

impl<E: Element> Layer<'_, E> {
    /// Gates one image's gradient into `gated` and sums it: `[Σ g, Σ g (y − mean)]` per channel.
    pub fn gate<K: Kernels>(&self, index: usize, grad: &[f32], gated: &mut [E], sums: &mut [f32]) {
        assert_eq!(grad.len(), self.shape.output_image());
        // SAFETY: the gradient is one output image.
        unsafe { self.gate_from::<K, f32>(index, Some(grad.as_ptr()), gated, sums) }
    }

    /// Without a `grad`, `gated` holds it.
    ///
    /// # Safety
    /// A `grad` points to one output image; without one, `In` is `E`.
    unsafe fn gate_from<K: Kernels, In: Element>(
        &self,
        index: usize,
        grad: Option<*const In>,
        gated: &mut [E],
        sums: &mut [f32],
    ) {
        let (size, channels) = (self.shape.output_image(), self.shape.output);
        assert!(gated.len() == size && sums.len() == 2 * channels && self.mean.len() == channels);
        assert!(channels.is_multiple_of(K::LANES));
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
        let gated = gated.as_mut_ptr();
        let work = Gate {
            grad: grad.unwrap_or(gated.cast_const().cast()),
            gated,
            mask,
            y: self.y[image].as_ptr(),
            mean: self.mean.as_ptr(),
            sum: sum.as_mut_ptr(),
            product: product.as_mut_ptr(),
            pixels: self.shape.out_pixels(),
            channels,
        };
        // SAFETY: the gradient, the output and the convolution are one image each; sums, mean and
        // coefficients hold one value per channel; the path of `K` is available.
        unsafe { K::gate(&work) }
    }

    /// Gates the gradient of the whole batch in place.
    pub fn gate_batch<K: Kernels>(&self, grad: &mut [E]) -> Sums {
        let mut sums = vec![0.0; self.shape.images * 2 * self.shape.output];
        let size = self.shape.output_image();
        each_image(
            self.shape,
            grad,
            size,
            &mut sums,
            |_| {},
            |_, index, grad, sums| {
                // SAFETY: the gradient is the image that it is gated into.
                unsafe { self.gate_from::<K, E>(index, None, grad, sums) }
            },
        );
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

/// What becomes of the gradient of one input image while it is at hand in f32: the image, the
/// gradient, where it is kept, sums of it.
pub(crate) type Then<'a, E> = &'a (dyn Fn(usize, &mut [f32], &mut [E], &mut [f32]) + Sync);

/// The way back through one convolution.
pub(crate) struct Back<'a, E> {
    pub layer: Layer<'a, E>,
    /// Its gated gradient.
    pub grad: &'a [E],
    pub through: &'a ThroughCoefficients,
    pub source: Source<'a, E>,
    pub weight: &'a [f32],
}

/// What [`Back::weights_and_input`] gives.
pub(crate) struct BackGradients<E> {
    pub weight: Vec<f32>,
    pub input: Pooled<E>,
    /// What was summed of every image.
    pub sums: Vec<f32>,
}

impl<E: Element> Back<'_, E> {
    /// The weights' gradient alone.
    pub fn weights<K: Kernels>(&self) -> Vec<f32> {
        let shape = self.layer.shape;
        let mut of_weights = vec![0.0; shape.images.div_ceil(shape.chunk()) * shape.weights()];
        of_weights.par_chunks_mut(shape.weights()).enumerate().for_each(|(chunk, dw)| {
            scratch::with(|scratch| {
                self.begin(scratch);
                for image in shape.chunk_images(chunk) {
                    self.image_weights::<K>(scratch, image, dw);
                }
            });
        });
        unpack_gradient(&of_weights, shape)
    }

    /// The gradients of the weights and of the input; `then` keeps every image of the latter, with
    /// `sums` values for it.
    pub fn weights_and_input<K: Kernels>(
        &self,
        sums: usize,
        then: Then<'_, E>,
    ) -> BackGradients<E> {
        let shape = self.layer.shape;
        let packed = Packed::backward::<K, E>(self.weight, shape);
        let chunks = shape.images.div_ceil(shape.chunk());
        let mut of_weights = vec![0.0; chunks * shape.weights()];
        let mut input = take::<E>(shape.images * shape.input_image());
        let mut summed = vec![0.0; shape.images * sums.max(1)];
        of_weights
            .par_chunks_mut(shape.weights())
            .zip(input.par_chunks_mut(shape.chunk() * shape.input_image()))
            .zip(summed.par_chunks_mut(shape.chunk() * sums.max(1)))
            .enumerate()
            .for_each(|(chunk, ((dw, dx), summed))| {
                scratch::with(|scratch| {
                    self.begin(scratch);
                    let images = dx.chunks_exact_mut(shape.input_image());
                    let images = images.zip(summed.chunks_exact_mut(sums.max(1)));
                    for (image, (dx, summed)) in shape.chunk_images(chunk).zip(images) {
                        self.image_weights::<K>(scratch, image, dw);
                        let wide = self.image_input::<K>(&packed, scratch);
                        then(image, wide, dx, summed);
                    }
                });
            });
        BackGradients { weight: unpack_gradient(&of_weights, shape), input, sums: summed }
    }

    fn begin(&self, scratch: &mut Scratch) {
        zeros(&mut scratch.input, Padded::input::<E>(self.layer.shape).len());
        zeros(&mut scratch.gradient, Padded::gradient::<E>(self.layer.shape).len());
    }

    /// Makes the padded input and the spaced gradient of an image, and adds its share to `dw`.
    fn image_weights<K: Kernels>(&self, scratch: &mut Scratch, index: usize, dw: &mut [f32]) {
        let shape = self.layer.shape;
        let padded = Padded::gradient::<E>(shape);
        let image = index * shape.output_image()..(index + 1) * shape.output_image();
        let coefficients = self.through;
        assert!(coefficients.of_grad.len() == shape.output);
        assert!(shape.output.is_multiple_of(K::LANES));
        let pixel = padded.words * E::PER_WORD;
        let dy = values::<E>(&mut scratch.gradient[padded.gradient_offset(shape)..]);
        let work = ThroughBn {
            grad: self.grad[image.clone()].as_ptr(),
            y: self.layer.y[image].as_ptr(),
            of_grad: coefficients.of_grad.as_ptr(),
            of_y: coefficients.of_y.as_ptr(),
            constant: coefficients.constant.as_ptr(),
            dy: dy.as_mut_ptr(),
            dy_row: shape.stride * padded.width * pixel,
            dy_step: shape.stride * pixel,
            rows: shape.out_height(),
            columns: shape.out_width(),
            channels: shape.output,
        };
        // SAFETY: gradient and convolution are one image each; the spaced image lies in its scratch;
        // the path of `K` is available.
        unsafe { K::through_bn(&work) }
        self.source.fill::<K>(shape, index, &mut scratch.input);
        correlate::<K, E>(shape, scratch, dw);
    }

    /// The gradient of the input of the image whose gradient is in the scratch.
    fn image_input<'s, K: Kernels>(
        &self,
        packed: &Packed,
        scratch: &'s mut Scratch,
    ) -> &'s mut [f32] {
        let shape = self.layer.shape;
        let (padded, size) = (Padded::gradient::<E>(shape), [shape.height, shape.width]);
        let pixels = shape.height * shape.width;
        let wide = any(&mut scratch.image, pixels * packed.channels);
        convolve::<K, E>(packed, &scratch.gradient, &padded, 1, size, wide);
        if packed.channels > shape.input {
            for pixel in 1..pixels {
                let from = pixel * packed.channels;
                wide.copy_within(from..from + shape.input, pixel * shape.input);
            }
        }
        &mut wide[..pixels * shape.input]
    }
}
