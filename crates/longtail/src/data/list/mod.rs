//! Lists of images: "path label" lines as ImageNet-LT's, or tables (CSV, tabs, semicolons) with or without a
//! header.

mod labels;
mod table;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

pub use labels::Labels;
pub use table::Entry;

use super::{
    DataError,
    catalog::{Catalog, Files},
    folder::PartName,
    walk::name_of,
};
use crate::regular;

/// Largest list: that of some ten million images.
const LARGEST: u64 = 1 << 30;
/// Endings that are tried where a table names images without one.
const ENDINGS: [&str; 3] = ["jpg", "jpeg", "png"];

/// The lists of a data set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lists {
    /// Training list.
    pub train: PathBuf,
    /// Validation list.
    pub val: Option<PathBuf>,
    /// Test list.
    pub test: Option<PathBuf>,
    /// Where the lists' paths start; `None`: beside the list, or one folder above it.
    pub root: Option<PathBuf>,
}

/// Finds the images that `lists` name, in the order of the lists, without reading them.
///
/// Labels are numbers from 0 or names; the training list says which there are. Numbered classes are named after
/// a column of names, or after their images' folder where that is one to one. A column `split` (or `is_valid`,
/// `is_test`) is obeyed: one table may hold all parts.
///
/// # Errors
/// [`DataError`] naming the list, the line and the mend.
pub fn find(lists: &Lists) -> Result<Catalog, DataError> {
    let mut parts = Parts::read(lists)?;
    let train = parts.take(PartName::Train).unwrap_or_default();
    let Listed { list, entries } = train;
    let labels = Labels::of(&list, &entries)?;
    let files =
        |Listed { list, entries }: Listed| files(&labels, &list, entries, lists.root.as_deref());
    let (val, test) = (parts.take(PartName::Val), parts.take(PartName::Test));
    let (val, test) = (val.map(files).transpose()?, test.map(files).transpose()?);
    let train = files(Listed { list, entries })?;
    let notes = labels.note.iter().cloned().collect();
    Ok(Catalog { title: name_of(&lists.train), class_names: labels.names, train, val, test, notes })
}

/// Entries with the list that they stand in.
#[derive(Debug, Default)]
struct Listed {
    list: PathBuf,
    entries: Vec<Entry>,
}

/// The entries of every part.
struct Parts(HashMap<PartName, Listed>);

impl Parts {
    /// Reads every list; rows go where a column of parts puts them, else where the list belongs.
    fn read(lists: &Lists) -> Result<Self, DataError> {
        let given = [
            (PartName::Train, Some(&lists.train)),
            (PartName::Val, lists.val.as_ref()),
            (PartName::Test, lists.test.as_ref()),
        ];
        let mut parts = HashMap::new();
        for (part, list) in given {
            let Some(list) = list else { continue };
            let (own, others): (Vec<Entry>, Vec<Entry>) =
                entries(list)?.into_iter().partition(|entry| entry.part.is_none_or(|p| p == part));
            if own.is_empty() {
                return Err(list_error(list, 1, &format!("it names no image of the {part} part")));
            }
            parts.insert(part, Listed { list: list.clone(), entries: own });
            // The training list alone brings other parts along; a test list of the same table means its test rows.
            if part == PartName::Train {
                others.into_iter().for_each(|entry| {
                    let part = entry.part.unwrap_or(PartName::Train);
                    let listed = parts.entry(part).or_insert_with(Listed::default);
                    listed.list.clone_from(list);
                    listed.entries.push(entry);
                });
            }
        }
        Ok(Self(parts))
    }

    fn take(&mut self, part: PartName) -> Option<Listed> {
        self.0.remove(&part)
    }
}

/// The entries of a list; no image may stand in it twice.
fn entries(list: &Path) -> Result<Vec<Entry>, DataError> {
    let entries = table::entries(list, &text(list)?)?;
    if entries.is_empty() {
        return Err(list_error(list, 1, "it names no image"));
    }
    let mut seen = HashMap::new();
    for entry in &entries {
        if let Some(before) = seen.insert(entry.path.as_str(), entry.line) {
            let reason = format!("{} stands in line {before} already: remove one", entry.path);
            return Err(list_error(list, entry.line, &reason));
        }
    }
    Ok(entries)
}

/// The text of a list; what is no text is told for what it is.
fn text(list: &Path) -> Result<String, DataError> {
    let bytes = regular::read(list, LARGEST).map_err(|error| DataError::io("read", list, error))?;
    let reason = match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => return Ok(text),
        Ok(_) => "it is no text",
        Err(error) => no_text(error.as_bytes()),
    };
    let reason = format!(
        "{reason}: give a list (\"path label\" lines or a table), the folder that holds the classes, or the \
         archive unpacked"
    );
    Err(DataError::Folder { path: list.to_owned(), reason })
}

fn no_text(bytes: &[u8]) -> &'static str {
    let starts = |magics: &[&[u8]]| magics.iter().any(|magic| bytes.starts_with(magic));
    let archives: [&[u8]; 6] =
        [b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"Rar!", b"7z\xbc\xaf\x27\x1c"];
    if starts(&archives) || bytes.get(257..262) == Some(b"ustar") {
        "it is an archive and no list"
    } else if image::guess_format(bytes).is_ok() {
        "it is a picture and no list"
    } else if starts(&[b"\xff\xfe", b"\xfe\xff"]) {
        "it is text in UTF-16, which is not read (save it as UTF-8)"
    } else {
        "it is no text in UTF-8"
    }
}

/// The files of a part, with every label known and every file found.
fn files(
    labels: &Labels,
    list: &Path,
    entries: Vec<Entry>,
    root: Option<&Path>,
) -> Result<Files, DataError> {
    let classes = entries.iter().map(|entry| labels.class(list, entry));
    let classes: Vec<u32> = classes.collect::<Result<_, _>>()?;
    let root = root.map_or_else(|| find_root(list, &entries), Path::to_owned);
    let mut files = Files::default();
    let mut missing = Vec::new();
    for (entry, class) in entries.into_iter().zip(classes) {
        let path = root.join(&entry.path);
        match found(&path) {
            Some(path) => files.push(path, entry.path, class),
            None => missing.push((entry.line, path)),
        }
    }
    match missing.first() {
        None => Ok(files),
        Some((line, path)) => match regular::special_at(path) {
            Some(what) => {
                let reason = format!("{} is {what}, and no image: remove the line", path.display());
                Err(list_error(list, *line, &reason))
            }
            None => Err(DataError::ListedFile {
                list: list.to_owned(),
                line: *line,
                path: path.clone(),
                more: missing.len() - 1,
            }),
        },
    }
}

/// The file at `path`, or at `path` with an ending, where the list names it without.
fn found(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path.to_owned());
    }
    let with = |ending: &&str| {
        let mut name = path.as_os_str().to_owned();
        name.push(".");
        name.push(ending);
        PathBuf::from(name)
    };
    ENDINGS.iter().map(with).find(|path| path.is_file())
}

/// Beside the list, or above it if the first image is found only there.
fn find_root(list: &Path, entries: &[Entry]) -> PathBuf {
    let beside = list.parent().unwrap_or(Path::new(""));
    let above = beside.join("..");
    let holds = |root: &Path| entries.first().is_some_and(|e| found(&root.join(&e.path)).is_some());
    if !holds(beside) && holds(&above) {
        beside
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .map_or(above, Path::to_owned)
    } else {
        beside.to_owned()
    }
}

fn list_error(list: &Path, line: usize, reason: &str) -> DataError {
    DataError::List { list: list.to_owned(), line, reason: reason.to_owned() }
}
