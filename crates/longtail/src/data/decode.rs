//! Image files to RGB bytes.

use std::{
    fmt::Display,
    io::{self, BufReader, Cursor, Read, Seek, SeekFrom},
    path::Path,
};

use image::{DynamicImage, ImageFormat, metadata::Orientation};

use self::{content::Format, share::Share, stretch::Stretch};
use super::{DataError, catalog::Located};
use crate::regular;

mod cmyk;
mod content;
mod file;
mod jpeg;
mod kind;
mod markers;
mod planes;
mod raster;
mod share;
mod stretch;
mod tiff;
mod webp;

pub use file::ImageFile;
pub use kind::{FileKind, is_image_name, kind_of};

/// No photograph is wider or higher; a header that claims so is not believed.
const LARGEST_SIDE: u32 = 32_768;
/// Bytes that one image may take while it is decoded, its file included.
const LARGEST_IMAGE: u64 = 1 << 30;

/// A decoded image of any size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// RGB bytes, `[height, width, 3]`.
    pub pixels: Vec<u8>,
    /// What a person should know about the file, as the end of a sentence that begins with its
    /// name: "is animated: its first frame is used".
    pub notes: Vec<String>,
}

/// Decodes a JPEG, PNG, WebP, BMP, GIF, TIFF or PNM file, told by its content, upright as its EXIF
/// says.
///
/// Grey, 16-bit, palette and CMYK images become 8-bit RGB; transparency is dropped; of an animation
/// the first frame is taken, of pages the first. What becomes of every variant stands in
/// `docs/formats.md`.
///
/// # Errors
/// [`DataError::Image`] naming the file.
pub fn decode(path: &Path) -> Result<Decoded, DataError> {
    ImageFile::read(path)
        .and_then(|file| file.decode())
        .map_err(|reason| DataError::Image { path: path.to_owned(), reason })
}

/// [`decode`] of a file's bytes.
///
/// # Errors
/// What is wrong with them, as a sentence without its subject: "it is a HEIC image, …".
pub fn decode_bytes(bytes: &[u8]) -> Result<Decoded, String> {
    let outline = outline(&mut Cursor::new(bytes))?;
    let _share = Share::take(outline.bytes);
    whole(bytes)
}

/// The `[height, width]` that [`decode`] would give, read from the beginning of the file alone.
///
/// # Errors
/// Why the file cannot be read, as [`decode_bytes`] says it where the header shows it.
pub fn size_of(path: &Path) -> Result<[usize; 2], String> {
    let mut file = regular::open(path).map_err(|error| error.to_string())?;
    Ok(outline(&mut file)?.size())
}

/// [`size_of`] of a file, or of the image that some bytes of one or of memory are.
///
/// # Errors
/// As there.
pub(super) fn size_of_located(located: &Located) -> Result<[usize; 2], String> {
    let text = |error: io::Error| error.to_string();
    match located {
        Located::File(path) => size_of(path),
        Located::Within { file, offset, length } => {
            let file = regular::open(file).map_err(text)?;
            let mut stretch = Stretch::new(file, *offset, *length).map_err(text)?;
            Ok(outline(&mut stretch)?.size())
        }
        Located::Unpacked { of, offset, length, .. } => {
            let file = regular::open(&of.images).map_err(text)?;
            let mut stretch = Stretch::new(file, *offset, *length).map_err(text)?;
            // Its checksum is looked at when it is decoded; here a damaged one is told by that alone.
            match outline(&mut stretch) {
                Ok(outline) => Ok(outline.size()),
                Err(_) => Ok(ImageFile::read_located(located)?.size()),
            }
        }
        Located::Held(bytes) => Ok(outline(&mut Cursor::new(bytes))?.size()),
    }
}

/// What the header of an image says of it.
#[derive(Debug, Clone, Copy)]
struct Outline {
    width: u32,
    height: u32,
    orientation: Orientation,
    /// The most bytes that are held at a time until the image stands there in RGB, upright.
    bytes: u64,
}

