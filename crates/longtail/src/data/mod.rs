//! Where images come from: decoded once, held as bytes.

mod error;
mod image_set;

pub use error::DataError;
pub use image_set::{ImageSet, Source};
