//! Files that are there whole or not at all.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}; check the path, its permissions and the free space", path.display())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// Why it failed.
    pub r#source: io::Error,
}

impl WriteError {
    fn of(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self { path, source }
    }
}

/// Replaces the file at `path` by `contents`: whatever happens, either the old or the new file is
/// there, whole.
pub(crate) fn write(path: &Path, contents: &[u8]) -> Result<(), WriteError> {
    let mut file = WholeFile::create(path)?;
    file.write_all(contents).map_err(WriteError::of(path))?;
    file.finish()
}

/// As [`write()`], and what stood at `path` stands at `previous` then, in the same folder.
pub(crate) fn write_keeping(
    path: &Path,
    contents: &[u8],
    previous: &Path,
) -> Result<(), WriteError> {
    let mut file = WholeFile::create(path)?;
    file.write_all(contents).map_err(WriteError::of(path))?;
    file.put(Some(previous)).map_err(WriteError::of(path))
}

/// Lets `previous` be what stands at `path`, if something does, which stays there meanwhile.
fn keep_previous(path: &Path, previous: &Path) -> io::Result<()> {
    if !path.is_file() || path.is_symlink() {
        return Ok(());
    }
    let part = part_of(previous)?;
    remove_old(&part)?;
    // Not every file system has a second name for a file.
    fs::hard_link(path, &part).or_else(|_| fs::copy(path, &part).map(|_| ()))?;
    fs::rename(&part, previous)?;
    // A rename between two names of one file does nothing.
    remove_old(&part)
}

/// The name beside `path` under which a file is written.
fn part_of(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().filter(|_| !path.is_dir()).ok_or(io::ErrorKind::IsADirectory)?;
    let mut part_name = OsString::from(".");
    part_name.push(name);
    part_name.push(".part");
    Ok(path.with_file_name(part_name))
}

/// Removes a file that an ended program left, or a link that somebody put there.
fn remove_old(part: &Path) -> io::Result<()> {
    match fs::remove_file(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
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
    /// [`WriteError`] if its folder is missing or cannot be written to, or if a folder stands at
    /// `path`.
    pub fn create(path: &Path) -> Result<Self, WriteError> {
        let made = part_of(path).and_then(|part| {
            remove_old(&part)?;
            // Never through a link, nor into a file that is there.
            Ok((File::create_new(&part)?, part))
        });
        let (file, part) = made.map_err(WriteError::of(path))?;
        Ok(Self { path: path.to_owned(), part, file: BufWriter::new(file), is_whole: false })
    }

    /// Where it is written until then.
    pub fn part(&self) -> &Path {
        &self.part
    }

    /// Puts the file at its path.
    ///
    /// # Errors
    /// [`WriteError`] if it cannot be written to the end or renamed; what was there is then there
    /// still.
    pub fn finish(mut self) -> Result<(), WriteError> {
        let at = WriteError::of(&self.path);
        self.put(None).map_err(at)
    }

    fn put(&mut self, previous: Option<&Path>) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        previous.map_or(Ok(()), |previous| keep_previous(&self.path, previous))?;
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
    fn what_was_there_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let [last, previous] = ["last", "previous"].map(|name| folder.path().join(name));
        write_keeping(&last, b"1", &previous).unwrap();
        assert_eq!(names(folder.path()), ["last"]);
        for round in 2..5 {
            write_keeping(&last, round.to_string().as_bytes(), &previous).unwrap();
            assert_eq!(fs::read_to_string(&last).unwrap(), round.to_string());
            assert_eq!(fs::read_to_string(&previous).unwrap(), (round - 1).to_string());
            assert_eq!(names(folder.path()).len(), 2);
        }
        // Killed between the two names.
        fs::remove_file(&previous).unwrap();
        fs::hard_link(&last, &previous).unwrap();
        fs::hard_link(&last, folder.path().join(".previous.part")).unwrap();
        write_keeping(&last, b"5", &previous).unwrap();
        assert_eq!(
            (fs::read(&last).unwrap(), fs::read(&previous).unwrap()),
            (b"5".into(), b"4".into())
        );
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (outside, path) = (folder.path().join("outside"), folder.path().join("rows.csv"));
        fs::write(&outside, "theirs").unwrap();
        for link in [".rows.csv.part", "rows.csv"] {
            std::os::unix::fs::symlink(&outside, folder.path().join(link)).unwrap();
            write(&path, b"ours").unwrap();
            assert_eq!(fs::read(&outside).unwrap(), b"theirs");
            assert_eq!(fs::read(&path).unwrap(), b"ours");
            assert!(!path.is_symlink());
            fs::remove_file(&path).unwrap();
        }
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
