//! The operator as a composition of Burn's own: any backend, and the reference for the fast ones.

use burn::tensor::{
    Tensor, activation,
    module::{batch_norm, batch_norm_train, conv2d},
    ops::ConvOptions,
};

use super::{ConvBnOptions, ConvBnTrain};

/// See [`super::conv_bn_train`].
pub fn conv_bn_train(
    x: Tensor<4>,
    weight: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    residual: Option<Tensor<4>>,
    options: ConvBnOptions,
) -> ConvBnTrain {
    let conv = convolve(x, weight, options);
    let normalised = batch_norm_train(conv, gamma, beta, options.epsilon);
    ConvBnTrain {
        output: finish(normalised.output, residual, options),
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
    let conv = convolve(x, weight, options);
    let normalised = batch_norm(conv, gamma, beta, mean, variance, options.epsilon);
    finish(normalised, residual, options)
}

/// The convolution in NCHW, from NHWC.
fn convolve(x: Tensor<4>, weight: Tensor<4>, options: ConvBnOptions) -> Tensor<4> {
    let ConvBnOptions { stride, padding, groups, .. } = options;
    let conv = ConvOptions::new([stride; 2], [padding; 2], [1; 2], groups);
    conv2d(x.permute([0, 3, 1, 2]), weight, None, conv)
}

/// Residual and ReLU, back in NHWC.
fn finish(normalised: Tensor<4>, residual: Option<Tensor<4>>, options: ConvBnOptions) -> Tensor<4> {
    let output = normalised.permute([0, 2, 3, 1]);
    let output = match residual {
        Some(residual) => output + residual,
        None => output,
    };
    if options.relu { activation::relu(output) } else { output }
}
