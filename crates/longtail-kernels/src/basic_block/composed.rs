//! The operator as a composition of [`crate::conv_bn_train`]'s: any backend, and the reference for
//! the fast ones.

use burn::tensor::{Tensor, s};

use crate::{
    conv_bn::composed::{conv_bn_eval, conv_bn_train},
    options::ConvBnOptions,
};

/// What the training pass of [`crate::basic_block_train`] gives.
#[derive(Debug)]
pub struct BasicBlockTrain {
    /// Activation, shape `[batch, out_height, out_width, out]`.
    pub output: Tensor<4>,
    /// Mean and biased variance of the first convolution over the batch, shape `[out]`, detached.
    pub first: (Tensor<1>, Tensor<1>),
    /// Mean and biased variance of the second convolution.
    pub second: (Tensor<1>, Tensor<1>),
}

/// A block for evaluation.
#[derive(Debug, Clone)]
pub struct EvalBlock {
    /// `[out, in, 3, 3]` and `[out, out, 3, 3]`.
    pub weights: [Tensor<4>; 2],
    /// γ, β, mean and variance of both batch norms, each `[out]`.
    pub norms: [[Tensor<1>; 4]; 2],
}

/// See [`super::basic_block_train`].
pub fn basic_block_train(
    x: Tensor<4>,
    [weight1, weight2]: [Tensor<4>; 2],
    [gamma1, gamma2]: [Tensor<1>; 2],
    [beta1, beta2]: [Tensor<1>; 2],
    stride: usize,
    epsilon: f64,
) -> BasicBlockTrain {
    let shortcut = shortcut(x.clone(), stride, weight1.dims()[0]);
    let options = first_options(stride, epsilon);
    let first = conv_bn_train(x, weight1, gamma1, beta1, None, options);
    let (hidden, residual) = (first.output, Some(shortcut));
    let second = conv_bn_train(hidden, weight2, gamma2, beta2, residual, second_options(epsilon));
    BasicBlockTrain {
        output: second.output,
        first: (first.mean, first.variance),
        second: (second.mean, second.variance),
    }
}

/// See [`super::basic_block_eval`].
pub fn basic_block_eval(
    x: Tensor<4>,
    [weight1, weight2]: [Tensor<4>; 2],
    [norm1, norm2]: [[Tensor<1>; 4]; 2],
    stride: usize,
    epsilon: f64,
) -> Tensor<4> {
    let shortcut = shortcut(x.clone(), stride, weight1.dims()[0]);
    let [gamma, beta, mean, variance] = norm1;
    let options = first_options(stride, epsilon);
    let hidden = conv_bn_eval(x, weight1, gamma, beta, mean, variance, None, options);
    let [gamma, beta, mean, variance] = norm2;
    let (residual, options) = (Some(shortcut), second_options(epsilon));
    conv_bn_eval(hidden, weight2, gamma, beta, mean, variance, residual, options)
}

/// See [`super::basic_blocks_eval`].
pub fn basic_blocks_eval(
    x: Tensor<4>,
    blocks: Vec<EvalBlock>,
    stride: usize,
    epsilon: f64,
) -> Tensor<4> {
    let strides = std::iter::once(stride).chain(std::iter::repeat(1));
    blocks.into_iter().zip(strides).fold(x, |x, (block, stride)| {
        basic_block_eval(x, block.weights, block.norms, stride, epsilon)
    })
}

/// The input; or, where the block changes size, every `stride`-th pixel from 0 on and zeros on both
/// sides of its channels ("option A").
fn shortcut(x: Tensor<4>, stride: usize, channels: usize) -> Tensor<4> {
    if stride == 1 {
        return x;
    }
    let x = x.slice(s![.., 0..;stride, 0..;stride, ..]);
    let [images, height, width, input] = x.dims();
    let before = (channels - input) / 2;
    let like = (&x.device(), x.dtype());
    let zeros = |count| Tensor::zeros([images, height, width, count], like);
    let (left, right) = (zeros(before), zeros(channels - input - before));
    Tensor::cat(vec![left, x, right], 3)
}

pub(super) fn first_options(stride: usize, epsilon: f64) -> ConvBnOptions {
    ConvBnOptions { stride, padding: 1, groups: 1, relu: true, epsilon }
}

fn second_options(epsilon: f64) -> ConvBnOptions {
    first_options(1, epsilon)
}
