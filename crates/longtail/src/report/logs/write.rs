//! How files of a log are written.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::Path,
};

use crate::{atomic, report::ReportError};

/// Makes a folder where there is none. What a link leads to is not the run's.
pub(super) fn folder(path: &Path) -> Result<(), ReportError> {
    let failed = ReportError::io("write", path);
    if path.is_symlink() {
        return Err(failed(io::Error::other(
            "it is a link, and logs lie in the run's folder itself",
        )));
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
        _ if !path.is_dir() => Err(failed(io::ErrorKind::NotADirectory.into())),
        _ => Ok(()),
    }
}

/// Whether the file at `path` now is the beginning of `contents`, if not all of them, so that they can be had by
/// appending.
pub(super) fn begins(path: &Path, contents: &[u8]) -> bool {
    let is_file = path
        .symlink_metadata()
        .is_ok_and(|meta| meta.file_type().is_file() && meta.len() <= contents.len() as u64);
    is_file && fs::read(path).is_ok_and(|bytes| contents.starts_with(&bytes))
}

/// Makes the file at `path` hold `contents`: by appending where it holds their beginning, so that who reads along goes on;
/// otherwise whole, beside it first and then renamed.
pub(super) fn file(path: &Path, contents: &[u8]) -> Result<(), ReportError> {
    if !begins(path, contents) {
        return Ok(atomic::write(path, contents)?);
    }
    let append = || {
        let mut file = OpenOptions::new().append(true).open(path)?;
        let known = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        match contents.get(known..) {
            None | Some([]) => Ok(()),
            Some(rest) => file.write_all(rest).and_then(|()| file.sync_data()),
        }
    };
    append().map_err(ReportError::io("write", path))
}

/// Makes a file empty, if it is not.
pub(super) fn empty(path: &Path) -> Result<(), ReportError> {
    match path.symlink_metadata() {
        Ok(meta) if meta.file_type().is_file() && meta.len() == 0 => Ok(()),
        _ => Ok(atomic::write(path, &[])?),
    }
}

/// Deletes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), ReportError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ReportError::io("delete", path)(error))
        }
        _ => Ok(()),
    }
}
