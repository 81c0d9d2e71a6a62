//! Which images train, validate and test.

mod holdout;
mod make;
mod notes;

use std::{collections::HashSet, io, path::Path};

pub use holdout::Holdout;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{DataError, ImageSet, listing::Listing};
use crate::{atomic, hex::hex, regular};

/// The newest layout of split.json.
const VERSION: u32 = 2;
/// Largest file: that of a set of ten million images.
const LARGEST: u64 = 256 << 20;

/// What a split should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SplitRequest {
    /// n_max / n_min; `None`: all images.
    pub imbalance: Option<f64>,
    /// Seed of the subset.
    pub seed: u64,
    /// How many images are held out for validation.
    pub holdout: Holdout,
}

/// Which images of a pool train, validate and test; all indices into the pool, whose order is the
/// official one.
///
/// ```
/// use longtail::data::{Holdout, Listing, Split, SplitRequest, Synthetic};
///
/// // 24 classes of 10 images.
/// let source = Synthetic { n_max: 10, test_per_class: 1, seed: 0 }.source();
/// let listing = Listing::of(&source);
/// let request = SplitRequest { imbalance: Some(5.0), seed: 0, holdout: Holdout::None };
/// let (split, _) = Split::make(&listing, &request)?;
/// let counts = split.train_counts(&listing.pool.labels);
/// assert_eq!((counts[0], counts[23]), (10, 2));
/// assert_eq!(split.check(&listing)?, None);
/// # Ok::<(), longtail::data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Layout of the file.
    pub version: u32,
    /// The data set.
    pub data: String,
    /// Class names by label.
    pub class_names: Vec<String>,
    /// n_max / n_min asked for.
    pub imbalance: Option<f64>,
    /// Seed of the subset.
    pub split_seed: u64,
    /// The long-tailed selection: per class, in shuffled order.
    pub selected: Vec<Vec<u32>>,
    /// Training images: the selection without what is held out, class by class.
    pub train: Vec<u32>,
    /// Validation images; empty where the set brings its own, or none were asked for.
    pub val: Vec<u32>,
    /// Test images; empty where the set brings its own.
    pub test: Vec<u32>,
    /// Hash of the pool's labels and images: of files their bytes, else their pixels.
    pub content: String,
    /// The same of the validation images that the set brings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub val_content: Option<String>,
    /// The same of the test images that the set brings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_content: Option<String>,
    /// Whether names and lengths of the files stand for their content there, as where images stay on disk.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_names: bool,
    /// Hash of images, labels, class names and parts; not of what the data set is called, where it lies or how
    /// the parts were drawn.
    pub hash: String,
}

