//! Which images make a batch, and the views of them, made ahead of the step.

mod loader;
mod sampler;

pub use loader::{Batch, DrawnPixels, Loader, LoaderConfig, LoaderError};
pub use sampler::{Position, Sampler};
