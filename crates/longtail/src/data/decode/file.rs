//! Image files in memory, taken no larger than they may be.

use std::{
    fs::File,
    io::{self, Cursor, Read},
    path::Path,
};

use super::{Decoded, Outline, outline, share::Share, whole};
use crate::regular;

/// Bytes that are read before a header has said what the image takes.
const BEGINNING: u64 = 1 << 20;

/// The bytes of an image file whose header asks for no more memory than one image may take. All files that are held
/// and decoded at a time share the memory of one, so that a thread that has a file must not read a second.
#[derive(Debug)]
pub struct ImageFile {
    bytes: Vec<u8>,
    outline: Outline,
    _share: Share,
}

impl ImageFile {
    /// Reads the regular file at `path`.
    ///
    /// # Errors
    /// Why it cannot be read, as [`decode_bytes`](super::decode_bytes) says it where the header shows it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = |error: io::Error| error.to_string();
        let mut file = regular::open(path).map_err(text)?;
        let length = file.metadata().map_err(text)?.len();
        let mut bytes = Vec::new();
        file.by_ref().take(length.min(BEGINNING)).read_to_end(&mut bytes).map_err(text)?;
        if length <= BEGINNING {
            let outline = outline(&mut Cursor::new(&bytes))?;
            let share = Share::take(outline.bytes);
            return Ok(Self { bytes, outline, _share: share });
        }
        Self::read_rest(file, bytes, length)
    }

    fn read_rest(mut file: File, mut bytes: Vec<u8>, length: u64) -> Result<Self, String> {
        let text = |error: io::Error| error.to_string();
        let from_file = outline(&mut file)?;
        let share = Share::take(from_file.bytes);
        io::Seek::seek(&mut file, io::SeekFrom::Start(bytes.len() as u64)).map_err(text)?;
        let rest = length - bytes.len() as u64;
        bytes.reserve_exact(usize::try_from(rest).map_err(|error| error.to_string())?);
        file.take(rest).read_to_end(&mut bytes).map_err(text)?;
        let outline = outline(&mut Cursor::new(&bytes))?;
        if outline.bytes > from_file.bytes {
            return Err("it was changed while it was read".into());
        }
        Ok(Self { bytes, outline, _share: share })
    }

    /// All bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The `[height, width]` that decoding would give.
    pub fn size(&self) -> [usize; 2] {
        self.outline.size()
    }

    /// The image.
    ///
    /// # Errors
    /// As [`decode_bytes`](super::decode_bytes).
    pub fn decode(&self) -> Result<Decoded, String> {
        whole(&self.bytes)
    }
}
