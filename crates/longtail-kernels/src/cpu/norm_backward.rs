//! The way back through a ReLU and a batch norm.

use std::ops::Range;

use super::{
    affine::Affine,
    batch::each_group,
    element::Element,
    path::Kernels,
    pixelwise::{Mask, ReluBackward},
    scratch::Scratch,
    shape::Shape,
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
    pub of_grad: Vec<f32>,
    pub of_y: Vec<f32>,
    pub constant: Vec<f32>,
}