impl Outline {
    /// Of an image whose decoder holds `decoding` bytes at most, and in the end `decoded`; none where that is RGB
    /// of 8 bits already.
    fn new(
        [width, height]: [u32; 2],
        orientation: Orientation,
        decoding: u64,
        decoded: Option<u64>,
    ) -> Self {
        let rgb = pixels(width, height).saturating_mul(3);
        let turning = if on_its_side(orientation) { rgb.saturating_mul(2) } else { rgb };
        let converting = decoded.unwrap_or(0).saturating_add(rgb);
        Self { width, height, orientation, bytes: decoding.max(converting).max(turning) }
    }

    /// `[height, width]`, upright.
    fn size(&self) -> [usize; 2] {
        let [width, height] = [self.width as usize, self.height as usize];
        if on_its_side(self.orientation) { [width, height] } else { [height, width] }
    }
}

fn pixels(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

/// What a decoder reads: one type for files and for bytes, as decoders are compiled anew for every type.
type Source<'a> = BufReader<&'a mut dyn ReadSeek>;

trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

/// Reads the header of an image file, and refuses one that asks for more than an image may take.
fn outline(mut file: &mut dyn ReadSeek) -> Result<Outline, String> {
    let text = |error: io::Error| error.to_string();
    let length = file.seek(SeekFrom::End(0)).map_err(text)?;
    file.rewind().map_err(text)?;
    let mut start = Vec::new();
    (&mut file).take(content::TELLING as u64).read_to_end(&mut start).map_err(text)?;
    file.rewind().map_err(text)?;
    let format = content::format(&start)?;
    let outline = match format {
        // The next thing would be to hold all of it.
        _ if length > LARGEST_IMAGE => {
            return Err("the file has more than 1 GiB, which no image may take".into());
        }
        Format::Jpeg => jpeg::outline(&mut file)?,
        Format::Tiff => tiff::outline(BufReader::new(file))?,
        Format::Raster(format) => raster::outline(BufReader::new(file), format)?,
    };
    // A PNG that lacks its end is copied to get one.
    let copies = if format == Format::Raster(ImageFormat::Png) { 2 } else { 1 };
    let bytes = outline.bytes.saturating_add(length * copies);
    check_size(outline.width, outline.height, bytes)?;
    Ok(Outline { bytes, ..outline })
}

/// The image in `bytes`, whose [`outline`] was looked at.
fn whole(bytes: &[u8]) -> Result<Decoded, String> {
    let Picture { image, orientation, notes } = match content::format(bytes)? {
        Format::Jpeg => jpeg::decode(bytes)?,
        Format::Tiff => tiff::decode(bytes)?,
        Format::Raster(format) => raster::decode(bytes, format)?,
    };
    // Turned as RGB, which takes less than what some files hold.
    let mut image = DynamicImage::ImageRgb8(image.into_rgb8());
    image.apply_orientation(orientation);
    let rgb = image.into_rgb8();
    Ok(Decoded {
        height: rgb.height() as usize,
        width: rgb.width() as usize,
        pixels: rgb.into_raw(),
        notes,
    })
}

/// What a decoder makes of a file, before it is turned.
struct Picture {
    image: DynamicImage,
    orientation: Orientation,
    notes: Vec<String>,
}

/// Whether an image of this orientation is turned by a quarter.
fn on_its_side(orientation: Orientation) -> bool {
    use Orientation::*;
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// A library's words on a file, which may quote it at any length.
fn brief(words: impl Display) -> String {
    let words = words.to_string();
    let mut plain = words.chars().map(|letter| if letter.is_control() { '?' } else { letter });
    let mut short: String = plain.by_ref().take(100).collect();
    if plain.next().is_some() {
        short.push('…');
    }
    short
}

/// Refuses a header that claims more than any photograph has.
fn check_size(width: u32, height: u32, bytes: u64) -> Result<(), String> {
    if width == 0 || height == 0 {
        return Err("it has no pixels".into());
    }
    if width > LARGEST_SIDE || height > LARGEST_SIDE || bytes > LARGEST_IMAGE {
        return Err(format!(
            "it is too large, {width} x {height} pixels: at most {LARGEST_SIDE} on a side and 1 GiB \
             of memory are taken for one image"
        ));
    }
    Ok(())
}
