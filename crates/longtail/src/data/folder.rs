//! Folders of images, one sub-folder per class.
//!
//! `dir/CLASS/…`, or `dir/train/CLASS/…` with `val/` and `test/` beside it. The parts go by their usual names
//! in any case: `train` or `training`; `val`, `valid` or `validation`; `test` or `testing`. What a folder holds
//! decides, not its name alone: a part holds class folders, so that `bus/ car/ train/` with images directly
//! inside are three classes. An image belongs to the class folder that it lies in, at any depth. Hidden
//! folders, those of systems and the folders of runs are passed over ([`walk`]). Folders that are called like parts
//! in other ways, and classes that hold parts, are refused with both readings.

mod doubt;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Cifar, DataError,
    catalog::{Catalog, Files, Located, Place},
    names::{listed, text_of},
    walk::{self, Found, name_of},
};
use crate::{counted::counted, regular};

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartName {
    /// Training images.
    Train,
    /// Validation images.
    Val,
    /// Test images.
    Test,
}

impl PartName {
    /// All, in the order of use.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// What people call it, the usual name first.
    pub fn spellings(self) -> &'static [&'static str] {
        match self {
            Self::Train => &["train", "training"],
            Self::Val => &["val", "valid", "validation"],
            Self::Test => &["test", "testing"],
        }
    }

    /// The part that goes by this name, in any case.
    pub fn of(name: &str) -> Option<Self> {
        let name = name.trim().to_lowercase();
        Self::ALL.into_iter().find(|part| part.spellings().contains(&name.as_str()))
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spellings()[0])
    }
}

/// The class folders of one part.
type Classes = BTreeMap<String, Found>;

/// The folders that hold the parts.
type Parts = BTreeMap<PartName, PathBuf>;

/// Finds the images of the folder `dir` without reading them. Classes are the sub-folders' names in order; images
/// stand in the order of their paths.
///
/// # Errors
/// [`DataError::Folder`] naming the folder, what is wrong and the remedy.
pub fn find(dir: &Path) -> Result<Catalog, DataError> {
    if !dir.exists() {
        return Err(folder_error(dir, "it does not exist: check --data"));
    }
    if !dir.is_dir() {
        let what = regular::special_at(dir).unwrap_or("a file");
        let reason = format!("it is {what}: give the folder that holds the classes");
        return Err(folder_error(dir, &reason));
    }
    read(dir).map_err(|error| match Cifar::found_at(dir) {
        Some(cifar) if !holds_images(dir).unwrap_or(true) => folder_error(dir, &cifar.answer(dir)),
        _ => error,
    })
}

/// The catalog of a folder that is there.
fn read(dir: &Path) -> Result<Catalog, DataError> {
    let mut notes = Vec::new();
    let layout = layout(dir, &mut notes)?;
    let mut classes = |part: PartName| -> Result<Option<Classes>, DataError> {
        let Some(path) = layout.get(&part) else { return Ok(None) };
        let classes = class_folders(path, &layout, &mut notes)?;
        let images: usize = classes.values().map(|found| found.images.len()).sum();
        if images == 0 && part != PartName::Train {
            notes.push(without_images(path, part)?);
            return Ok(None);
        }
        Ok(Some(classes))
    };
    let train = classes(PartName::Train)?.unwrap_or_default();
    let (val, test) = (classes(PartName::Val)?, classes(PartName::Test)?);
    let class_names = class_names(dir, &layout, &train, [&val, &test])?;
    if layout.get(&PartName::Train).is_some_and(|train| train == dir) {
        if let [only] = &class_names[..] {
            doubt::refuse_parts_one_level_deeper(dir, only)?;
        }
        notes.extend(doubt::look_into_classes(dir, &train)?);
    }
    let listed = |classes: Classes| files(dir, classes, &class_names);
    notes.extend(left_out([Some(&train), val.as_ref(), test.as_ref()]));
    let parts = [Some(&train), val.as_ref(), test.as_ref()].into_iter().flatten();
    notes.extend(walk::special_said(parts.flat_map(BTreeMap::values).flat_map(|f| &f.special)));
    let (train, val, test) = (listed(train), val.map(listed), test.map(listed));
    Ok(Catalog { title: title(dir), class_names, train, val, test, notes })
}

/// The folder's own name, also of `.` and `..`.
pub fn title(dir: &Path) -> String {
    let name = name_of(dir);
    let real = || dir.canonicalize().map(|real| name_of(&real)).unwrap_or_default();
    let name = if name.is_empty() { real() } else { name };
    if name.is_empty() { "folder".into() } else { name }
}

