//! Where images come from, decoded once and held as bytes; and which of them train, validate and
//! test.

mod cifar;
mod error;
mod image_set;
mod imbalance;
mod numpy_rng;
mod sets;
mod split;

pub use cifar::{Cifar, Integrity};
pub use error::DataError;
pub use image_set::{ImageSet, Source};
pub use imbalance::class_counts;
pub use numpy_rng::NumpyRng;
pub use sets::{Part, Sets};
pub use split::{Holdout, Split, SplitRequest, content};
