//! The operators on the CPU, for every instruction set and both types of activations from the same
//! source.

mod affine;
mod backward;
mod batch;
mod block;
mod contrast;
mod convolution;
mod correlation;
mod cross_entropy;
mod element;
mod epilogue;
mod exponential;
mod forward;
mod grouped;
mod input_gradient;
mod max_pool;
mod microkernel;
mod norm_backward;
mod padded;
mod path;
mod phases;
mod pixelwise;
mod pool;
mod residual;
mod scratch;
mod shape;
mod simd;
mod source;
mod weights;
mod winograd;
mod winograd_transform;
mod words;

pub(crate) use affine::Affine;
pub(crate) use backward::{ConvBackward, ConvGradients};
pub(crate) use contrast::{Contrasted, can_contrast, contrast};
pub(crate) use convolution::Convolution;
pub(crate) use cross_entropy::{powers, slopes};
pub(crate) use element::Element;
pub(crate) use forward::{Moments, convolve_batch, infer, infer_blocks, normalise_batch};
pub(crate) use grouped::fits as can_group;
pub(crate) use input_gradient::GradientEpilogue;
pub(crate) use max_pool::{PoolShape, largest, largest_backward};
pub(crate) use norm_backward::{BatchNormCoefficients, Layer, Passes, Sums};
pub(crate) use path::{Kernels, OnPortable, with_kernels};
#[cfg(target_arch = "x86_64")]
pub(crate) use path::{OnAvx2, OnAvx512, OnAvx512Bf16};
pub use path::{Path, PathError, force};
pub(crate) use pool::{Pooled, take};
pub(crate) use residual::Residual;
pub(crate) use shape::Shape;
pub(crate) use source::Source;
pub(crate) use winograd::Plan;
