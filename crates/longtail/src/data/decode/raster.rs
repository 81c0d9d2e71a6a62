//! PNG, WebP, BMP, GIF and PNM through the crate `image`.

use std::{
    borrow::Cow,
    error::Error,
    io::{BufRead, Cursor, ErrorKind, Seek},
};

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
    codecs::{png::PngDecoder, webp::WebPDecoder},
    metadata::Orientation,
};

use super::{LARGEST_IMAGE, LARGEST_SIDE, Picture, brief, check_size};

/// A PNG's last chunk.
const PNG_END: &[u8] = b"\0\0\0\0IEND\xaeB`\x82";
/// Bytes before a PNG's first chunk.
const PNG_MAGIC: usize = 8;

/// Width, height and orientation.
pub(super) fn size(
    reader: impl BufRead + Seek,
    format: ImageFormat,
) -> Result<(u32, u32, Orientation), String> {
    let mut decoder = open(reader, format)?;
    let (width, height) = decoder.dimensions();
    let orientation = decoder.orientation().map_err(|error| sentence(format, error))?;
    Ok((width, height, orientation))
}

pub(super) fn decode(bytes: &[u8], format: ImageFormat) -> Result<Picture, String> {
    let mut notes = Vec::new();
    let mut whole = Cow::Borrowed(bytes);
    if format == ImageFormat::Png
        && let Some(rest) = png_lacks_its_end(bytes)
    {
        whole = Cow::Owned([&bytes[..bytes.len() - rest], PNG_END].concat());
        notes.push("lacks its last chunk, but has all its pixels".into());
    }
    if format == ImageFormat::WebP && webp_is_cut(bytes) {
        return Err("the WebP ends before its image does".into());
    }
    if is_animated(format, &whole) {
        notes.push("is animated: its first frame is used".into());
    }
    let mut decoder = open(Cursor::new(whole.as_ref()), format)?;
    let failed = |error| sentence(format, error);
    let orientation = decoder.orientation().map_err(failed)?;
    let image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    Ok(Picture { image, orientation, notes })
}

fn open<'a, R: BufRead + Seek + 'a>(
    reader: R,
    format: ImageFormat,
) -> Result<impl ImageDecoder + 'a, String> {
    let mut reader = ImageReader::with_format(reader, format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(LARGEST_IMAGE);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| sentence(format, error))?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, decoder.total_bytes())?;
    Ok(decoder)
}

fn sentence(format: ImageFormat, error: ImageError) -> String {
    let name = match format {
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Gif => "GIF",
        ImageFormat::Pnm => "PNM",
        _ => "PNG",
    };
    match error {
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            format!("the {name} ends before its image does")
        }
        ImageError::Limits(_) => format!("the {name} takes more than 1 GiB of memory"),
        ImageError::Unsupported(error) => format!("{}: convert it to PNG", brief(error)),
        error => {
            let said = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            format!("the {name} is damaged: {}", brief(said))
        }
    }
}

/// The bytes behind the last whole chunk of a PNG that ends where its last chunk should be.
fn png_lacks_its_end(png: &[u8]) -> Option<usize> {
    let mut rest = png.get(PNG_MAGIC..)?;
    let mut pixels = false;
    while let Some((length, kind)) = rest.first_chunk().zip(rest.get(4..8)) {
        if kind == b"IEND" {
            break;
        }
        let whole = (u32::from_be_bytes(*length) as usize).checked_add(12)?;
        let Some(next) = rest.get(whole..) else { break };
        pixels |= kind == b"IDAT";
        rest = next;
    }
    (pixels && rest.len() < PNG_END.len() && PNG_END.starts_with(rest)).then_some(rest.len())
}

/// Whether a WebP is shorter than it says, but for a last byte that only fills: its decoder makes up
/// the last pixels.
fn webp_is_cut(webp: &[u8]) -> bool {
    let says = webp.get(4..).and_then(<[u8]>::first_chunk).map(|size| u32::from_le_bytes(*size));
    says.is_none_or(|size| (webp.len() as u64) + 1 < u64::from(size) + 8)
}

fn is_animated(format: ImageFormat, bytes: &[u8]) -> bool {
    let bytes = Cursor::new(bytes);
    match format {
        ImageFormat::Gif => has_two_frames(bytes).unwrap_or(false),
        ImageFormat::WebP => WebPDecoder::new(bytes).is_ok_and(|d| d.has_animation()),
        ImageFormat::Png => PngDecoder::new(bytes).is_ok_and(|d| d.is_apng().unwrap_or(false)),
        _ => false,
    }
}

/// Whether a GIF has a second frame, without decoding the first.
fn has_two_frames(bytes: Cursor<&[u8]>) -> Result<bool, gif::DecodingError> {
    let mut options = gif::DecodeOptions::new();
    options.skip_frame_decoding(true);
    let mut decoder = options.read_info(bytes)?;
    Ok(decoder.next_frame_info()?.is_some() && decoder.next_frame_info()?.is_some())
}
