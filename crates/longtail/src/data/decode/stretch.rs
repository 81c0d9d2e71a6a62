//! Some bytes of a file, as if they were one of their own.

use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};

/// Bytes of a larger reader.
pub(super) struct Stretch<R> {
    inner: R,
    offset: u64,
    length: u64,
    at: u64,
}

impl<R: Read + Seek> Stretch<R> {
    /// The `length` bytes of `inner` from `offset` on.
    pub(super) fn new(mut inner: R, offset: u64, length: u64) -> Result<Self> {
        inner.seek(SeekFrom::Start(offset))?;
        Ok(Self { inner, offset, length, at: 0 })
    }
}

impl<R: Read> Read for Stretch<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let count = self.inner.read(&mut buffer[..most])?;
        if count == 0 && most > 0 {
            return Err(Error::new(ErrorKind::UnexpectedEof, "the file ends within the image"));
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl<R: Seek> Seek for Stretch<R> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        let at = at.ok_or_else(|| Error::from(ErrorKind::InvalidInput))?;
        self.inner.seek(SeekFrom::Start(self.offset.saturating_add(at)))?;
        self.at = at;
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn it_is_a_file_of_its_own() {
        let bytes: Vec<u8> = (0..100).collect();
        let mut part = Stretch::new(Cursor::new(&bytes), 10, 20).unwrap();
        let mut read = Vec::new();
        part.read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes[10..30]);
        assert_eq!(part.seek(SeekFrom::End(-2)).unwrap(), 18);
        read.clear();
        part.read_to_end(&mut read).unwrap();
        assert_eq!(read, [28, 29]);
        part.rewind().unwrap();
        let mut first = [0; 2];
        part.read_exact(&mut first).unwrap();
        assert_eq!((first, part.seek(SeekFrom::Current(3)).unwrap()), ([10, 11], 5));
        assert!(part.seek(SeekFrom::Current(-6)).is_err());
    }

    #[test]
    fn a_file_that_ends_within_it_is_an_error() {
        let mut part = Stretch::new(Cursor::new([0; 20]), 10, 20).unwrap();
        assert_eq!(part.read_to_end(&mut Vec::new()).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
