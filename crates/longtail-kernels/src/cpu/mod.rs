//! The operators on the CPU, for every instruction set and both types of activations from the same
//! source.

mod backward;
mod batch;
mod block;
mod contrast;
mod convolution;
mod cross_entropy;
mod element;
mod exponential;
mod finish;
mod forward;
mod micro;
mod padded;
mod path;
mod phases;
mod pixelwise;
mod pool;
mod residual;
mod scratch;
mod shape;
mod simd;
mod weights;
mod winograd;
mod words;

pub(crate) use backward::{Back, BackGradients, Layer, Sums, Then};
pub(crate) use batch::{Affine, Source};
pub(crate) use contrast::{Contrasted, can_contrast, contrast};
pub(crate) use cross_entropy::{powers, slopes};
pub(crate) use element::Element;
pub(crate) use forward::{Moments, convolve_batch, finish, infer, infer_blocks};
pub(crate) use path::{Kernels, OnPortable, with_kernels};
#[cfg(target_arch = "x86_64")]
pub(crate) use path::{OnAvx2, OnAvx512, OnAvx512Bf16};
pub use path::{Path, PathError, force};
pub(crate) use pool::{Pooled, take};
pub(crate) use residual::Residual;
pub(crate) use shape::Shape;
pub(crate) use winograd::Plan;
