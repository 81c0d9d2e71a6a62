//! Images in a few large files: tar archives as WebDataset writes them, and Parquet files with embedded images as data hubs
//! hand them out.
//!
//! The files are named by their parts: `train-000.tar`, `validation-00000-of-00003.parquet`, `set-test-1.tar`, or any
//! name in a folder `train`, `val` or `test`; what says no part trains.

mod class_order;
mod classes;
mod parts;
mod samples;
mod sets;
mod tables;
mod tar;
mod unpacked;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

use rayon::prelude::*;
use samples::Sample;

use super::{
    Cifar, Data, DataError,
    catalog::{Catalog, Files, Located, Place},
    folder::{self, PartName},
    list::{self, Entry, Labels},
    names::text_of,
    on_disk,
    source::given,
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
    /// images lie too, and for what is a CIFAR. Compressed archives are among them, to be refused by name.
    ///
    /// # Errors
    /// [`DataError::Io`] for a folder that cannot be read.
    pub fn at(path: &Path) -> Result<Option<Self>, DataError> {
        let named = path.to_owned();
        if path.is_file() {
            let is_one = is_shard(path) || is_compressed(path) && Cifar::found_at(path).is_none();
            return Ok(is_one.then(|| Self { parts: [vec![path.into()], vec![], vec![]], named }));
        }
        if !path.is_dir() {
            return Ok(None);
        }
        let all = files_in(path, |file| is_shard(file) || is_compressed(file))?;
        let (mut found, refused): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(file, _)| is_shard(file) && file.is_file());
        if found.is_empty() && is_of_cifar(&refused) {
            return Ok(None);
        }
        found.extend(refused);
        let holds_images = || Ok::<_, DataError>(holds_images_itself(path)? || has_classes(path)?);
        if found.is_empty() || holds_images()? {
            return Ok(None);
        }
        let mut parts: [Vec<PathBuf>; 3] = Default::default();
        found.into_iter().for_each(|(file, part)| parts[part as usize].push(file));
        Ok(Some(Self { named, parts }))
    }
}

/// Whether the first of these files lies where a CIFAR is.
fn is_of_cifar(files: &[(PathBuf, PartName)]) -> bool {
    let folder = files.first().and_then(|(file, _)| file.parent());
    folder.is_some_and(|folder| Cifar::found_at(folder).is_some())
}

