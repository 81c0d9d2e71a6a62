//! The operators of convolutions as traits of a backend, and what goes between them.

use burn::backend::{Backend, ExtensionType, backend_extension, tensor::FloatTensor};

use crate::{cpu::Sums, options::ConvBnOptions};

/// The operators, forward. All tensors as in [`crate::conv_bn_train`] and
/// [`crate::basic_block_train`]; what is kept for the way back comes along.
#[backend_extension(Autodiff, Flex)]
pub trait FusedOps: Backend {
    /// See [`crate::conv_bn_train`]; `residual` counts if `has_residual`.
    fn conv_bn(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        has_residual: bool,
        options: ConvBnOptions,
    ) -> ConvBnOutput<Self>;

    /// See [`crate::conv_bn_eval`].
    #[allow(clippy::too_many_arguments)]
    fn conv_bn_infer(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        has_residual: bool,
        options: ConvBnOptions,
    ) -> FloatTensor<Self>;

    /// See [`crate::basic_block_train`].
    #[allow(clippy::too_many_arguments)]
    fn basic_block(
        x: FloatTensor<Self>,
        weight1: FloatTensor<Self>,
        gamma1: FloatTensor<Self>,
        beta1: FloatTensor<Self>,
        weight2: FloatTensor<Self>,
        gamma2: FloatTensor<Self>,
        beta2: FloatTensor<Self>,
        stride: usize,
        epsilon: f64,
    ) -> BasicBlockOutput<Self>;

    /// See [`crate::basic_blocks_eval`]; `weights` holds all but the first one after the other, `norms` γ, β,
    /// mean and variance of every batch norm.
    fn basic_blocks_infer(
        x: FloatTensor<Self>,
        weight1: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        norms: FloatTensor<Self>,
        stride: usize,
        epsilon: f64,
    ) -> FloatTensor<Self>;
}

/// What [`FusedOps::conv_bn`] gives; the activation is made again on the way back.
#[derive(Debug, Clone, ExtensionType)]
pub struct ConvBnOutput<B: Backend> {
    /// Activation.
    pub output: FloatTensor<B>,
    /// Convolution.
    pub y: FloatTensor<B>,
    /// Its mean per channel.
    pub mean: FloatTensor<B>,
    /// Its biased variance per channel.
    pub variance: FloatTensor<B>,
}

/// What [`FusedOps::basic_block`] gives. The first convolution's activation is made again on the way back, the
/// block's is as well where it is large and has stride 1.
#[derive(Debug, Clone, ExtensionType)]
pub struct BasicBlockOutput<B: Backend> {
    /// Activation.
    pub output: FloatTensor<B>,
    /// First convolution.
    pub y1: FloatTensor<B>,
    /// Its mean per channel.
    pub mean1: FloatTensor<B>,
    /// Its biased variance per channel.
    pub variance1: FloatTensor<B>,
    /// Second convolution.
    pub y2: FloatTensor<B>,
    /// Its mean per channel.
    pub mean2: FloatTensor<B>,
    /// Its biased variance per channel.
    pub variance2: FloatTensor<B>,
}

/// The operators, backward, on a backend without autodiff.
pub(crate) trait FusedBackward: FusedOps {
    /// The gradients of a convolution of `x` and its batch norm from the normalised values' (`grad`), of which `sums` may be
    /// at hand.
    fn conv_bn_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        layer: SavedLayer<Self>,
        grad: FloatTensor<Self>,
        sums: Option<Sums>,
        wants_input: bool,
        options: ConvBnOptions,
    ) -> ConvBnGradients<Self>;

    /// The gradient of [`SavedLayer`]'s normalised values, and of the residual, from that of their activation; and its sums.
    fn activation_backward(
        layer: SavedLayer<Self>,
        residual: Option<FloatTensor<Self>>,
        grad: FloatTensor<Self>,
        relu: bool,
    ) -> (FloatTensor<Self>, Sums);

    /// The activation of a layer again, to the bit.
    fn activation_again(
        layer: SavedLayer<Self>,
        residual: Option<FloatTensor<Self>>,
        relu: bool,
    ) -> FloatTensor<Self>;

    /// The gradients of [`FusedOps::basic_block`] of `x`: of the input if it is wanted, then of the six
    /// parameters in the order of the arguments.
    fn basic_block_backward(
        x: FloatTensor<Self>,
        saved: SavedBlock<Self>,
        grad: FloatTensor<Self>,
        wants_input: bool,
    ) -> (Option<FloatTensor<Self>>, [FloatTensor<Self>; 6]);
}

/// What the way back through a block needs beside its input.
#[derive(Debug, Clone)]
pub(crate) struct SavedBlock<B: Backend> {
    pub weights: [FloatTensor<B>; 2],
    pub layers: [SavedLayer<B>; 2],
    pub stride: usize,
    /// The activation where it is kept; else it is known from the input and the second layer.
    pub output: Option<FloatTensor<B>>,
}

/// A convolution and its batch norm.
#[derive(Debug, Clone)]
pub(crate) struct SavedLayer<B: Backend> {
    pub y: FloatTensor<B>,
    pub gamma: FloatTensor<B>,
    pub beta: FloatTensor<B>,
    pub mean: FloatTensor<B>,
    pub variance: FloatTensor<B>,
    pub epsilon: f64,
}

/// The gradients of one convolution and its batch norm.
pub(crate) struct ConvBnGradients<B: Backend> {
    pub x: Option<FloatTensor<B>>,
    pub weight: FloatTensor<B>,
    pub gamma: FloatTensor<B>,
    pub beta: FloatTensor<B>,
}
