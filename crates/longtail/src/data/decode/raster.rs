//! PNG, WebP, BMP, GIF and PNM through the crate `image`.

use std::{
    borrow::Cow,
    error::Error,
    io::{BufReader, Cursor, ErrorKind, Read, Seek},
};

use image::{
    ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
    codecs::{png::PngDecoder, webp::WebPDecoder},
    error::LimitErrorKind,
};

use super::{
    LARGEST_IMAGE, LARGEST_SIDE, Outline, Picture, ReadSeek, Source, brief, check_size, pixels,
    webp,
};

/// A PNG's last chunk.
const PNG_END: &[u8] = b"\0\0\0\0IEND\xaeB`\x82";
/// Bytes before a PNG's first chunk.
const PNG_MAGIC: usize = 8;
/// Bytes that what stands beside a PNG's pixels may take, unpacked.
const PNG_REMARKS: u64 = 64 << 20;
/// Bytes in which a PNM's header has to end.
const LONGEST_PNM: u64 = 1 << 16;

/// Reads the header.
pub(super) fn outline(mut reader: Source, format: ImageFormat) -> Result<Outline, String> {
    match format {
        ImageFormat::Gif => {
            let frame = first_frame(&mut reader).map_err(|error| of_gif(&error))?;
            // Four bytes of colour and one of the palette.
            if frame * 5 > LARGEST_IMAGE {
                return Err("its first frame takes more than 1 GiB of memory".into());
            }
            outline_with(reader, format, |raw, _| raw + frame * 5)
        }
        ImageFormat::WebP => {
            let found = webp::look(&mut reader)?;
            reader.rewind().map_err(|error| error.to_string())?;
            outline_with(reader, format, |raw, pixels| raw + found.beside(pixels))
        }
        ImageFormat::Pnm => {
            // The header is read word by word: a file without an end to its first word is none.
            let mut start = Vec::new();
            reader.take(LONGEST_PNM).read_to_end(&mut start).map_err(|error| error.to_string())?;
            outline_with(BufReader::new(&mut Cursor::new(start)), format, |raw, _| raw)
        }
        _ => outline_with(reader, format, |raw, _| raw),
    }
}

/// Reads a header; `decoding` tells the bytes that are held meanwhile, from those of the decoded image and the number
/// of its pixels.
fn outline_with(
    reader: Source,
    format: ImageFormat,
    decoding: impl Fn(u64, u64) -> u64,
) -> Result<Outline, String> {
    let mut decoder = open(reader, format)?;
    let (width, height) = decoder.dimensions();
    let raw = decoder.total_bytes();
    check_size(width, height, raw)?;
    let orientation = decoder.orientation().map_err(|error| sentence(format, error))?;
    let decoding = decoding(raw, pixels(width, height));
    let converted = (decoder.color_type() != ColorType::Rgb8).then_some(raw);
    Ok(Outline::new([width, height], orientation, decoding, converted))
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
    let mut file = Cursor::new(whole.as_ref());
    let mut decoder = open(BufReader::new(&mut file), format)?;
    let failed = |error| sentence(format, error);
    let orientation = decoder.orientation().map_err(failed)?;
    let image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    Ok(Picture { image, orientation, notes })
}

fn open(reader: Source, format: ImageFormat) -> Result<impl ImageDecoder, String> {
    let mut reader = ImageReader::with_format(reader, format);
    reader.limits(limits(format));
    reader.into_decoder().map_err(|error| sentence(format, error))
}

/// What a decoder may take. That of PNG counts only what stands beside the pixels, such as a colour profile.
fn limits(format: ImageFormat) -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(if format == ImageFormat::Png { PNG_REMARKS } else { LARGEST_IMAGE });
    limits
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
        ImageError::Limits(error) if error.kind() == LimitErrorKind::DimensionError => format!(
            "it is too large: at most {LARGEST_SIDE} pixels on a side are taken for one image"
        ),
        ImageError::Limits(_) if format == ImageFormat::Png => {
            "what stands beside the pixels of the PNG takes more than 64 MiB of memory".into()
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
    let mut bytes = Cursor::new(bytes);
    let bytes = BufReader::new(&mut bytes as &mut dyn ReadSeek);
    match format {
        ImageFormat::Gif => has_two_frames(bytes).unwrap_or(false),
        ImageFormat::WebP => WebPDecoder::new(bytes).is_ok_and(|d| d.has_animation()),
        ImageFormat::Png => PngDecoder::with_limits(bytes, limits(format))
            .is_ok_and(|decoder| decoder.is_apng().unwrap_or(false)),
        _ => false,
    }
}

/// Whether a GIF has a second frame, without decoding the first.
fn has_two_frames(bytes: Source) -> Result<bool, gif::DecodingError> {
    let mut decoder = frames(bytes)?;
    Ok(decoder.next_frame_info()?.is_some() && decoder.next_frame_info()?.is_some())
}

/// The pixels of a GIF's first frame, which may be larger than its screen.
fn first_frame(reader: &mut Source) -> Result<u64, gif::DecodingError> {
    let mut decoder = frames(&mut *reader)?;
    let frame = decoder.next_frame_info()?;
    let pixels = frame.map_or(0, |frame| pixels(frame.width.into(), frame.height.into()));
    reader.rewind()?;
    Ok(pixels)
}

fn frames<R: Read>(reader: R) -> Result<gif::Decoder<R>, gif::DecodingError> {
    let mut options = gif::DecodeOptions::new();
    options.skip_frame_decoding(true);
    options.read_info(reader)
}

fn of_gif(error: &gif::DecodingError) -> String {
    match error {
        gif::DecodingError::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
            "the GIF ends before its image does".into()
        }
        error => format!("the GIF is damaged: {}", brief(error)),
    }
}
