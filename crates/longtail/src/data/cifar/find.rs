//! Where a CIFAR is: at a path or in the folder there, told by what is found and not by its name.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{Facts, Format, Rank, files, python};
use crate::{data::DataError, regular};

/// Something that may be read as a CIFAR.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Folder(PathBuf, Format),
    Archive(PathBuf),
}

impl Place {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Folder(path, _) | Self::Archive(path) => path,
        }
    }
}

/// What may be read at `path`, the best first: complete ones before others, the binary version before the
/// Python version, `path` itself before what it holds, folders before archives, then by name.
pub(super) fn places(facts: &Facts, path: &Path) -> Result<Vec<Place>, DataError> {
    // What is no folder is opened as a file, which says what it is instead.
    if path.is_file() || regular::special_at(path).is_some() {
        return Ok(vec![Place::Archive(path.to_owned())]);
    }
    let children = match fs::read_dir(path) {
        Ok(children) => children,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(DataError::io("read", path, error)),
    };
    // A single file proves little about a folder that nobody named.
    let mut places: Vec<_> = folder(facts, path).map(|(rank, place)| (rank, 0, place)).collect();
    for child in children.filter_map(Result::ok).map(|child| child.path()) {
        if child.is_dir() {
            let likely = folder(facts, &child).filter(|(rank, _)| facts.is_likely(*rank));
            places.extend(likely.map(|(rank, place)| (rank, 1, place)));
        } else if let Some(format) = archive(facts, &child) {
            let rank = Rank { incomplete: false, format, lacking: 0 };
            places.push((rank, 2, Place::Archive(child)));
        }
    }
    places.sort();
    Ok(places.into_iter().map(|(_, _, place)| place).collect())
}

/// Whether `path` is or holds a CIFAR.
pub(super) fn holds(facts: &Facts, path: &Path) -> bool {
    match path.is_file() {
        true => files::glance(facts, path).is_some(),
        false => places(facts, path).is_ok_and(|places| !places.is_empty()),
    }
}

/// What a folder can be read as.
fn folder(facts: &Facts, path: &Path) -> impl Iterator<Item = (Rank, Place)> {
    let has = |format, name: &str| {
        let file = path.join(name);
        file.is_file() && (format == Format::Binary || begins_a_pickle(&file))
    };
    let rank = |format| facts.rank(format, |name| has(format, name));
    let place = |rank: Rank| (rank, Place::Folder(path.to_owned(), rank.format));
    Format::ALL.map(rank).into_iter().flatten().map(place)
}

fn begins_a_pickle(file: &Path) -> bool {
    let mut first = [0];
    regular::open(file).and_then(|mut file| file.read_exact(&mut first)).is_ok()
        && python::may_be(&first)
}

/// What an archive is, by its content; by the official name where that does not tell, so that a damaged one
/// is named.
fn archive(facts: &Facts, path: &Path) -> Option<Format> {
    if !path.is_file() {
        return None;
    }
    let is_named = |format: &Format| path.ends_with(facts.layout(*format).archive);
    files::glance(facts, path).or_else(|| Format::ALL.into_iter().find(is_named))
}
