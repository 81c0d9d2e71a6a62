//! Lists of images: "path label" lines as ImageNet-LT's, or tables (CSV, tabs, semicolons) with or without a
//! header.

mod columns;
mod labels;
mod table;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    string::FromUtf8Error,
    sync::Arc,
};

pub(super) use columns::{PARTS, part_named};
pub use labels::Labels;
pub use table::Entry;
use table::Table;

use super::{
    Cifar, DataError,
    catalog::{Catalog, Files, Place},
    folder::PartName,
    walk::name_of,
};
use crate::regular;

/// Largest list: that of some ten million images.
const LARGEST: u64 = 1 << 30;
/// Columns that are named in one sentence.
const NAMED: usize = 8;
/// Characters of a list that are quoted at a time.
const QUOTED: usize = 80;
/// Characters from which on a path is none, and a line of something else.
const LONGEST_PATH: usize = 500;
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
/// a column of names, or after their images' folder where that is one to one. A column `split` (or `is_train`,
/// `is_valid`, `is_test`) is obeyed: one table may hold all parts.
///
/// # Errors
/// [`DataError`] naming the list, the line and the remedy.
pub fn find(lists: &Lists) -> Result<Catalog, DataError> {
    let mut parts = Parts::read(lists)?;
    let train = parts.take(PartName::Train).unwrap_or_default();
    let Listed { list, entries } = train;
    let names = parts.table.names;
    let labels = Labels::of(&list, &entries, names.is_some_and(|names| names.is_named_so))?;
    let files =
        |Listed { list, entries }: Listed| files(&labels, &list, entries, lists.root.as_deref());
    let (val, test) = (parts.take(PartName::Val), parts.take(PartName::Test));
    let (val, test) = (val.map(files).transpose()?, test.map(files).transpose()?);
    let train = files(Listed { list, entries })?;
    let columns = parts.table.columns.iter();
    let names = names.filter(|_| labels.from_column);
    let of_columns = columns.flat_map(|columns| columns.notes(&lists.train, names));
    let notes = of_columns.chain(labels.notes.iter().cloned()).collect();
    Ok(Catalog { title: name_of(&lists.train), class_names: labels.names, train, val, test, notes })
}

/// Entries with the list that they stand in.
#[derive(Debug, Default)]
struct Listed {
    list: PathBuf,
    entries: Vec<Entry>,
}

/// The entries of every part.
struct Parts {
    parts: HashMap<PartName, Listed>,
    /// The training list without its entries.
    table: Table,
}

impl Parts {
    /// Reads every list; rows go where a column of parts puts them, else where the list belongs.
    fn read(lists: &Lists) -> Result<Self, DataError> {
        let given = [
            (PartName::Train, Some(&lists.train)),
            (PartName::Val, lists.val.as_ref()),
            (PartName::Test, lists.test.as_ref()),
        ];
        let mut parts = HashMap::new();
        let mut training = Table::default();
        for (part, list) in given {
            let Some(list) = list else { continue };
            let Table { entries, columns, names } = read(list)?;
            let (own, others): (Vec<Entry>, Vec<Entry>) =
                entries.into_iter().partition(|entry| entry.part.is_none_or(|p| p == part));
            if own.is_empty() {
                return Err(list_error(list, 1, &format!("it names no image of the {part} part")));
            }
            parts.insert(part, Listed { list: list.clone(), entries: own });
            // The training list alone brings other parts along; a test list of the same table means its test rows.
            if part == PartName::Train {
                training = Table { entries: Vec::new(), columns, names };
                others.into_iter().for_each(|entry| {
                    let part = entry.part.unwrap_or(PartName::Train);
                    let listed = parts.entry(part).or_insert_with(Listed::default);
                    listed.list.clone_from(list);
                    listed.entries.push(entry);
                });
            }
        }
        Ok(Self { parts, table: training })
    }

    fn take(&mut self, part: PartName) -> Option<Listed> {
        self.parts.remove(&part)
    }
}

/// What a list holds; every row names an image, and none stands in it twice.
fn read(list: &Path) -> Result<Table, DataError> {
    let table = table::read(list, &text(list)?)?;
    if table.entries.is_empty() {
        return Err(list_error(list, 1, "it names no image"));
    }
    let mut seen = HashMap::new();
    for entry in &table.entries {
        if entry.path.is_empty() {
            let reason =
                "it names no image, for its path is empty: give the image, or remove the line";
            return Err(list_error(list, entry.line, reason));
        }
        if let Some(before) = seen.insert(entry.path.as_str(), entry.line) {
            let path = cut(&entry.path);
            let reason = format!("{path} stands in line {before} already: remove one");
            return Err(list_error(list, entry.line, &reason));
        }
    }
    Ok(table)
}

/// The text of a list; what is no text is told for what it is.
fn text(list: &Path) -> Result<String, DataError> {
    let bytes = regular::read(list, LARGEST).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => DataError::NoList { path: list.to_owned() },
        _ => DataError::io("read", list, error),
    })?;
    let reason = match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => return Ok(text),
        Ok(_) => "it is no text",
        Err(error) => match other_encoding(&error) {
            Some((line, reason)) => return Err(list_error(list, line, &reason)),
            None => no_text(error.as_bytes()),
        },
    };
    if let Some(cifar) = Cifar::found_at(list) {
        let reason = cifar.answer(list);
        return Err(DataError::Folder { path: list.to_owned(), reason });
    }
    let reason = format!(
        "{reason}: give a list (\"path label\" lines or a table), the folder that holds the classes, or the \
         archive unpacked"
    );
    Err(DataError::Folder { path: list.to_owned(), reason })
}

/// The line, and what to do, of a text in an older encoding: bytes that are no UTF-8, and none that text lacks.
fn other_encoding(error: &FromUtf8Error) -> Option<(usize, String)> {
    let bytes = error.as_bytes();
    let is_control = |byte: &u8| byte.is_ascii_control() && !b"\t\r\n".contains(byte);
    let place = error.utf8_error().valid_up_to();
    // UTF-16 begins with such bytes, and is told by them.
    if bytes.iter().any(is_control) || place == 0 {
        return None;
    }
    let line = bytes[..place].iter().filter(|byte| **byte == b'\n').count() + 1;
    let byte = bytes[place];
    let reason = format!(
        "byte 0x{byte:02X} is no UTF-8, as text in Latin-1 or another encoding has it: save it as UTF-8"
    );
    Some((line, reason))
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
    let root: Arc<Path> = root.map_or_else(|| find_root(list, &entries), Path::to_owned).into();
    let mut files = Files::default();
    let mut missing = Vec::new();
    for (entry, class) in entries.into_iter().zip(classes) {
        let path = root.join(&entry.path);
        match found(&path) {
            Some(path) => files.push(Place::of(path, &root, &entry.path), entry.path, class),
            None => missing.push((entry.line, root.join(shown(&entry.path)))),
        }
    }
    match missing.first() {
        None => Ok(files),
        Some((line, path)) => match regular::special_at(path)
            .or(path.is_dir().then_some("a folder"))
        {
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

/// A path as it stands in messages: what is longer than a path can be is cut.
fn shown(path: &str) -> String {
    if path.chars().count() > LONGEST_PATH { cut(path) } else { path.to_owned() }
}

/// Whether a label is a number from 0.
pub(super) fn is_number(label: &str) -> bool {
    labels::number(label).is_some()
}

/// The beginning of a text that may be as long as its list.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn list_error(list: &Path, line: usize, reason: &str) -> DataError {
    DataError::List { list: list.to_owned(), line, reason: reason.to_owned() }
}
