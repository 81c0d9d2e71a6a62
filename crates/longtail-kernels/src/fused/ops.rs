//! The operators of convolutions as traits of a backend, and what goes between them.

use burn::backend::{Backend, ExtensionType, backend_extension, tensor::FloatTensor};

use crate::options::ConvBnOptions;

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

/// What [`FusedOps::conv_bn`] gives and keeps.
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

/// What [`FusedOps::basic_block`] gives and keeps; the first convolution's activation is made again
/// on the way back.
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
    /// The gradients of [`FusedOps::conv_bn`].
    fn conv_bn_backward(
        saved: SavedConvBn<Self>,
        grad: FloatTensor<Self>,
        wanted: Wanted,
        options: ConvBnOptions,
    ) -> ConvBnGradients<Self>;

    /// The gradients of [`FusedOps::basic_block`]: of the input if it is wanted, then of the six
    /// parameters in the order of the arguments.
    fn basic_block_backward(
        saved: SavedBlock<Self>,
        grad: FloatTensor<Self>,
        wants_input: bool,
        stride: usize,
        epsilon: f64,
    ) -> (Option<FloatTensor<Self>>, [FloatTensor<Self>; 6]);
}

/// What the way back through a layer needs.
#[derive(Debug, Clone)]
pub(crate) struct SavedConvBn<B: Backend> {
    pub x: FloatTensor<B>,
    pub weight: FloatTensor<B>,
    pub gamma: FloatTensor<B>,
    pub forward: ConvBnOutput<B>,
}

/// What the way back through a block needs.
#[derive(Debug, Clone)]
pub(crate) struct SavedBlock<B: Backend> {
    pub x: FloatTensor<B>,
    pub weights: [FloatTensor<B>; 2],
    pub gammas: [FloatTensor<B>; 2],
    pub betas: [FloatTensor<B>; 2],
    pub forward: BasicBlockOutput<B>,
}

/// Which gradients are asked for beside the parameters'.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub input: bool,
    pub residual: bool,
}

/// The gradients of one layer.
pub(crate) struct ConvBnGradients<B: Backend> {
    pub x: Option<FloatTensor<B>>,
    pub weight: FloatTensor<B>,
    pub gamma: FloatTensor<B>,
    pub beta: FloatTensor<B>,
    pub residual: Option<FloatTensor<B>>,
}
