//! Which images train, validate and test.

use std::{collections::HashSet, fs, path::Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{DataError, ImageSet, Source, imbalance::class_counts, numpy_rng::NumpyRng};
use crate::report::atomic;

/// The newest layout of split.json.
const VERSION: u32 = 1;
/// Classes with fewer images than this keep them all for training.
const SMALLEST_HELD_OUT: usize = 4;

/// From this many images per class on, 50 are held out by default, else 20.
const THOUSANDS: usize = 5000;

/// How many images of each class are held out for validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holdout {
    /// None.
    None,
    /// What suits the set: 50 per class on CIFAR-10, 20 on CIFAR-100, a tenth in folders.
    Auto,
    /// This many.
    PerClass(usize),
}

/// What a split should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SplitRequest {
    /// n_max / n_min; `None`: all images.
    pub imbalance: Option<f64>,
    /// Seed of the subset.
    pub seed: u64,
    /// How many images validate.
    pub holdout: Holdout,
}

/// Which images of a pool train, validate and test; all indices into the pool, whose order is the
/// official one.
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
    /// Images that train: the selection without what validates or tests, class by class.
    pub train: Vec<u32>,
    /// Images that validate; empty where the set brings its own, or none were asked for.
    pub val: Vec<u32>,
    /// Images that test; empty where the set brings its own.
    pub test: Vec<u32>,
    /// Hash of the pool's labels and pixels.
    pub content: String,
    /// Hash of all of the above.
    pub hash: String,
}

/// One class while the split is made.
struct Class {
    shuffled: Vec<u32>,
    selected: usize,
    val: usize,
    test: usize,
}

impl Split {
    /// Selects as the reference code does: one NumPy generator, classes in label order, every image
    /// of a class shuffled, the first n_c kept. Validation takes the last images of the shuffled
    /// order; where they are selected they leave the training set, and a note says so.
    ///
    /// Folders and lists rank their classes by size for the long-tailed rule, and hold out a share
    /// of each class: a fifth for testing if they bring no test set, a tenth (or `PerClass`) for
    /// validation if they bring none; a class of fewer than 4 images gives none, and one always
    /// trains.
    ///
    /// # Errors
    /// [`DataError`] for a factor or a hold-out that the source cannot give.
    pub fn make(source: &Source, request: &SplitRequest) -> Result<(Self, Vec<String>), DataError> {
        let seed =
            u32::try_from(request.seed).map_err(|_| DataError::SplitSeed { seed: request.seed })?;
        let classes = plan(source, request, seed)?;
        let mut split = Self {
            version: VERSION,
            data: source.name.clone(),
            class_names: source.class_names.clone(),
            imbalance: request.imbalance,
            split_seed: request.seed,
            selected: Vec::new(),
            train: Vec::new(),
            val: Vec::new(),
            test: Vec::new(),
            content: content(&source.pool),
            hash: String::new(),
        };
        let mut notes = Vec::new();
        for (name, class) in source.class_names.iter().zip(classes) {
            split.add(name, class, &mut notes);
        }
        split.hash = split.compute_hash();
        Ok((split, summarise(notes)))
    }

    /// Distributes one class; the held-out images come from the end of its shuffled order.
    fn add(&mut self, name: &str, class: Class, notes: &mut Vec<(String, usize)>) {
        let Class { shuffled, selected, val, test } = class;
        let end = shuffled.len();
        let (val_from, test_from) = (end - test - val, end - test);
        let kept = selected.min(val_from);
        if kept < selected {
            notes.push((name.to_owned(), selected - kept));
        }
        self.train.extend(&shuffled[..kept]);
        self.val.extend(&shuffled[val_from..test_from]);
        self.test.extend(&shuffled[test_from..]);
        self.selected.push(shuffled[..selected].to_vec());
    }

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
        let json = fs::read(path).map_err(|error| failed(error.to_string()))?;
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

    /// Whether the split was made of this source.
    ///
    /// # Errors
    /// [`DataError::SplitDeviates`] naming what differs.
    pub fn check(&self, source: &Source) -> Result<(), DataError> {
        let deviates = |what: &str| Err(DataError::SplitDeviates { what: what.into() });
        if self.class_names != source.class_names {
            return deviates("the classes");
        }
        let all = || self.train.iter().chain(&self.val).chain(&self.test);
        if all().chain(self.selected.iter().flatten()).any(|&i| i as usize >= source.pool.len()) {
            return deviates("the number of images");
        }
        if self.content != content(&source.pool) {
            return deviates("the images");
        }
        if !all().all(|&index| source.pool.holds(index as usize)) {
            return deviates("the images that the pack holds");
        }
        let mut seen = HashSet::new();
        if !all().all(|index| seen.insert(index)) {
            return deviates("an image that stands in two parts");
        }
        Ok(())
    }

    /// n, training images of every class.
    pub fn train_counts(&self, source: &Source) -> Vec<usize> {
        let mut counts = vec![0; self.class_names.len()];
        for &index in &self.train {
            counts[source.pool.labels()[index as usize] as usize] += 1;
        }
        counts
    }

