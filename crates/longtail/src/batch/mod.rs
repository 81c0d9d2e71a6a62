//! Which images make a batch, and the views of them, made ahead of the step.

mod class_draws;
mod loader;
mod sampler;
mod sampler_config;
mod sampling;

pub use loader::{Batch, DrawnPixels, Loader, LoaderConfig, LoaderError};
pub use sampler::{Position, Sampler};
pub use sampler_config::SamplerConfig;
pub use sampling::{Sampling, SamplingError};
