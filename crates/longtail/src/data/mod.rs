//! Where images come from, decoded once and held as bytes, or read from their files one at a time; and which of them
//! train, validate and test.

pub mod catalog;
mod cifar;
mod counts;
pub mod decode;
mod error;
pub mod fetch;
pub mod folder;
mod image_set;
mod imbalance;
pub mod inspect;
mod known;
pub mod list;
mod listing;
pub mod memory;
pub mod names;
mod numpy_rng;
mod on_disk;
mod open;
mod options;
pub mod pack;
mod read;
mod resize;
mod sets;
pub mod shards;
pub mod source;
mod split;
pub mod stats;
pub mod synthetic;
pub mod walk;

pub use cifar::{Cifar, CifarName, Integrity};
pub use counts::{ClassCounts, ClassCountsError};
pub use error::DataError;
pub use image_set::{ImageSet, ReadImage, Source};
pub use imbalance::class_counts;
pub use list::Lists;
pub use listing::{Listed, Listing};
pub use numpy_rng::NumpyRng;
pub use open::{DEFAULT_DIR, Opened, absolute, split_request};
pub use options::{Data, DataTyped, Storage};
pub use resize::{Fitted, Fitting, Resize};
pub(crate) use resize::{middle, with_shorter_side};
pub use sets::{Part, Sets};
pub use source::DataSource;
pub use split::{Holdout, Split, SplitRequest, content};
pub use synthetic::Synthetic;
