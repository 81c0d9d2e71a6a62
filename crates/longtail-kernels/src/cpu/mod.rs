//! The operators on the CPU, for every instruction set from the same source.

mod batch;
mod contrast;
mod image;
mod micro;
mod path;
mod pixelwise;
mod scratch;
mod shape;
mod simd;
mod weights;

pub(crate) use batch::{
    Affine, Back, Layer, Moments, Relu, Residual, Source, Sums, convolve_batch, finish, infer,
};
pub(crate) use contrast::{Contrasted, can_contrast, contrast};
pub(crate) use path::Kernels;
pub use path::{Path, force};
pub(crate) use shape::Shape;
