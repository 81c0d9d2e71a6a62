use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use super::ReportError;

/// Replaces the file at `path` by `contents`: whatever happens, either the old or the new file is
/// there, whole.
///
/// The new one is written as `.NAME.part` beside it, so that a killed run leaves at most one such
/// file, which the next run overwrites.
pub(crate) fn write(path: &Path, contents: &[u8]) -> Result<(), ReportError> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".part");
    let part = path.with_file_name(name);
    let written = write_through(&part, contents).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        // The first error is the one to tell; a leftover does no harm.
        let _ = fs::remove_file(&part);
    }
    written.and_then(|()| sync_folder(path)).map_err(ReportError::io("write", path))
}

fn write_through(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

/// Makes a rename durable; only Unix lets a folder be opened for that.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}
