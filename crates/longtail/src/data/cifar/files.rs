//! The files of a CIFAR, out of a folder or an archive.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, BufReader, Read, Seek},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;

use super::{AGAIN, Facts, Format, python};
use crate::{data::DataError, regular};

/// Bytes of files by name.
pub(super) type Files = HashMap<&'static str, Vec<u8>>;

/// Most bytes that are read of a CIFAR, or unpacked: its official versions have 184 to 187 million. What a file
/// says of its size, or unpacks to, must not decide how much memory is taken.
const MOST: u64 = 200_000_000;
/// Most bytes that are unpacked to see whether an archive is a CIFAR.
const GLANCE: u64 = 1 << 20;

type Archive = tar::Archive<Box<dyn Read>>;

pub(super) fn of_folder(facts: &Facts, format: Format, folder: &Path) -> Result<Files, DataError> {
    let (mut files, mut left) = (Files::new(), MOST);
    for name in facts.layout(format).files() {
        let path = folder.join(name);
        let mut read = || {
            let file = regular::open(&path)?;
            let size = file.metadata()?.len();
            whole(file, size, &mut left)
        };
        match read() {
            Ok(bytes) => files.insert(name, bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(DataError::io("read", path, error)),
        };
    }
    Ok(files)
}

/// The binary version if the archive has all of it, else the Python version; else what it has of one.
pub(super) fn of_archive(facts: &Facts, path: &Path) -> Result<(Format, Files), DataError> {
    let archive = open(path, MOST).map_err(|error| DataError::io("read", path, error))?;
    let Some(archive) = archive else {
        return Err(facts.unusable(
            path,
            format!("it is no .tar and no .tar.gz; unpack it and give the folder, or {AGAIN}"),
        ));
    };
    let mut folders = folders(facts, archive).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => {
            facts.unusable(path, format!("{error}: unpack it and give the folder"))
        }
        _ => facts.unusable(path, format!("it is cut off or damaged ({error}); {AGAIN}")),
    })?;
    let ranks = folders.iter().enumerate().flat_map(|(index, files)| {
        let rank = |format| facts.rank(format, |name| files.contains_key(name));
        Format::ALL.into_iter().filter_map(rank).map(move |rank| (rank, index))
    });
    match ranks.min() {
        Some((rank, index)) => Ok((rank.format, folders.swap_remove(index))),
        None => Err(facts.missing(path)),
    }
}

/// What an archive begins with, if that is one of the two versions.
pub(super) fn glance(facts: &Facts, path: &Path) -> Option<Format> {
    let mut archive = open(path, GLANCE).ok()??;
    for entry in archive.entries().ok()? {
        let mut entry = entry.ok()?;
        let Some((_, name)) = member(&entry).filter(|_| entry.size() > 0) else { continue };
        let lists = |format: &Format| facts.layout(*format).batches().any(|batch| batch == name);
        let Some(format) = Format::ALL.into_iter().find(lists) else { continue };
        let mut first = [0];
        entry.read_exact(&mut first).ok()?;
        if format == Format::Binary || python::may_be(&first) {
            return Some(format);
        }
    }
    None
}

/// The files of every folder of an archive that has any.
fn folders(facts: &Facts, mut archive: Archive) -> io::Result<Vec<Files>> {
    let mut folders: BTreeMap<PathBuf, Files> = BTreeMap::new();
    let mut left = MOST;
    for entry in archive.entries()? {
        let entry = entry?;
        let Some((folder, name)) = member(&entry) else { continue };
        let layouts = Format::ALL.map(|format| facts.layout(format));
        let mut wanted = layouts.into_iter().flat_map(|layout| layout.files());
        if let Some(name) = wanted.find(|wanted| *wanted == name) {
            let size = entry.size();
            let bytes = whole(entry, size, &mut left)?;
            folders.entry(folder).or_default().insert(name, bytes);
        }
    }
    // The checksum of a .gz comes last, behind the end of the archive in it.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    Ok(folders.into_values().collect())
}

/// Folder and name of a regular file in an archive.
fn member(entry: &tar::Entry<impl Read>) -> Option<(PathBuf, String)> {
    let kind = entry.header().entry_type();
    let path = entry.path().ok().filter(|_| kind.is_file() || kind.is_contiguous())?;
    let name = path.file_name()?.to_str()?.to_owned();
    Some((path.parent()?.to_owned(), name))
}

/// Opens a .tar or .tar.gz, told by how it begins; `None` for any other file.
fn open(path: &Path, most: u64) -> io::Result<Option<Archive>> {
    let mut file = regular::open(path)?;
    let mut head = Vec::new();
    file.by_ref().take(512).read_to_end(&mut head)?;
    file.rewind()?;
    let file = BufReader::with_capacity(1 << 20, file);
    let reader: Box<dyn Read> = match &head[..] {
        [0x1f, 0x8b, ..] => Box::new(Limited { reader: GzDecoder::new(file), left: most }),
        head if head.get(257..262) == Some(b"ustar") => {
            Box::new(Limited { reader: file, left: most })
        }
        _ => return Ok(None),
    };
    Ok(Some(tar::Archive::new(reader)))
}

/// All of a file that says it has `size` bytes, if it has no more than are `left`.
fn whole(reader: impl Read, size: u64, left: &mut u64) -> io::Result<Vec<u8>> {
    if size > *left {
        return Err(too_much());
    }
    let mut bytes = Vec::with_capacity(size.min(1 << 25) as usize);
    reader.take(*left + 1).read_to_end(&mut bytes)?;
    *left = left.checked_sub(bytes.len() as u64).ok_or_else(too_much)?;
    Ok(bytes)
}

/// A reader that fails when more than what is `left` is asked for.
struct Limited<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(too_much)?;
        Ok(count)
    }
}

fn too_much() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 200 MB, and CIFAR has not")
}