fn holds_images_itself(dir: &Path) -> Result<bool, DataError> {
    Ok(!walk::images_directly_in(dir)?.images.is_empty())
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

/// What is `wanted` in `dir` and in the folders of it that parts or hubs have, in order.
fn files_in(
    dir: &Path,
    wanted: impl Fn(&Path) -> bool,
) -> Result<Vec<(PathBuf, PartName)>, DataError> {
    let mut found = Vec::new();
    for path in walk::entries(dir)? {
        let name = name_of(&path);
        if path.is_dir() {
            if part_of(&name).is_none() && !HOLDERS.contains(&name.as_str()) {
                continue;
            }
            let files = walk::entries(&path)?.into_iter().filter(|file| !file.is_dir());
            found.extend(files.filter(|file| wanted(file)).map(|file| {
                let part = part_of(&name_of(&file)).or(part_of(&name));
                (file, part.unwrap_or(PartName::Train))
            }));
        } else if wanted(&path) {
            found.push((path, part_of(&name).unwrap_or(PartName::Train)));
        }
    }
    Ok(found)
}

/// Whether a file is called like one that holds many images.
pub fn is_shard(path: &Path) -> bool {
    has_ending(path, "tar") || has_ending(path, "parquet")
}

/// Whether a file is called like a compressed archive.
fn is_compressed(path: &Path) -> bool {
    const ENDINGS: [&str; 9] = [
        ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar.lz4",
    ];
    let name = name_of(path).to_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn has_ending(path: &Path, wanted: &str) -> bool {
    path.extension()
        .and_then(OsStr::to_str)
        .is_some_and(|ending| ending.eq_ignore_ascii_case(wanted))
}

/// The part that a word of a name says.
fn part_of(name: &str) -> Option<PartName> {
    name.split(|letter: char| !letter.is_ascii_alphabetic()).find_map(PartName::of)
}

/// Where the images of Parquet files are once they are found.
enum Kept {
    InMemory,
    /// In files of a folder.
    Unpacked(unpacked::Folder),
}

impl Kept {
    /// What a section asks for.
    fn of(shards: &Shards, data: &Data) -> Result<Self, DataError> {
        let tables = shards.parts.iter().flatten().filter(|path| has_ending(path, "parquet"));
        let mut rows = 0;
        let mut first = None;
        for path in tables {
            rows += tables::open(path)?.rows();
            first.get_or_insert(path);
        }
        let Some(first) = first.filter(|_| on_disk::is_asked(data, rows)) else {
            return Ok(Self::InMemory);
        };
        let Some(folder) = given(&data.cache) else {
            let reason = "images of Parquet files that stay on disk are read one by one, once they are unpacked: say with \
                          --cache into which folder (or train with --storage memory)";
            return Err(fault(first, reason.into()));
        };
        Ok(Self::Unpacked(unpacked::Folder::new(folder, on_disk::most(data))))
    }
}

/// An image of a shard, with its label as it is written.
struct Found {
    place: Place,
    name: String,
    label: String,
    /// Whether the folders that it lies in say its label.
    by_folder: bool,
    class_name: Option<String>,
    /// The part that a column puts it into.
    part: Option<PartName>,
}

/// A shard with its images.
struct Read {
    path: PathBuf,
    /// What its numbers mean, where it says that.
    class_names: Option<Vec<String>>,
    found: Vec<Found>,
}

/// Finds the images of `shards`, in their order. Those of tar archives are not read; those of Parquet files are taken into
/// memory as they are, or unpacked, as a section says.
///
/// # Errors
/// [`DataError::Shard`] naming the file and the remedy.
pub fn find(shards: &Shards, data: &Data) -> Result<Catalog, DataError> {
    let mut notes: Vec<String> = missing(shards, data.skip_broken)?.into_iter().collect();
    let kept = Kept::of(shards, data)?;
    let read = |part: PartName| -> Result<Vec<Read>, DataError> {
        shards.parts[part as usize].par_iter().map(|path| read(path, &kept)).collect()
    };
    let (train, val, test) = (read(PartName::Train)?, read(PartName::Val)?, read(PartName::Test)?);
    let [mut train, mut val, mut test] = parts::obey([train, val, test])?;
    let Some(Read { path: first, .. }) = train.first() else {
        let first = shards.parts.iter().flatten().next().unwrap_or(&shards.named);
        let reason = "no file says that it is of the training part: call it train-…";
        return Err(fault(first, reason.into()));
    };
    let first = first.clone();
    if train.iter().all(|read| read.found.is_empty()) {
        return Err(fault(&first, "it holds no image with a label".into()));
    }
    classes::label([&mut train, &mut val, &mut test]);
    notes.extend(class_order::unite([&mut train, &mut val, &mut test])?);
    let labels = labels_of(&first, &train)?;
    let table = train.iter().map(|read| &read.path).find(|path| has_ending(path, "parquet"));
    notes.extend(table.and_then(|path| tables::note(path)));
    notes.extend(train.iter().find_map(without_name));
    notes.extend(labels.notes.clone());
    for (part, read) in [("validation", &val), ("test", &test)] {
        if !read.is_empty() && read.iter().all(|read| read.found.is_empty()) {
            notes.push(format!("the {part} part has no image with a label, and is not looked at"));
        }
    }
    let some = |read: Vec<Read>| {
        let files = files(read, &labels)?;
        Ok::<_, DataError>(Some(files).filter(|files| !files.is_empty()))
    };
    let (train, val, test) = (files(train, &labels)?, some(val)?, some(test)?);
    let title = folder::title(&shards.named);
    Ok(Catalog { title, class_names: labels.names, train, val, test, notes })
}

/// Refuses files whose names say that others are missing, or says so where what is broken is left out.
fn missing(shards: &Shards, skip_broken: bool) -> Result<Option<String>, DataError> {
    // Who names one file means it.
    if shards.named.is_file() {
        return Ok(None);
    }
    let files: Vec<PathBuf> = shards.parts.iter().flatten().cloned().collect();
    match sets::missing(&files) {
        None => Ok(None),
        Some(said) if skip_broken => Ok(Some(format!("{said} (--skip-broken)"))),
        Some(said) => {
            let mend = "copy what is missing, or go on without it with --skip-broken";
            Err(fault(&shards.named, format!("{said}: {mend}")))
        }
    }
}

/// What the labels of the training images mean.
fn labels_of(first: &Path, train: &[Read]) -> Result<Labels, DataError> {
    let images = || train.iter().flat_map(|read| &read.found);
    let entries: Vec<Entry> = images().map(entry).collect();
    // Folders are words, also those that look like numbers.
    if images().all(|found| found.by_folder) {
        return Ok(Labels::of_words(&entries));
    }
    Labels::of(first, &entries, false)
        .map_err(|error| mixed(train).unwrap_or_else(|| plain(first, error)))
}

/// On labels that are numbers in one archive and names in another.
fn mixed(train: &[Read]) -> Option<DataError> {
    let is_number = |found: &&Found| list::is_number(&found.label);
    let (of_numbers, number) =
        train.iter().find_map(|read| Some((&read.path, read.found.iter().find(is_number)?)))?;
    let is_name = |found: &&Found| !is_number(found);
    let (of_names, name) =
        train.iter().find_map(|read| Some((&read.path, read.found.iter().find(is_name)?)))?;
    if of_numbers == of_names {
        return None;
    }
    let reason = format!(
        "its labels are names (\"{}\" of {}), and those of {} are numbers ({} of {}): write all of them in one way",
        list::cut(&name.label),
        name.name,
        text_of(of_numbers),
        number.label,
        number.name
    );
    Some(fault(of_names, reason))
}

/// On a table that names fewer classes than its labels number.
fn without_name(Read { path, found, .. }: &Read) -> Option<String> {
    let unnamed = found.iter().find(|found| found.class_name.is_none())?;
    found.iter().find(|found| found.class_name.is_some())?;
    Some(format!(
        "{} names classes, and none for label {} ({}), so that all classes are called by their numbers",
        text_of(path),
        unnamed.label,
        unnamed.name
    ))
}

fn read(path: &Path, kept: &Kept) -> Result<Read, DataError> {
    if has_ending(path, "parquet") {
        return tables::read(path, kept);
    }
    let samples = tar::members(path).and_then(|members| samples::samples(path, &members));
    let file: Arc<Path> = path.into();
    let found = |Sample { image: tar::Member { name, offset, length }, label }| {
        let place = Place::At(Located::Within { file: Arc::clone(&file), offset, length });
        let (by_folder, label) = (label.is_none(), label.unwrap_or_default());
        Found { place, name, label, by_folder, class_name: None, part: None }
    };
    let samples = samples.map_err(|reason| fault(path, reason))?;
    let found = samples.into_iter().map(found).collect();
    Ok(Read { path: path.to_owned(), class_names: None, found })
}

/// As a list has it.
fn entry(found: &Found) -> Entry {
    let (path, label, class_name) =
        (found.name.clone(), found.label.clone(), found.class_name.clone());
    Entry { path, label, class_name, part: None, line: 0 }
}

fn files(read: Vec<Read>, labels: &Labels) -> Result<Files, DataError> {
    let mut files = Files::default();
    for Read { path, found, .. } in read {
        for image in found {
            let class =
                labels.class(&path, &entry(&image)).map_err(|error| match &image.class_name {
                    Some(name) => untrained(&path, &image.name, name),
                    None => plain(&path, error),
                })?;
            files.push(image.place, image.name, class);
        }
    }
    Ok(files)
}

/// On a class that other parts name, and training has not.
fn untrained(path: &Path, image: &str, class: &str) -> DataError {
    let reason = format!(
        "{image} is of the class \"{}\", of which there is no training image: leave it out, or add training images of it",
        list::cut(class)
    );
    fault(path, reason)
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
