//! Image files to RGB bytes.

use std::{
    fmt::Display,
    fs,
    fs::File,
    io::{BufReader, Cursor, Read, Seek},
    path::Path,
};

use image::{DynamicImage, metadata::Orientation};

use self::content::Format;
use super::DataError;

mod cmyk;
mod content;
mod jpeg;
mod kind;
mod markers;
mod raster;
mod tiff;

pub use kind::{FileKind, is_image_name, kind_of};

/// No photograph is wider or higher; a header that claims so is not believed.
const LARGEST_SIDE: u32 = 32_768;
/// Bytes that one decoded image may take.
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
    decode_file(path).map_err(|reason| DataError::Image { path: path.to_owned(), reason })
}

/// [`decode`], where the file is known to whoever is told.
///
/// # Errors
/// As [`decode_bytes`].
pub fn decode_file(path: &Path) -> Result<Decoded, String> {
    decode_bytes(&fs::read(path).map_err(|error| error.to_string())?)
}

/// [`decode`] of a file's bytes.
///
/// # Errors
/// What is wrong with them, as a sentence without its subject: "it is a HEIC image, …".
pub fn decode_bytes(bytes: &[u8]) -> Result<Decoded, String> {
    let Picture { image, orientation, notes } = match content::format(bytes)? {
        Format::Jpeg => jpeg::decode(bytes)?,
        Format::Tiff => tiff::decode(bytes)?,
        Format::Raster(format) => raster::decode(bytes, format)?,
    };
    let mut image = image;
    image.apply_orientation(orientation);
    let rgb = image.into_rgb8();
    Ok(Decoded {
        height: rgb.height() as usize,
        width: rgb.width() as usize,
        pixels: rgb.into_raw(),
        notes,
    })
}

/// The `[height, width]` that [`decode`] would give, read from the beginning of the file alone.
///
/// # Errors
/// Why the file cannot be read, as [`decode_bytes`] says it where the header shows it.
pub fn size_of(path: &Path) -> Result<[usize; 2], String> {
    size_in(File::open(path).map_err(|error| error.to_string())?)
}

/// [`size_of`] of a file's bytes, all of them or its beginning.
///
/// # Errors
/// As [`size_of`].
pub fn size_of_bytes(bytes: &[u8]) -> Result<[usize; 2], String> {
    size_in(Cursor::new(bytes))
}

fn size_in(mut file: impl Read + Seek) -> Result<[usize; 2], String> {
    let text = |error: std::io::Error| error.to_string();
    let mut start = Vec::new();
    file.by_ref().take(content::TELLING as u64).read_to_end(&mut start).map_err(text)?;
    file.rewind().map_err(text)?;
    let (width, height, orientation) = match content::format(&start)? {
        Format::Jpeg => jpeg::size(&mut file)?,
        Format::Tiff => tiff::size(BufReader::new(file))?,
        Format::Raster(format) => raster::size(BufReader::new(file), format)?,
    };
    let [width, height] = [width as usize, height as usize];
    Ok(if on_its_side(orientation) { [width, height] } else { [height, width] })
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
