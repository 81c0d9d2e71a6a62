//! Images in a few large files: tar archives as WebDataset writes them, and Parquet files with embedded images as data hubs
//! hand them out.
//!
//! The files are named by their parts: `train-000.tar`, `validation-00000-of-00003.parquet`, `set-test-1.tar`, or any
//! name in a folder `train`, `val` or `test`; what says no part trains.

mod samples;
mod tar;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

use rayon::prelude::*;
use samples::Sample;

use super::{
    DataError,
    catalog::{Catalog, Files, Place},
    folder::{self, PartName},
    list::{Entry, Labels},
    names::text_of,
    walk::{self, name_of},
};

/// Folders of a hub's download that hold the files.
const HOLDERS: [&str; 2] = ["data", "default"];

/// The large files of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shards {
    /// The folder or file that was named.
    pub named: PathBuf,
    /// The files of training, validation and test.
    pub parts: [Vec<PathBuf>; 3],
}

impl Shards {
    /// The shards that a path names: such a file, or a folder of some; `None` for anything else, such as a folder in which
    /// images lie too.
    ///
    /// # Errors
    /// [`DataError::Io`] for a folder that cannot be read.
    pub fn at(path: &Path) -> Result<Option<Self>, DataError> {
        let mut parts: [Vec<PathBuf>; 3] = Default::default();
        if path.is_file() {
            if !is_shard(path) {
                return Ok(None);
            }
            parts[PartName::Train as usize].push(path.to_owned());
        } else if path.is_dir() {
            for (file, part) in shards_in(path)? {
                parts[part as usize].push(file);
            }
            let is_none = parts.iter().all(Vec::is_empty);
            if is_none || !walk::images_directly_in(path)?.images.is_empty() || has_classes(path)? {
                return Ok(None);
            }
        }
        let any = parts.iter().any(|files| !files.is_empty());
        Ok(any.then(|| Self { named: path.to_owned(), parts }))
    }
}

/// Whether images lie in a folder of `dir`, which is one of classes then.
fn has_classes(dir: &Path) -> Result<bool, DataError> {
    let folders = walk::entries(dir)?.into_iter().filter(|path| path.is_dir());
    for folder in folders {
        if !walk::images_below(&folder)?.images.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The shards in `dir` and in the folders of it that parts or hubs have, in order.
fn shards_in(dir: &Path) -> Result<Vec<(PathBuf, PartName)>, DataError> {
    let mut found = Vec::new();
    for path in walk::entries(dir)? {
        let name = name_of(&path);
        if path.is_file() && is_shard(&path) {
            found.push((path, part_of(&name).unwrap_or(PartName::Train)));
        } else if path.is_dir() && (part_of(&name).is_some() || HOLDERS.contains(&name.as_str())) {
            let files = walk::entries(&path)?.into_iter().filter(|path| path.is_file());
            found.extend(files.filter(|file| is_shard(file)).map(|file| {
                let part = part_of(&name_of(&file)).or(part_of(&name));
                (file, part.unwrap_or(PartName::Train))
            }));
        }
    }
    Ok(found)
}

/// Whether a file is called like one that holds many images.
pub fn is_shard(path: &Path) -> bool {
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    ending.eq_ignore_ascii_case("tar")
}

/// The part that a word of a name says.
fn part_of(name: &str) -> Option<PartName> {
    name.split(|letter: char| !letter.is_ascii_alphabetic()).find_map(PartName::of)
}

/// Finds the images of `shards`, in their order, without reading them.
///
/// # Errors
/// [`DataError::Shard`] naming the file and the remedy.
pub fn find(shards: &Shards) -> Result<Catalog, DataError> {
    let [train, val, test] = [0, 1, 2].map(|part| read(&shards.parts[part]));
    let (train, val, test) = (train?, val?, test?);
    let first = shards.parts.iter().flatten().next().unwrap_or(&shards.named);
    let Some(of_train) = shards.parts[PartName::Train as usize].first() else {
        let reason = "no file says that it is of the training part: call it train-…";
        return Err(fault(first, reason.into()));
    };
    let entries: Vec<Entry> = train.iter().map(|(_, sample)| entry(sample)).collect();
    if entries.is_empty() {
        return Err(fault(of_train, "it holds no image".into()));
    }
    let labels = Labels::of(of_train, &entries, false).map_err(|error| plain(of_train, error))?;
    drop(entries);
    let files = |part: Vec<(Arc<Path>, Sample)>| files(part, &labels);
    let some = |part: Vec<(Arc<Path>, Sample)>| (!part.is_empty()).then(|| files(part)).transpose();
    let (train, val, test) = (files(train)?, some(val)?, some(test)?);
    let (title, notes) = (folder::title(&shards.named), labels.notes.clone());
    Ok(Catalog { title, class_names: labels.names, train, val, test, notes })
}

/// The samples of archives, in their order.
fn read(archives: &[PathBuf]) -> Result<Vec<(Arc<Path>, Sample)>, DataError> {
    let of_one = |path: &PathBuf| {
        let samples = tar::members(path).and_then(|members| samples::samples(path, members));
        let file: Arc<Path> = path.as_path().into();
        let with_file = |sample| (Arc::clone(&file), sample);
        match samples {
            Ok(samples) => Ok(samples.into_iter().map(with_file).collect::<Vec<_>>()),
            Err(reason) => Err(fault(path, reason)),
        }
    };
    let all: Vec<_> = archives.par_iter().map(of_one).collect::<Result<_, _>>()?;
    Ok(all.into_iter().flatten().collect())
}

/// As a list has it.
fn entry(sample: &Sample) -> Entry {
    let Sample { image, label } = sample;
    let (path, label) = (image.name.clone(), label.clone());
    Entry { path, label, class_name: None, part: None, line: 0 }
}

fn files(samples: Vec<(Arc<Path>, Sample)>, labels: &Labels) -> Result<Files, DataError> {
    let mut files = Files::default();
    for (file, sample) in samples {
        let class = labels.class(&file, &entry(&sample)).map_err(|error| plain(&file, error))?;
        let Sample { image: tar::Member { name, offset, length }, .. } = sample;
        files.push(Place::Within { file, offset, length }, name, class);
    }
    Ok(files)
}

/// What is wrong with labels, as it is said of an archive, which has no lines.
fn plain(path: &Path, error: DataError) -> DataError {
    match error {
        DataError::List { reason, .. } => fault(path, reason),
        other => other,
    }
}

fn fault(path: &Path, reason: String) -> DataError {
    DataError::Shard { path: text_of(path).into(), reason }
}