impl Split {
    /// Writes the split, beside `path` first and then renamed.
    ///
    /// # Errors
    /// [`DataError::Split`] if it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), DataError> {
        let failed = |reason: String| DataError::Split { path: path.to_owned(), reason };
        let json = serde_json::to_vec(self).map_err(|error| failed(error.to_string()))?;
        atomic::write(path, &json).map_err(|error| failed(error.to_string()))
    }

    /// Reads a split.
    ///
    /// # Errors
    /// [`DataError::Split`] if it cannot be read, or was changed since it was written.
    pub fn load(path: &Path) -> Result<Self, DataError> {
        let failed = |reason: String| DataError::Split { path: path.to_owned(), reason };
        let json = regular::read(path, LARGEST).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => failed(
                "it does not exist: check --split, or write one with `longtail data split`".into(),
            ),
            _ => failed(error.to_string()),
        })?;
        Self::parse(&json, path)
    }

    /// The split in `json`, which was read from `path`.
    ///
    /// # Errors
    /// [`DataError::Split`] if it is no split, or was changed since it was written.
    pub(super) fn parse(json: &[u8], path: &Path) -> Result<Self, DataError> {
        let failed = |reason: String| DataError::Split { path: path.to_owned(), reason };
        let split: Self =
            serde_json::from_slice(json).map_err(|error| failed(error.to_string()))?;
        if split.version == 0 {
            return Err(failed("there is no version 0: it was changed or damaged".into()));
        }
        if split.version > VERSION {
            return Err(failed(format!("it has version {}; use a newer longtail", split.version)));
        }
        if split.hash != split.compute_hash() {
            let reason = "its hash does not fit its content: it was changed or damaged; write it \
                          anew with `longtail data split`";
            return Err(failed(reason.into()));
        }
        Ok(split)
    }

    /// Whether the split was made of this data. A split of files in the first layout identified them by the
    /// pixels that they were decoded to, which no later version repeats: their number and classes are compared
    /// then, and the note says so.
    ///
    /// # Errors
    /// [`DataError::SplitDeviates`] naming what differs; [`DataError::SplitStorage`] where content and names stand against
    /// each other.
    pub fn check(&self, listing: &Listing) -> Result<Option<String>, DataError> {
        let deviates = |what: &str| Err(DataError::SplitDeviates { what: what.into() });
        if self.class_names != listing.class_names {
            return deviates("the classes");
        }
        let all = || self.train.iter().chain(&self.val).chain(&self.test);
        let images = listing.pool.labels.len();
        if all().chain(self.selected.iter().flatten()).any(|&i| i as usize >= images) {
            return deviates("the number of images");
        }
        let mut seen = HashSet::new();
        if !all().all(|index| seen.insert(index)) {
            return deviates("an image that stands in two parts");
        }
        if self.version == 1 && listing.is_files && !listing.pool.digests.is_empty() {
            return Ok(Some(
                "the split is of an earlier version: the number of images and their classes fit, and whether \
                 they are the same images was not checked"
                    .into(),
            ));
        }
        if self.content != listing.pool.content {
            if self.by_names != listing.by_names {
                return Err(DataError::SplitStorage { on_disk: listing.by_names });
            }
            return deviates("the images");
        }
        if self.version > 1 {
            let content =
                |listed: &Option<super::Listed>| listed.as_ref().map(|l| l.content.clone());
            if self.val_content != content(&listing.val) {
                return deviates("the validation images");
            }
            if self.test_content != content(&listing.test) {
                return deviates("the test images");
            }
        }
        Ok(None)
    }

    /// n, training images of every class.
    pub fn train_counts(&self, labels: &[u32]) -> Vec<usize> {
        self.counts(&self.train, labels)
    }

    /// Images of every class among `indices`.
    fn counts(&self, indices: &[u32], labels: &[u32]) -> Vec<usize> {
        let mut counts = vec![0; self.class_names.len()];
        indices.iter().for_each(|&index| counts[labels[index as usize] as usize] += 1);
        counts
    }

    /// The images of the pool that the split uses, ascending.
    pub fn used(&self) -> Vec<u32> {
        let mut used = [&self.train[..], &self.val, &self.test].concat();
        used.sort_unstable();
        used
    }

    fn compute_hash(&self) -> String {
        let mut hash = Sha256::new();
        let first_layout = self.version == 1;
        if first_layout {
            add_text(&mut hash, &self.data);
        }
        add_text(&mut hash, &self.content);
        self.class_names.iter().for_each(|name| add_text(&mut hash, name));
        if first_layout {
            hash.update(self.imbalance.unwrap_or_default().to_le_bytes());
            hash.update(self.split_seed.to_le_bytes());
        } else {
            add_text(&mut hash, self.val_content.as_deref().unwrap_or_default());
            add_text(&mut hash, self.test_content.as_deref().unwrap_or_default());
        }
        for part in self.selected.iter().chain([&self.train, &self.val, &self.test]) {
            add_part(&mut hash, part);
        }
        hex(hash.finalize())
    }
}

fn add_text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text);
}

fn add_part(hash: &mut Sha256, part: &[u32]) {
    hash.update((part.len() as u64).to_le_bytes());
    part.iter().for_each(|index| hash.update(index.to_le_bytes()));
}

/// Hash of a set's size, labels and pixels; and of its images' sizes where they differ.
pub fn content(images: &ImageSet) -> String {
    if let Some(content) = images.content_of_whole() {
        return content.to_owned();
    }
    let mut hash = Sha256::new();
    for size in [images.len(), images.height(), images.width()] {
        hash.update((size as u64).to_le_bytes());
    }
    images.labels().iter().for_each(|label| hash.update(label.to_le_bytes()));
    for side in images.sizes().into_iter().flatten().flatten() {
        hash.update(side.to_le_bytes());
    }
    hash.update(images.pixels());
    hex(hash.finalize())
}
