//! The one way in which files that people name are opened: regular ones alone. Opening a pipe waits for whoever
//! writes to it, a device may act or never end, and neither is what a data set consists of.

use std::{
    fs::{self, File, FileType},
    io::{self, Read},
    path::Path,
};

/// What `kind` is where it is no regular file; links are to be followed before.
pub fn other_than_file(kind: FileType) -> Option<&'static str> {
    match () {
        () if kind.is_file() => None,
        () if kind.is_dir() => Some("a folder"),
        () => Some(special(kind)),
    }
}

#[cfg(unix)]
fn special(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match () {
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () if kind.is_char_device() || kind.is_block_device() => "a device",
        () => "neither file nor folder",
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> &'static str {
    "neither file nor folder"
}

/// What is at `path`, links followed, where that is neither a regular file nor a folder; `None` also where there is
/// nothing.
pub fn special_at(path: &Path) -> Option<&'static str> {
    let kind = fs::metadata(path).ok()?.file_type();
    other_than_file(kind).filter(|_| !kind.is_dir())
}

/// Opens the regular file at `path`, links followed. Nothing else is opened at all.
///
/// # Errors
/// As [`File::open`]; [`io::ErrorKind::InvalidInput`] with what it is for anything but a regular file.
pub fn open(path: &Path) -> io::Result<File> {
    check(fs::metadata(path)?.file_type())?;
    let file = File::open(path)?;
    // Another may have taken its place in between.
    check(file.metadata()?.file_type())?;
    Ok(file)
}

/// All bytes of the regular file at `path`, if it has `most` at most.
///
/// # Errors
/// As [`open`]; [`io::ErrorKind::FileTooLarge`] for a larger file, of which no more is read.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    if file.metadata()?.len() > most {
        return Err(too_large(most));
    }
    let mut bytes = Vec::new();
    // One that grows, or does not know its size, is no reason to read on.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large(most)) } else { Ok(bytes) }
}

/// [`read`] of a text.
///
/// # Errors
/// As [`read`]; [`io::ErrorKind::InvalidData`] for bytes that are no UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let no_text = "stream did not contain valid UTF-8";
    String::from_utf8(read(path, most)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, no_text))
}

fn check(kind: FileType) -> io::Result<()> {
    match other_than_file(kind) {
        None => Ok(()),
        Some(what) => {
            let said = format!("it is {what}, and only regular files are read");
            Err(io::Error::new(io::ErrorKind::InvalidInput, said))
        }
    }
}

fn too_large(most: u64) -> io::Error {
    let said = format!("it has more than {} MiB, too many for such a file", most >> 20);
    io::Error::new(io::ErrorKind::FileTooLarge, said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_files_and_links_to_them_are_read_up_to_a_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "words").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"words");
        let error = read(&path, 4).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{error}");
        fs::write(&path, b"caf\xe9").unwrap();
        assert_eq!(read_text(&path, 9).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(open(&dir.path().join("b")).unwrap_err().kind(), io::ErrorKind::NotFound);
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("a folder"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_end_and_a_socket_are_not_opened() {
        use std::os::unix::{fs::symlink, net::UnixListener};
        let dir = tempfile::tempdir().unwrap();
        let (socket, link) = (dir.path().join("socket"), dir.path().join("link"));
        let _listener = UnixListener::bind(&socket).unwrap();
        symlink("/dev/zero", &link).unwrap();
        for (path, what) in [(&socket, "a socket"), (&link, "a device")] {
            assert_eq!(special_at(path), Some(what));
            let error = read(path, 9).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
        assert_eq!(special_at(dir.path()), None);
    }
}
