//! What runs on GPUs, through CubeCL: CUDA, and what wgpu reaches. Without a GPU feature no device is one.

#[cfg(feature = "gpu")]
mod contrast;
#[cfg(feature = "gpu")]
mod device;
#[cfg(not(feature = "gpu"))]
#[path = "none.rs"]
mod device;
#[cfg(feature = "gpu")]
mod kernels;

#[cfg(feature = "gpu")]
pub(crate) use contrast::forward;
pub(crate) use device::can_contrast;
pub use device::{identity, is_software, is_wrong, rank, runtime};