/// Where the parts are: `dir` itself trains where it has no parts.
fn layout(dir: &Path, notes: &mut Vec<String>) -> Result<Parts, DataError> {
    let mut parts = Parts::new();
    let mut others = Vec::new();
    let mut has_parts = false;
    let mut named = Vec::new();
    for path in folders(dir)? {
        let part = PartName::of(&name_of(&path));
        has_parts |= part.is_some() && holds_classes(&path)?;
        named.push((path, part));
    }
    if !has_parts {
        let all: Vec<PathBuf> = named.into_iter().map(|(path, _)| path).collect();
        doubt::refuse_parts_by_other_names(dir, &all)?;
        return Ok(Parts::from([(PartName::Train, dir.to_owned())]));
    }
    for (path, part) in named {
        match part {
            Some(part) => {
                if let Some(other) = parts.insert(part, path.clone()) {
                    return Err(twice(dir, &other, &path));
                }
            }
            None if holds_images(&path)? => others.push(name_of(&path)),
            None => {}
        }
    }
    if !parts.contains_key(&PartName::Train) {
        return Err(without_training(dir, &parts));
    }
    if parts.len() == 1 && !others.is_empty() {
        return Err(doubt::part_or_class(dir, &others));
    }
    notes.extend(beside_parts(dir, &others)?);
    Ok(parts)
}

/// What to know of images and folders, `others`, that lie beside the parts.
fn beside_parts(dir: &Path, others: &[String]) -> Result<Vec<String>, DataError> {
    let mut notes = loose_images(dir, "beside train/", "no part")?;
    if !others.is_empty() {
        notes.push(format!(
            "{} beside train/ is not looked at: the parts are train/, val/ and test/ (or training, valid, \
             validation, testing)",
            quoted(others)
        ));
    }
    Ok(notes)
}

fn twice(dir: &Path, one: &Path, other: &Path) -> DataError {
    let reason = format!(
        "{}/ and {}/ name the same part: keep one, or join them",
        name_of(one),
        name_of(other)
    );
    folder_error(dir, &reason)
}

fn without_training(dir: &Path, parts: &Parts) -> DataError {
    let names: Vec<String> = parts.values().map(|path| name_of(path)).collect();
    let reason = format!(
        "it holds {}, and no train/ (or training/) beside it: name the folder of the training images so",
        quoted(&names)
    );
    folder_error(dir, &reason)
}

/// The folders in `dir` that may hold images: none of systems, none of runs.
fn folders(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut entries = walk::entries(dir)?;
    entries.retain(|path| path.is_dir() && !walk::is_ours(path));
    Ok(entries)
}

/// Whether a folder is made as a part is: folders inside, and most images in them.
fn holds_classes(dir: &Path) -> Result<bool, DataError> {
    if folders(dir)?.is_empty() {
        return Ok(false);
    }
    let direct = walk::images_directly_in(dir)?.images.len();
    Ok(direct == 0 || walk::images_below(dir)?.images.len() > 2 * direct)
}

fn holds_images(dir: &Path) -> Result<bool, DataError> {
    Ok(!walk::images_below(dir)?.images.is_empty())
}

/// The class folders of a part. Folders that hold nothing but runs are none.
fn class_folders(
    part: &Path,
    layout: &Parts,
    notes: &mut Vec<String>,
) -> Result<Classes, DataError> {
    let mut classes = Classes::new();
    for folder in folders(part)? {
        let found = walk::images_below(&folder)?;
        if found.images.is_empty() && holds_only_runs(&folder) {
            continue;
        }
        if folder.file_name().is_none_or(|name| name.to_str().is_none()) {
            // Such a name is the same in tables and files as another's.
            let reason = format!(
                "the name of the class folder \"{}\" is no valid Unicode: rename it",
                name_of(&folder)
            );
            return Err(folder_error(part, &reason));
        }
        classes.insert(name_of(&folder), found);
    }
    if classes.is_empty() {
        notes.extend(walk::special_said(&walk::images_directly_in(part)?.special));
        return Ok(classes);
    }
    let name = if layout.len() > 1 { format!("{}/", name_of(part)) } else { "the folder".into() };
    notes.extend(loose_images(part, &format!("in {name}"), "no class folder")?);
    Ok(classes)
}

/// What to know of what lies in `dir` itself, which is `place`, though its images belong into folders.
fn loose_images(dir: &Path, place: &str, nowhere: &str) -> Result<Vec<String>, DataError> {
    let found = walk::images_directly_in(dir)?;
    let loose = found.images.len();
    let said = (loose > 0).then(|| {
        format!(
            "{} {place} {} in {nowhere} and {} left out",
            counted(loose, "image", "images"),
            if loose == 1 { "lies" } else { "lie" },
            if loose == 1 { "is" } else { "are" },
        )
    });
    Ok(walk::special_said(&found.special).into_iter().chain(said).collect())
}

fn holds_only_runs(dir: &Path) -> bool {
    walk::entries(dir)
        .is_ok_and(|entries| !entries.is_empty() && entries.iter().all(|e| walk::is_ours(e)))
}

