//! Images of Parquet files that are unpacked once into a folder for such files, where they can be read one by one.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::{Duration, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{fault, tables::called};
use crate::{
    atomic::{self, WholeFile, WriteError},
    data::{
        DataError,
        cache::{self, Room},
        catalog::{Located, Place, UnpackedTable},
        names::text_of,
        parquet::ImageTable,
        walk::name_of,
    },
    hex::hex,
    regular,
};

/// Largest list of what was unpacked.
const LARGEST_ROWS: u64 = 4 << 30;
/// What is locked in the folder while something is unpacked into it.
const LOCK: &str = "unpacking.lock";

/// A folder that images are unpacked to.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Bytes that all files in it may take.
    most: u64,
    /// What may be added, once the right to do that is had.
    ours: OnceLock<(Room, Option<File>)>,
}

/// An image that was unpacked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    name: String,
    offset: u64,
    length: u64,
    /// CRC-32C of its bytes.
    crc: u32,
}

/// What stands beside the images that were unpacked.
#[derive(Debug, Serialize, Deserialize)]
struct Unpacked {
    /// When their file was written.
    changed: Option<Duration>,
    rows: Vec<Row>,
}

impl Folder {
    pub(super) fn new(path: PathBuf, most: u64) -> Self {
        Self { path, most, ours: OnceLock::new() }
    }

    /// The images of the table at `path`, unpacked if they are not there.
    pub(super) fn places(
        &self,
        path: &Path,
        table: &ImageTable,
    ) -> Result<Vec<(String, Place)>, DataError> {
        let name = name(path).map_err(|error| DataError::io("read", path, error))?;
        let file = |ending: &str| self.path.join(format!("{name}.{ending}"));
        let of =
            UnpackedTable { images: file("images"), list: file("rows"), table: path.to_owned() };
        let rows = match rows_of(&of, table.rows()) {
            Some(rows) => rows,
            None => self.unpack(&of, table)?,
        };
        let of = Arc::new(of);
        let place = |(row, Row { name, offset, length, crc })| {
            let of = Arc::clone(&of);
            (name, Place::At(Located::Unpacked { of, row, offset, length, crc }))
        };
        Ok((0..).zip(rows).map(place).collect())
    }

    /// Unpacks the images of a table, unless another process did so meanwhile.
    fn unpack(&self, of: &UnpackedTable, table: &ImageTable) -> Result<Vec<Row>, DataError> {
        let room = self.room()?;
        if let Some(rows) = rows_of(of, table.rows()) {
            return Ok(rows);
        }
        // Damaged ones are replaced.
        room.give(of.images.metadata().map_or(0, |meta| meta.len()));
        let rows = write_images(of, table, room)?;
        let changed = of.images.metadata().ok().as_ref().and_then(changed);
        let list = Unpacked { changed, rows };
        let failed = |error| DataError::io("unpack images to", &of.list, error);
        let json = serde_json::to_vec(&list).map_err(io::Error::other).map_err(failed)?;
        atomic::write(&of.list, &json).map_err(|error| failed(error.source))?;
        Ok(list.rows)
    }

    /// What may be added, with the right to add. One process has that at a time: it removes what killed ones have left.
    fn room(&self) -> Result<&Room, DataError> {
        cache::make_folder(&self.path)
            .map_err(|error| DataError::io("unpack images to", &self.path, error))?;
        let (room, _) = self.ours.get_or_init(|| {
            let path = self.path.join(LOCK);
            let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path).ok();
            // A file system without locks cannot be asked, and nothing of others is removed from it then.
            let lock = lock.filter(|lock| lock.lock().is_ok());
            if lock.is_some() {
                remove_left_over(&self.path);
            }
            (Room::in_folder(&self.path, self.most), lock)
        });
        Ok(room)
    }
}

/// Removes what processes have left that were killed while they unpacked.
fn remove_left_over(folder: &Path) {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let is_left_over = |name: &str| {
        let endings = [".images.part", ".rows.part"];
        name.starts_with('.') && endings.iter().any(|ending| name.ends_with(ending))
    };
    let left = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_left_over));
    left.for_each(|entry| {
        // One that stays is found the next time.
        let _ = fs::remove_file(entry.path());
    });
}

/// What tells a file from others, and from what it was before it was changed.
fn name(path: &Path) -> io::Result<String> {
    let (meta, path) = (path.metadata()?, path.canonicalize()?);
    let mut hash = Sha256::new();
    hash.update(format!("{} {} {:?}", text_of(path), meta.len(), changed(&meta)));
    Ok(hex(hash.finalize())[..16].to_owned())
}

/// When a file was changed, since 1970.
fn changed(meta: &Metadata) -> Option<Duration> {
    meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()
}

/// What was unpacked before, if it is all there and was not changed since.
fn rows_of(of: &UnpackedTable, rows: usize) -> Option<Vec<Row>> {
    let json = regular::read(&of.list, LARGEST_ROWS).ok()?;
    let read: Unpacked = serde_json::from_slice(&json).ok()?;
    let end = read.rows.iter().map(|row| row.offset.saturating_add(row.length)).max().unwrap_or(0);
    let meta = of.images.metadata().ok()?;
    let is_same = meta.len() == end && changed(&meta) == read.changed;
    (read.rows.len() == rows && is_same).then_some(read.rows)
}

/// Writes the images of a table one after the other.
fn write_images(
    of: &UnpackedTable,
    table: &ImageTable,
    room: &Room,
) -> Result<Vec<Row>, DataError> {
    let failed = |error: WriteError| DataError::io("unpack images to", &of.images, error.source);
    let mut out = WholeFile::create(&of.images).map_err(failed)?;
    let rows = write(&of.table, table, &mut out, room)?;
    out.finish().map_err(failed)?;
    Ok(rows)
}

fn write(
    path: &Path,
    table: &ImageTable,
    out: &mut impl Write,
    room: &Room,
) -> Result<Vec<Row>, DataError> {
    let (file, mut rows, mut offset) = (name_of(path), Vec::with_capacity(table.rows()), 0);
    let mut failure = None;
    let read = table.for_each_image(|row, path, bytes| {
        let length = bytes.len() as u64;
        if !room.take(length) {
            return Err(
                "its images take more room than --cache-gib leaves: give more, or empty the folder"
                    .into(),
            );
        }
        if let Err(error) = out.write_all(bytes) {
            failure = Some(error);
            return Err(String::new());
        }
        let (name, crc) = (called(&file, row, path), crc32c::crc32c(bytes));
        rows.push(Row { name, offset, length, crc });
        offset += length;
        Ok(())
    });
    match (read, failure) {
        (Ok(()), _) => Ok(rows),
        (Err(_), Some(error)) => Err(DataError::io("unpack the images of", path, error)),
        (Err(reason), None) => {
            // What was written is removed.
            room.give(offset);
            Err(fault(path, reason))
        }
    }
}
