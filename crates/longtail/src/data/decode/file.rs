//! Image files in memory, taken no larger than they may be.

use std::{
    io::{self, Cursor, Read, Seek, SeekFrom},
    path::Path,
};

use image::metadata::Orientation;

use super::{
    Decoded, Outline, content::Format, jpeg, outline, share::Share, stretch::Stretch, whole,
};
use crate::{
    data::catalog::Located,
    raster::{CropBox, Pixels, Raster, RasterRef, Unreadable, resample},
    regular,
};

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
        let file = regular::open(path).map_err(text)?;
        let length = file.metadata().map_err(text)?.len();
        Self::read_from(file, length)
    }

    /// Reads a regular file, or the image that some bytes of one or of memory are.
    ///
    /// # Errors
    /// As [`ImageFile::read`].
    pub fn read_located(located: &Located) -> Result<Self, String> {
        let text = |error: io::Error| error.to_string();
        match located {
            Located::File(path) => Self::read(path),
            Located::Within { file, offset, length } => {
                let file = regular::open(file).map_err(text)?;
                Self::read_from(Stretch::new(file, *offset, *length).map_err(text)?, *length)
            }
            Located::Unpacked { of, row, offset, length, crc } => {
                Self::of_bytes(of.read(*row, *offset, *length, *crc)?)
            }
            Located::Held(bytes) => Self::read_from(Cursor::new(bytes), bytes.len() as u64),
        }
    }

    fn read_from(mut file: impl Read + Seek, length: u64) -> Result<Self, String> {
        let text = |error: io::Error| error.to_string();
        let mut bytes = Vec::new();
        file.by_ref().take(length.min(BEGINNING)).read_to_end(&mut bytes).map_err(text)?;
        match length <= BEGINNING {
            true => Self::of_bytes(bytes),
            false => Self::read_rest(file, bytes, length),
        }
    }

    fn of_bytes(bytes: Vec<u8>) -> Result<Self, String> {
        let outline = outline(&mut Cursor::new(&bytes))?;
        let share = Share::take(outline.bytes);
        Ok(Self { bytes, outline, _share: share })
    }

    fn read_rest(
        mut file: impl Read + Seek,
        mut bytes: Vec<u8>,
        length: u64,
    ) -> Result<Self, String> {
        let text = |error: io::Error| error.to_string();
        let from_file = outline(&mut file)?;
        let share = Share::take(from_file.bytes);
        file.seek(SeekFrom::Start(bytes.len() as u64)).map_err(text)?;
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

    /// The pixels of a part, `[height, width, 3]`, where the file is such that the others need not be made.
    fn decode_part(&self, part: CropBox) -> Result<Option<Vec<u8>>, String> {
        let is_jpeg = super::content::format(&self.bytes)? == Format::Jpeg;
        match is_jpeg && self.outline.orientation == Orientation::NoTransforms {
            true => jpeg::decode_part(&self.bytes, part),
            false => Ok(None),
        }
    }

    /// The image.
    ///
    /// # Errors
    /// As [`decode_bytes`](super::decode_bytes).
    pub fn decode(&self) -> Result<Decoded, String> {
        whole(&self.bytes)
    }
}

/// Of a JPEG that is not turned, no more is made than the crop needs; the pixels are those of the whole.
impl Pixels for ImageFile {
    fn size(&self) -> [usize; 2] {
        ImageFile::size(self)
    }

    fn resample(
        &self,
        crop: CropBox,
        size: [usize; 2],
        spare: &mut Raster,
        out: &mut Raster,
    ) -> Result<(), Unreadable> {
        let own = [crop.height, crop.width];
        if let Some(pixels) = self.decode_part(crop).map_err(Unreadable)? {
            let part = RasterRef::new(own, &pixels);
            resample(part, CropBox::whole(own), size, spare, out);
            return Ok(());
        }
        let Decoded { height, width, pixels, .. } = self.decode().map_err(Unreadable)?;
        resample(RasterRef::new([height, width], &pixels), crop, size, spare, out);
        Ok(())
    }
}