/// Why a part that is there has no images to use.
fn without_images(path: &Path, part: PartName) -> Result<String, DataError> {
    let name = name_of(path);
    let direct = walk::images_directly_in(path)?.images.len();
    let what = match direct {
        0 => "holds no image".to_owned(),
        _ => format!(
            "holds {} in no class folder, so that nobody says what they show",
            counted(direct, "image", "images")
        ),
    };
    let wanted = match part {
        PartName::Val => "validated on",
        _ => "tested on",
    };
    Ok(format!(
        "{name}/ {what}: it is not {wanted}; put images into {name}/CLASS/, or images of train/ are held out"
    ))
}

/// Names of the training classes, after a look at all that would make them useless.
fn class_names(
    dir: &Path,
    layout: &Parts,
    train: &Classes,
    others: [&Option<Classes>; 2],
) -> Result<Vec<String>, DataError> {
    if let Some((name, found)) = train.iter().find(|(_, found)| found.images.is_empty()) {
        return Err(folder_error(dir, &empty_class(name, found)));
    }
    let names: Vec<String> = train.keys().cloned().collect();
    if names.is_empty() {
        return Err(folder_error(dir, &without_classes(&layout[&PartName::Train])?));
    }
    for (part, classes) in [PartName::Val, PartName::Test].into_iter().zip(others) {
        let classes = classes.iter().flatten();
        let unknown: Vec<String> = classes
            .filter(|(name, found)| !train.contains_key(*name) && !found.images.is_empty())
            .map(|(name, _)| name.clone())
            .collect();
        if let Some(name) = unknown.first() {
            let more = unknown.len() - 1;
            let more = if more == 0 { String::new() } else { format!(" (and {more} others)") };
            let part = name_of(&layout[&part]);
            let reason = format!(
                "{part}/ has a class \"{name}\"{more} that train/ lacks: remove it or add training images"
            );
            return Err(folder_error(dir, &reason));
        }
    }
    Ok(names)
}

fn empty_class(name: &str, found: &Found) -> String {
    match walk::said_of(&found.left_out) {
        None => format!("class \"{name}\" has no image: add some or remove its folder"),
        Some(files) => format!(
            "class \"{name}\" has no image that can be read ({files}): convert them to JPEG or PNG, or remove \
             its folder"
        ),
    }
}

fn without_classes(train: &Path) -> Result<String, DataError> {
    let loose = walk::images_directly_in(train)?.images.len();
    let loose = match loose {
        0 => String::new(),
        _ => format!(" and {} in no class folder", counted(loose, "image", "images")),
    };
    Ok(format!(
        "it holds no class{loose}: put the images of every class into a folder of their own"
    ))
}

/// One sentence on files that are not read.
fn left_out(parts: [Option<&Classes>; 3]) -> Option<String> {
    let mut all = BTreeMap::new();
    let found = parts.into_iter().flatten().flat_map(BTreeMap::values);
    found.for_each(|found| walk::add(&mut all, &found.left_out));
    let files = walk::said_of(&all)?;
    Some(format!("left out, for they are not read: {files}; convert images to JPEG or PNG"))
}

/// The images of one part by label.
fn files(dir: &Path, mut classes: Classes, class_names: &[String]) -> Files {
    let mut files = Files::default();
    let folder: Arc<Path> = dir.into();
    for (label, name) in class_names.iter().enumerate() {
        for path in classes.remove(name).unwrap_or_default().images {
            let relative = text_of(path.strip_prefix(dir).unwrap_or(&path));
            files.push(Place::of(path, &folder, &relative), relative, label as u32);
        }
    }
    files
}

/// Refuses what nothing can be trained on.
///
/// # Errors
/// [`DataError::Folder`] for fewer than two classes.
pub fn check_classes(catalog: &Catalog) -> Result<(), DataError> {
    if catalog.class_names.len() < 2 { Err(too_few_classes(catalog)) } else { Ok(()) }
}

/// The error of a set of one class, or none: training needs two. It names the folder that may hold the classes.
fn too_few_classes(catalog: &Catalog) -> DataError {
    let classes = catalog.class_names.len();
    // The folder of the class, by the file and its name below the set's folder.
    let class = catalog.train.names.first().and_then(|name| {
        let below = Path::new(name).components().count();
        let Located::File(path) = catalog.train.located(0) else { return None };
        let set = path.ancestors().nth(below)?;
        Some(set.join(Path::new(name).components().next()?))
    });
    let class = class.filter(|class| Some(&name_of(class)) == catalog.class_names.first());
    let mend = class.map(|class| doubt::deeper(&class)).unwrap_or_default();
    let classes = counted(classes, "class", "classes");
    let reason = format!("it has {classes}, and training needs at least two{mend}");
    DataError::Folder { path: catalog.title.clone().into(), reason }
}

fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    listed(&quoted, 5)
}

fn folder_error(path: &Path, reason: &str) -> DataError {
    DataError::Folder { path: path.to_owned(), reason: reason.to_owned() }
}
