//! Images in Parquet files: their bytes stand in pages that are packed, so that they are held in memory, or unpacked once
//! into a folder for such files.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Found, Kept, fault};
use crate::{
    atomic::{self, WholeFile, WriteError},
    data::{
        DataError,
        cache::taken_by_others,
        catalog::{Located, Place},
        names::text_of,
        parquet::{ImageTable, Label},
        walk::name_of,
    },
    hex::hex,
    regular,
};

/// Largest list of what was unpacked.
const LARGEST_ROWS: u64 = 4 << 30;

/// An image that was unpacked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    name: String,
    offset: u64,
    length: u64,
}

/// What stands beside the images that were unpacked.
#[derive(Debug, Serialize, Deserialize)]
struct Unpacked {
    /// When their file was written.
    changed: Option<Duration>,
    rows: Vec<Row>,
}

/// Opens a table.
pub(super) fn open(path: &Path) -> Result<ImageTable, DataError> {
    if let Some(what) = regular::special_at(path) {
        return Err(fault(path, format!("it is {what}, and no file")));
    }
    ImageTable::open(path).map_err(|reason| fault(path, reason))
}

/// The images of the table at `path`, in its order. Those of a table that has only labels of -1, as hubs mark what they do
/// not tell, are none.
pub(super) fn read(path: &Path, kept: &Kept) -> Result<Vec<Found>, DataError> {
    let table = open(path)?;
    let labels = table.labels().map_err(|reason| fault(path, reason))?;
    if labels.iter().all(|label| *label == Label::Number(-1)) {
        return Ok(Vec::new());
    }
    let places = match kept {
        Kept::InMemory => held(path, &table)?,
        Kept::Unpacked { folder, most } => unpacked(path, &table, folder, *most)?,
    };
    let class_names = table.class_names();
    let found = places.into_iter().zip(labels).map(|((name, place), label)| {
        let (label, class_name) = match label {
            Label::Text(text) => (text, None),
            Label::Number(number) => {
                let index = usize::try_from(number).ok();
                let name = class_names.zip(index).and_then(|(names, index)| names.get(index));
                (number.to_string(), name.cloned())
            }
        };
        Found { place, name, label, class_name }
    });
    Ok(found.collect())
}

/// Which columns are taken of the table at `path`.
pub(super) fn note(path: &Path) -> Option<String> {
    let (image, label) = open(path).ok()?.column_names();
    let title = text_of(path);
    Some(format!(
        "images are those of column {image} of {title}, labels those of column {}",
        label?
    ))
}

/// What a row's image is called.
fn called(file: &str, row: usize, path: Option<&str>) -> String {
    match path.filter(|path| !path.is_empty()) {
        Some(path) => path.to_owned(),
        None => format!("{file}#{row}"),
    }
}

fn held(path: &Path, table: &ImageTable) -> Result<Vec<(String, Place)>, DataError> {
    let (file, mut places) = (name_of(path), Vec::with_capacity(table.rows()));
    let read = table.for_each_image(|row, path, bytes| {
        places.push((called(&file, row, path), Place::At(Located::Held(bytes.into()))));
        Ok(())
    });
    read.map_err(|reason| fault(path, reason))?;
    Ok(places)
}

fn unpacked(
    path: &Path,
    table: &ImageTable,
    folder: &Path,
    most: u64,
) -> Result<Vec<(String, Place)>, DataError> {
    let name = name(path).map_err(|error| DataError::io("read", path, error))?;
    let file: Arc<Path> = folder.join(format!("{name}.images")).into();
    let list = folder.join(format!("{name}.rows"));
    let rows = match rows_of(&list, &file, table.rows()) {
        Some(rows) => rows,
        None => {
            let room = most.saturating_sub(taken_by_others(folder, &name));
            let rows = unpack(path, table, &file, room)?;
            let changed = file.metadata().ok().as_ref().and_then(changed);
            let list_of = Unpacked { changed, rows };
            let json = serde_json::to_vec(&list_of).map_err(io::Error::other);
            let failed = |error| DataError::io("unpack images to", &list, error);
            let json = json.map_err(failed)?;
            atomic::write(&list, &json).map_err(|error| failed(error.source))?;
            list_of.rows
        }
    };
    let place = |Row { name, offset, length }| {
        (name, Place::At(Located::Within { file: Arc::clone(&file), offset, length }))
    };
    Ok(rows.into_iter().map(place).collect())
}

/// What tells a file from others, and from what it was before it was changed.
fn name(path: &Path) -> io::Result<String> {
    let (meta, path) = (path.metadata()?, path.canonicalize()?);
    let mut hash = Sha256::new();
    hash.update(format!("{} {} {:?}", text_of(path), meta.len(), changed(&meta)));
    Ok(hex(hash.finalize())[..16].to_owned())
}

/// When a file was changed, since 1970.
fn changed(meta: &fs::Metadata) -> Option<Duration> {
    meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()
}

/// What was unpacked before, if it is all there and was not changed since.
fn rows_of(list: &Path, images: &Path, rows: usize) -> Option<Vec<Row>> {
    let read: Unpacked = serde_json::from_slice(&regular::read(list, LARGEST_ROWS).ok()?).ok()?;
    let end = read.rows.iter().map(|row| row.offset.saturating_add(row.length)).max().unwrap_or(0);
    let meta = images.metadata().ok()?;
    let is_same = meta.len() == end && changed(&meta) == read.changed;
    (read.rows.len() == rows && is_same).then_some(read.rows)
}

/// Writes the images of a table to `to`, one after the other.
fn unpack(path: &Path, table: &ImageTable, to: &Path, room: u64) -> Result<Vec<Row>, DataError> {
    let failed = |error: WriteError| DataError::io("unpack images to", to, error.source);
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)
            .map_err(|error| DataError::io("unpack images to", folder, error))?;
    }
    let mut out = WholeFile::create(to).map_err(failed)?;
    let rows = write(path, table, &mut out, room)?;
    out.finish().map_err(failed)?;
    Ok(rows)
}

fn write(
    path: &Path,
    table: &ImageTable,
    out: &mut impl Write,
    room: u64,
) -> Result<Vec<Row>, DataError> {
    let (file, mut rows, mut offset) = (name_of(path), Vec::with_capacity(table.rows()), 0);
    let mut failure = None;
    let read = table.for_each_image(|row, path, bytes| {
        let length = bytes.len() as u64;
        if offset + length > room {
            return Err(
                "its images take more room than --cache-gib leaves: give more, or empty the folder"
                    .into(),
            );
        }
        if let Err(error) = out.write_all(bytes) {
            failure = Some(error);
            return Err(String::new());
        }
        rows.push(Row { name: called(&file, row, path), offset, length });
        offset += length;
        Ok(())
    });
    match (read, failure) {
        (Ok(()), _) => Ok(rows),
        (Err(_), Some(error)) => Err(DataError::io("unpack the images of", path, error)),
        (Err(reason), None) => Err(fault(path, reason)),
    }
}
