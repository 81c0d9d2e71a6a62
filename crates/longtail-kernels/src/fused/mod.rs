//! The operators through Burn's backend extension: on its CPU backend with a backward pass of their
//! own.

mod algorithm;
mod autodiff;
mod contrast;
mod cross_entropy;
#[cfg(feature = "gpu")]
mod cube;
mod flex;
mod max_pool;
mod norm;
mod ops;
mod prepacking;

pub use algorithm::{Algorithm, algorithm};
pub(crate) use algorithm::{are_parameters, can_run};
pub use autodiff::make_again_from;
pub use contrast::ContrastPath;
pub(crate) use contrast::{ContrastOps, path as contrast_path};
pub(crate) use cross_entropy::{CrossEntropyOps, path as cross_entropy_path};
pub(crate) use max_pool::{MaxPoolOps, path as max_pool_path};
pub(crate) use norm::NormOps;
pub(crate) use ops::FusedOps;
pub use prepacking::Prepacking;
