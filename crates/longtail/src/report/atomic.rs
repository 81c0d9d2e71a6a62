use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::ReportError;

/// Replaces the file at `path` by `contents`: whatever happens, either the old or the new file is
/// there, whole.
pub(crate) fn write(path: &Path, contents: &[u8]) -> Result<(), ReportError> {
    let mut file = WholeFile::create(path)?;
    file.write_all(contents).map_err(ReportError::io("write", path))?;
    file.finish()
}

/// A file that is there once it is whole: [`finish`](Self::finish) puts it at its path, and until then
/// what was there stays. Dropped before, it leaves nothing.
///
/// It is written as `.NAME.part` beside its path, so that a killed program leaves at most one such file,
/// which the next one overwrites.
#[derive(Debug)]
pub struct WholeFile {
    path: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
    is_whole: bool,
}

impl WholeFile {
    /// Begins a file that will stand at `path`.
    ///
    /// # Errors
    /// [`ReportError::Io`] if its folder is missing or cannot be written to, or if a folder stands at
    /// `path`.
    pub fn create(path: &Path) -> Result<Self, ReportError> {
        let failed = ReportError::io("write", path);
        let Some(name) = path.file_name().filter(|_| !path.is_dir()) else {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        };
        let mut part_name = OsString::from(".");
        part_name.push(name);
        part_name.push(".part");
        let part = path.with_file_name(part_name);
        let file = BufWriter::new(File::create(&part).map_err(failed)?);
        Ok(Self { path: path.to_owned(), part, file, is_whole: false })
    }

    /// Puts the file at its path.
    ///
    /// # Errors
    /// [`ReportError::Io`] if it cannot be written to the end or renamed; what was there is then there
    /// still.
    pub fn finish(mut self) -> Result<(), ReportError> {
        self.put().map_err(ReportError::io("write", &self.path))
    }

    fn put(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(&self.part, &self.path)?;
        self.is_whole = true;
        sync_folder(&self.path)
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if !self.is_whole {
            // An error before this is the one to tell; a leftover does no harm.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// Makes a rename durable; only Unix lets a folder be opened for that.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| name.into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_there_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        fs::write(&path, "old").unwrap();
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        file.flush().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        drop(file);
        assert_eq!(
            (names(folder.path()), fs::read(&path).unwrap()),
            (vec!["rows.csv".into()], b"old".into())
        );
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"whole").unwrap();
        file.finish().unwrap();
        assert_eq!(
            (names(folder.path()), fs::read(&path).unwrap()),
            (vec!["rows.csv".into()], b"whole".into())
        );
    }

    #[test]
    fn a_path_that_can_hold_no_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().join("nowhere/rows.csv"), folder.path().to_owned(), "".into()] {
            let error = WholeFile::create(&path).unwrap_err().to_string();
            assert!(error.contains("cannot write") && error.contains("check the path"), "{error}");
        }
        assert!(names(folder.path()).is_empty());
    }
}