    fn compute_hash(&self) -> String {
        let mut hash = Sha256::new();
        for text in [&self.data, &self.content].into_iter().chain(&self.class_names) {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        hash.update(self.imbalance.unwrap_or_default().to_le_bytes());
        hash.update(self.split_seed.to_le_bytes());
        for part in self.selected.iter().chain([&self.train, &self.val, &self.test]) {
            hash.update((part.len() as u64).to_le_bytes());
            part.iter().for_each(|index| hash.update(index.to_le_bytes()));
        }
        hex(hash)
    }
}

/// Hash of a set's size, labels and pixels.
pub fn content(images: &ImageSet) -> String {
    if let Some(content) = images.content_of_whole() {
        return content.to_owned();
    }
    let mut hash = Sha256::new();
    for size in [images.len(), images.height(), images.width()] {
        hash.update((size as u64).to_le_bytes());
    }
    images.labels().iter().for_each(|label| hash.update(label.to_le_bytes()));
    hash.update(images.pixels());
    hex(hash)
}

pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Shuffles every class and decides how much of it goes where.
fn plan(source: &Source, request: &SplitRequest, seed: u32) -> Result<Vec<Class>, DataError> {
    let classes = source.class_names.len();
    let mut members = vec![Vec::new(); classes];
    for (index, &label) in source.pool.labels().iter().enumerate() {
        members[label as usize].push(index as u32);
    }
    let available: Vec<usize> = members.iter().map(Vec::len).collect();
    let is_files = !source.pool.names().is_empty();
    let targets = targets(&available, request.imbalance, is_files)?;
    let mut rng = NumpyRng::new(seed);
    let mut plan = Vec::with_capacity(classes);
    for (label, mut shuffled) in members.into_iter().enumerate() {
        rng.shuffle(&mut shuffled);
        let held_out = match is_files {
            true => Ok(held_out_of_files(source, request, targets[label])),
            false => held_out_of_pool(source, request, shuffled.len(), label),
        };
        let (val, test) = held_out?;
        // Folders thin first, so that what is held out comes from what was selected.
        if is_files {
            shuffled.truncate(targets[label]);
        }
        plan.push(Class { selected: targets[label].min(shuffled.len()), shuffled, val, test });
    }
    Ok(plan)
}

/// Images that the long-tailed rule leaves of every class.
fn targets(
    available: &[usize],
    imbalance: Option<f64>,
    is_files: bool,
) -> Result<Vec<usize>, DataError> {
    let Some(factor) = imbalance else { return Ok(available.to_vec()) };
    let n_max = available.iter().copied().max().unwrap_or(0);
    let counts = class_counts(n_max, available.len(), factor)?;
    let mut order: Vec<usize> = (0..available.len()).collect();
    if is_files {
        order.sort_by_key(|&label| std::cmp::Reverse(available[label]));
    }
    let mut targets = vec![0; available.len()];
    for (rank, label) in order.into_iter().enumerate() {
        targets[label] = counts[rank].min(available[label]);
    }
    Ok(targets)
}

/// Validation and test images of a class in a pool such as CIFAR's.
fn held_out_of_pool(
    source: &Source,
    request: &SplitRequest,
    available: usize,
    label: usize,
) -> Result<(usize, usize), DataError> {
    let val = match request.holdout {
        Holdout::None => 0,
        Holdout::Auto if source.val.is_some() => 0,
        Holdout::Auto if available >= THOUSANDS => 50,
        Holdout::Auto => 20,
        Holdout::PerClass(_) if source.val.is_some() => {
            return Err(DataError::OwnValidation { data: source.name.clone() });
        }
        Holdout::PerClass(count) => count,
    };
    if val >= available {
        let class = source.class_names[label].clone();
        return Err(DataError::Holdout { val, class, available });
    }
    Ok((val, 0))
}

/// Validation and test images of a class of `count` selected files.
fn held_out_of_files(source: &Source, request: &SplitRequest, count: usize) -> (usize, usize) {
    if count < SMALLEST_HELD_OUT {
        return (0, 0);
    }
    let test = if source.test.is_none() { rounded_share(count, 5) } else { 0 };
    let val = match (request.holdout, &source.val) {
        (Holdout::None, _) | (_, Some(_)) => 0,
        (Holdout::Auto, None) => rounded_share(count, 10),
        (Holdout::PerClass(val), None) => val,
    };
    (val.min(count - test - 1), test)
}

/// One `parts`-th of `count`, rounded to the nearest, at least 1.
fn rounded_share(count: usize, parts: usize) -> usize {
    ((count + parts / 2) / parts).max(1)
}

/// One sentence about the classes whose selected images moved to validation.
fn summarise(notes: Vec<(String, usize)>) -> Vec<String> {
    let moved: usize = notes.iter().map(|(_, count)| count).sum();
    let names: Vec<String> = notes.iter().map(|(name, count)| format!("{name} {count}")).collect();
    match moved {
        0 => Vec::new(),
        _ => vec![format!(
            "{moved} selected images validate and so do not train ({}); --val none trains on all",
            names.join(", ")
        )],
    }
}
