use std::path::PathBuf;

use super::{Holdout, Resize};
use crate::section::section;

section! {
    /// `[data]`
    Data, DataTyped {
        /// `synthetic`, `cifar10-lt`, `cifar10`, `cifar100-lt`, `cifar100`, or the path of an image folder or list.
        name: String,
        /// Where the data set's files are; empty: where `data fetch` puts them.
        dir: PathBuf,
        /// Training list; empty: none.
        train_list: PathBuf,
        /// Validation list; empty: none.
        val_list: PathBuf,
        /// Test list; empty: none.
        test_list: PathBuf,
        /// Height and width of the views of folders and lists, in pixels.
        image_size: usize,
        /// How images of folders and lists that are no squares become squares.
        resize: Resize,
        /// Imbalance factor n_max / n_min; 0: as the data comes.
        imbalance: f64,
        /// Seed of the subset.
        split_seed: u64,
        /// Images per class held out for validation.
        val: Holdout,
        /// A split.json to use again; empty: none.
        split: PathBuf,
        /// Whether a data set that deviates from the official content is taken.
        any_content: bool,
        /// Whether files that cannot be read are left out instead of refused.
        skip_broken: bool,
    }
}
