//! Where images come from, decoded once and held as bytes; and which of them train, validate and
//! test.

mod cifar;
pub mod decode;
mod error;
pub mod fetch;
pub mod folder;
mod image_set;
mod imbalance;
pub mod list;
mod numpy_rng;
mod open;
pub mod pack;
mod sets;
mod split;
pub mod stats;
pub mod synthetic;

pub use cifar::{Cifar, Integrity};
pub use error::DataError;
pub use folder::Loaded;
pub use image_set::{ImageSet, Source};
pub use imbalance::class_counts;
pub use list::Lists;
pub use numpy_rng::NumpyRng;
pub use open::{DEFAULT_DIR, lists, open, split_of};
pub use sets::{Part, Sets};
pub use split::{Holdout, Split, SplitRequest, content};
pub use synthetic::Synthetic;
