//! The operator as a composition of Burn's own: any backend, and the reference for the fast ones.

use burn::tensor::{
    DType, Tensor, activation,
    module::{batch_norm, batch_norm_train, conv2d},
    ops::ConvOptions,
};

use super::{ConvBnOptions, ConvBnTrain};
use crate::gpu;

/// See [`super::conv_bn_train`].
pub fn conv_bn_train(
    x: Tensor<4>,
    weight: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    residual: Option<Tensor<4>>,
    options: ConvBnOptions,
) -> ConvBnTrain {
    let stored = x.dtype();
    let is_gpu = gpu::runtime(&x.device()).is_some();
    let conv = convolve(x, weight, options);
    if is_gpu {
        return normalise_pixels(conv, gamma, beta, residual, stored, options);
    }
    let normalised = batch_norm_train(conv, gamma, beta, options.epsilon);
    ConvBnTrain {
        output: finish(normalised.output, residual, stored, options),
        mean: normalised.mean,
        variance: normalised.variance,
    }
}

/// As rows of one pixel's channels, which is how a GPU's convolution leaves them: of images Burn would first
/// copy every value to where its channel's others are.
fn normalise_pixels(
    conv: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    residual: Option<Tensor<4>>,
    stored: DType,
    options: ConvBnOptions,
) -> ConvBnTrain {
    let conv = conv.permute([0, 2, 3, 1]);
    let shape = conv.dims();
    let channels = shape[3];
    let pixels: Tensor<2> = conv.reshape([shape[0] * shape[1] * shape[2], channels]);
    let normalised = batch_norm_train(pixels, gamma, beta, options.epsilon);
    let output = normalised.output.reshape(shape).permute([0, 3, 1, 2]);
    ConvBnTrain {
        output: finish(output, residual, stored, options),
        mean: normalised.mean,
        variance: normalised.variance,
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
    let conv = convolve(x, weight, options);
    let normalised = batch_norm(conv, gamma, beta, mean, variance, options.epsilon);
    finish(normalised, residual, stored, options)
}

/// The convolution in NCHW, from NHWC, which is how the GPUs' kernels want it too. Where the activations
/// have another type than the weights, products are of values of that type, sums are the weights' type
/// (on GPUs as their kernels sum), and the result is rounded once.
fn convolve(x: Tensor<4>, weight: Tensor<4>, options: ConvBnOptions) -> Tensor<4> {
    let ConvBnOptions { stride, padding, groups, .. } = options;
    let conv = ConvOptions::new([stride; 2], [padding; 2], [1; 2], groups);
    let (stored, summed) = (x.dtype(), weight.dtype());
    if stored == summed {
        return conv2d(x.permute([0, 3, 1, 2]), weight, None, conv);
    }
    if gpu::runtime(&x.device()).is_some() {
        return conv2d(x.permute([0, 3, 1, 2]), weight.cast(stored), None, conv).cast(summed);
    }
    let weight = weight.cast(stored).cast(summed);
    conv2d(x.cast(summed).permute([0, 3, 1, 2]), weight, None, conv).cast(stored).cast(summed)
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
