//! Image files to RGB bytes.

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use fast_image_resize::{self as fir, ResizeAlg, ResizeOptions, images::Image};
use image::{
    AnimationDecoder, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits,
    codecs::{gif::GifDecoder, webp::WebPDecoder},
};
use rayon::prelude::*;

use super::DataError;

/// No photograph is wider or higher; a header that claims so is not believed.
const LARGEST_SIDE: u32 = 32_768;
/// Bytes that one decoded image may take.
const LARGEST_IMAGE: u64 = 1 << 30;
/// Endings of files that are taken for images.
const ENDINGS: [&str; 7] = ["jpg", "jpeg", "png", "webp", "bmp", "gif", "jpe"];

/// A decoded image of any size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// RGB bytes, `[height, width, 3]`.
    pub pixels: Vec<u8>,
    /// Whether only the first of several frames was taken.
    pub animated: bool,
}

/// Whether a file's name ends as an image's.
pub fn is_image_name(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// Decodes a JPEG, PNG, WebP, BMP or GIF file, told by its content, upright as its EXIF says.
///
/// Grey, 16-bit, palette and CMYK images become 8-bit RGB; transparency is dropped; of an animation
/// the first frame is taken.
///
/// # Errors
/// [`DataError::Image`] naming the file.
pub fn decode(path: &Path) -> Result<Decoded, DataError> {
    let failed = |reason: String| DataError::Image { path: path.to_owned(), reason };
    let bytes = fs::read(path).map_err(|error| failed(error.to_string()))?;
    decode_bytes(&bytes).map_err(failed)
}

/// [`decode`] of a file's bytes; the error says what is wrong with them.
pub fn decode_bytes(bytes: &[u8]) -> Result<Decoded, String> {
    if bytes.is_empty() {
        return Err("the file is empty".into());
    }
    let format = image::guess_format(bytes)
        .map_err(|_| "its content is no JPEG, PNG, WebP, BMP or GIF image".to_owned())?;
    if format == ImageFormat::Jpeg && is_cut_off(bytes) {
        return Err("the JPEG ends before its image does".into());
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(LARGEST_IMAGE);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let orientation = decoder.orientation().map_err(|error| error.to_string())?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    image.apply_orientation(orientation);
    let rgb = image.into_rgb8();
    Ok(Decoded {
        height: rgb.height() as usize,
        width: rgb.width() as usize,
        pixels: rgb.into_raw(),
        animated: is_animated(format, bytes),
    })
}

/// Whether no end marker follows the last scan of a JPEG: the decoder would fill the rest with grey.
fn is_cut_off(jpeg: &[u8]) -> bool {
    let last = |marker: u8| jpeg.windows(2).rposition(|pair| pair == [0xff, marker]);
    let (scan, end) = (last(0xda), last(0xd9));
    end.is_none() || end < scan
}

fn is_animated(format: ImageFormat, bytes: &[u8]) -> bool {
    let more_than_one = |frames: image::Frames<'_>| frames.take(2).count() > 1;
    match format {
        ImageFormat::Gif => {
            GifDecoder::new(Cursor::new(bytes)).is_ok_and(|d| more_than_one(d.into_frames()))
        }
        ImageFormat::WebP => WebPDecoder::new(Cursor::new(bytes)).is_ok_and(|d| d.has_animation()),
        _ => false,
    }
}

/// The image brought to `size` × `size` pixels, averaged where it shrinks; one that has that size
/// keeps its bytes.
///
/// # Errors
/// If the image has no pixels, or is larger than the resizer takes.
pub fn resize(image: &Decoded, size: usize) -> Result<Vec<u8>, String> {
    if image.height == size && image.width == size {
        return Ok(image.pixels.clone());
    }
    let kind = fir::PixelType::U8x3;
    let [width, height, side] = [image.width as u32, image.height as u32, size as u32];
    let source = Image::from_vec_u8(width, height, image.pixels.clone(), kind)
        .map_err(|error| error.to_string())?;
    let mut target = Image::new(side, side, kind);
    let options =
        ResizeOptions::new().resize_alg(ResizeAlg::Convolution(fir::FilterType::Bilinear));
    fir::Resizer::new()
        .resize(&source, &mut target, &options)
        .map_err(|error| error.to_string())?;
    Ok(target.into_vec())
}

/// All of `paths`, decoded in parallel and brought to `size` × `size`, one after the other in the
/// order of the list; with a warning on every animation.
///
/// # Errors
/// [`DataError::Images`] naming the first that cannot be read and counting the others.
pub fn decode_all(paths: &[PathBuf], size: usize) -> Result<(Vec<u8>, Vec<String>), DataError> {
    let mut pixels = vec![0; paths.len() * size * size * 3];
    let outcomes: Vec<Result<bool, DataError>> = pixels
        .par_chunks_exact_mut(size * size * 3)
        .zip(paths)
        .map(|(slot, path)| {
            let decoded = decode(path)?;
            let resized = resize(&decoded, size)
                .map_err(|reason| DataError::Image { path: path.clone(), reason })?;
            slot.copy_from_slice(&resized);
            Ok(decoded.animated)
        })
        .collect();
    let mut warnings = Vec::new();
    let mut errors = Vec::new();
    for (path, outcome) in paths.iter().zip(outcomes) {
        match outcome {
            Ok(true) => {
                warnings.push(format!("{} is animated: its first frame is used", path.display()));
            }
            Ok(false) => {}
            Err(error) => errors.push(error),
        }
    }
    let more = errors.len().saturating_sub(1);
    match errors.into_iter().next() {
        Some(first) => Err(DataError::Images { first: first.to_string(), more }),
        None => Ok((pixels, warnings)),
    }
}
