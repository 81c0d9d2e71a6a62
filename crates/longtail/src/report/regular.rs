use std::{fs, io, path::Path};

/// The bytes of a file. Pipes, devices and folders are refused, for opening one may wait for ever.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    check(path)?;
    fs::read(path)
}

/// Refuses what is there and no file.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert_eq!(error, "it is not a regular file");
        fs::write(folder.path().join("a"), "words").unwrap();
        assert_eq!(read(&folder.path().join("a")).unwrap(), b"words");
    }
}
