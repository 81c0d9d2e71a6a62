//! The operator as a composition of Burn's own: any backend, and the reference for the fast ones.

use burn::backend::Dispatch;
use burn::tensor::{
    DType, Tensor, activation,
    module::{batch_norm, batch_norm_train, conv2d},
    ops::ConvOptions,
};

use crate::{fused::NormOps, gpu, options::ConvBnOptions};

/// What the training pass of [`crate::conv_bn_train`] gives.
#[derive(Debug)]
pub struct ConvBnTrain {
    /// Activation, shape `[batch, out_height, out_width, out]`.
    pub output: Tensor<4>,
    /// Mean of the convolution over the batch, shape `[out]`, detached.
    pub mean: Tensor<1>,
    /// Biased variance of the convolution over the batch, shape `[out]`, detached.
    pub variance: Tensor<1>,
}

/// See [`super::conv_bn_train`].
pub fn conv_bn_train(
    x: Tensor<4>,
    weight: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    residual: Option<Tensor<4>>,
    options: ConvBnOptions,
) -> ConvBnTrain {
    if gpu::runtime(&x.device()).is_some() {
        return conv_norm_pixels(x, weight, gamma, beta, residual, options);
    }
    let stored = x.dtype();
    let conv = convolve(x, weight, options).cast(gamma.dtype());
    let normalised = batch_norm_train(conv, gamma, beta, options.epsilon);
    ConvBnTrain {
        output: finish(normalised.output, residual, stored, options),
        mean: normalised.mean,
        variance: normalised.variance,
    }
}

/// [`conv_bn_train`] with another batch norm, which GPUs run: what is kept for the way back has the activations'
/// type, sums go over an image's pixels and then over the images, and no value is moved to its channel's others.
pub fn conv_norm_pixels(
    x: Tensor<4>,
    weight: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    residual: Option<Tensor<4>>,
    options: ConvBnOptions,
) -> ConvBnTrain {
    let stored = x.dtype();
    let conv = convolve(x, weight, options).permute([0, 2, 3, 1]);
    let shape = conv.dims();
    let pixels: Tensor<3> = conv.reshape([shape[0], shape[1] * shape[2], shape[3]]);
    let normalised = Dispatch::norm_pixels(
        pixels.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        options.epsilon,
    );
    let output = Tensor::<3>::from_dispatch(normalised.output).reshape(shape);
    ConvBnTrain {
        output: finish(output.permute([0, 3, 1, 2]), residual, stored, options),
        mean: Tensor::from_dispatch(normalised.mean),
        variance: Tensor::from_dispatch(normalised.variance),
    }
}

/// See [`super::conv_bn_eval`].
#[allow(clippy::too_many_arguments)]
pub fn conv_bn_eval(
    x: Tensor<4>,
    weight: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    mean: Tensor<1>,
    variance: Tensor<1>,
    residual: Option<Tensor<4>>,
    options: ConvBnOptions,
) -> Tensor<4> {
    let stored = x.dtype();
    let conv = convolve(x, weight, options).cast(gamma.dtype());
    let normalised = batch_norm(conv, gamma, beta, mean, variance, options.epsilon);
    finish(normalised, residual, stored, options)
}

/// The convolution in NCHW, from NHWC, which is how the GPUs' kernels want it too, in the type of the
/// activations. Where the weights have another, products are of values of the activations' type, sums are the
/// weights' type (on GPUs as their kernels sum), and the result is rounded once.
fn convolve(x: Tensor<4>, weight: Tensor<4>, options: ConvBnOptions) -> Tensor<4> {
    let ConvBnOptions { stride, padding, groups, .. } = options;
    let conv = ConvOptions::new([stride; 2], [padding; 2], [1; 2], groups);
    let (stored, summed) = (x.dtype(), weight.dtype());
    let x = x.permute([0, 3, 1, 2]);
    if stored == summed || gpu::runtime(&x.device()).is_some() {
        return conv2d(x, weight.cast(stored), None, conv);
    }
    let weight = weight.cast(stored).cast(summed);
    conv2d(x.cast(summed), weight, None, conv).cast(stored)
}

/// Residual and ReLU, back in NHWC and in the type of the activations.
fn finish(
    normalised: Tensor<4>,
    residual: Option<Tensor<4>>,
    stored: DType,
    options: ConvBnOptions,
) -> Tensor<4> {
    let output = normalised.permute([0, 2, 3, 1]);
    let summed = output.dtype();
    let output = match residual {
        Some(residual) if stored != summed => output + residual.cast(summed),
        Some(residual) => output + residual,
        None => output,
    };
    let output = if options.relu { activation::relu(output) } else { output };
    if stored == summed { output } else { output.cast(stored) }
}
