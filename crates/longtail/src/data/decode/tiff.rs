//! TIFF through the crate `tiff`, without its JPEG decoder, which is not libjpeg-turbo's.

use std::io::{BufReader, Cursor, ErrorKind};

use image::{DynamicImage, ImageBuffer, Rgba, metadata::Orientation};
use tiff::{
    ColorType, TiffError, TiffUnsupportedError,
    decoder::{BufferLayoutPreference, ChunkType, Decoder, DecodingResult, Limits},
    tags::{CompressionMethod, PhotometricInterpretation, PlanarConfiguration, Tag},
};

use super::{LARGEST_IMAGE, Outline, Picture, Source, brief, check_size, cmyk};

/// Colours are stored multiplied with their opacity.
const ASSOCIATED_ALPHA: u32 = 1;

/// Reads the header of the first page.
pub(super) fn outline(reader: Source) -> Result<Outline, String> {
    let mut decoder = open(reader)?;
    let (width, height) = decoder.dimensions().map_err(sentence)?;
    let color = decoder.colortype().map_err(sentence)?;
    let planes: Option<u16> =
        decoder.find_tag_unsigned(Tag::PlanarConfiguration).map_err(sentence)?;
    let bits = u64::from(color.bit_depth()) * u64::from(color.num_samples());
    let row = (u64::from(width) * bits).div_ceil(8);
    let decoded = row.saturating_mul(u64::from(height));
    let in_pixels = match planes == Some(PlanarConfiguration::Planar.to_u16()) {
        true => decoded.saturating_mul(2),
        false => decoded,
    };
    // A row of a tile is held apart.
    let tile: Option<u32> = decoder.find_tag_unsigned(Tag::TileWidth).map_err(sentence)?;
    let tile_row = (u64::from(tile.unwrap_or(0)) * bits).div_ceil(8);
    // Samples of less than a byte are spread over one each.
    let spread = if bits < 8 { super::pixels(width, height) } else { 0 };
    let held = if matches!(color, ColorType::RGB(8)) { None } else { Some(decoded + spread) };
    let orientation = orientation(&mut decoder)?;
    Ok(Outline::new([width, height], orientation, in_pixels.saturating_add(tile_row), held))
}

pub(super) fn decode(bytes: &[u8]) -> Result<Picture, String> {
    let mut file = Cursor::new(bytes);
    let mut decoder = open(BufReader::new(&mut file))?;
    let orientation = orientation(&mut decoder)?;
    let color = decoder.colortype().map_err(sentence)?;
    let mut samples = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut samples).map_err(sentence)?;
    let size = decoder.dimensions().map_err(sentence)?;
    let mut image = image_of(size, color, samples, &layout)?;
    let extra: Option<u32> = decoder.find_tag_unsigned(Tag::ExtraSamples).map_err(sentence)?;
    if let (DynamicImage::ImageRgba8(image), Some(ASSOCIATED_ALPHA)) = (&mut image, extra) {
        image.pixels_mut().for_each(|Rgba(pixel)| *pixel = without_alpha(*pixel));
    }
    let mut notes = Vec::new();
    if decoder.more_images() {
        notes.push("has several pages: the first is used".into());
    }
    Ok(Picture { image, orientation, notes })
}

fn open(reader: Source) -> Result<Decoder<Source>, String> {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = LARGEST_IMAGE as usize;
    limits.intermediate_buffer_size = LARGEST_IMAGE as usize;
    let mut decoder = Decoder::new(reader).map_err(sentence)?.with_limits(limits);
    let (width, height) = decoder.dimensions().map_err(sentence)?;
    check_size(width, height, super::pixels(width, height).saturating_mul(3))?;
    // Raw files of cameras begin with a small preview.
    let kind: Option<u32> = decoder.find_tag_unsigned(Tag::NewSubfileType).map_err(sentence)?;
    if kind.is_some_and(|kind| kind & 1 == 1) {
        return Err(not_read("a preview, as in a camera's raw file"));
    }
    // The crate panics on these.
    let planes: Option<u16> =
        decoder.find_tag_unsigned(Tag::PlanarConfiguration).map_err(sentence)?;
    if planes == Some(PlanarConfiguration::Planar.to_u16())
        && decoder.get_chunk_type() == ChunkType::Tile
    {
        return Err(not_read("tiles of one colour each"));
    }
    Ok(decoder)
}

fn orientation(decoder: &mut Decoder<Source>) -> Result<Orientation, String> {
    let tag: Option<u32> = decoder.find_tag_unsigned(Tag::Orientation).map_err(sentence)?;
    let known = tag.and_then(|tag| Orientation::from_exif(tag.min(255) as u8));
    Ok(known.unwrap_or(Orientation::NoTransforms))
}

/// The sentence on a TIFF with `what` in it.
fn not_read(what: &str) -> String {
    format!("it is a TIFF with {what}, which is not read: save it as 8-bit PNG")
}

fn sentence(error: TiffError) -> String {
    use TiffUnsupportedError::{InterpretationWithBits, UnsupportedCompressionMethod};
    match error {
        TiffError::UnsupportedError(UnsupportedCompressionMethod(method)) => {
            let name = match method {
                CompressionMethod::JPEG | CompressionMethod::ModernJPEG => "JPEG".into(),
                CompressionMethod::Unknown(34925) => "LZMA".into(),
                other => format!("{other:?}"),
            };
            not_read(&format!("{name} compression"))
        }
        TiffError::UnsupportedError(InterpretationWithBits(colors, _)) => match colors {
            PhotometricInterpretation::RGBPalette => not_read("palette colours"),
            PhotometricInterpretation::CIELab => not_read("Lab colours"),
            other => not_read(&format!("{other:?} colours")),
        },
        TiffError::UnsupportedError(other) => {
            not_read(&format!("what this program cannot take ({})", brief(other)))
        }
        TiffError::LimitsExceeded => "the TIFF takes more than 1 GiB of memory".into(),
        TiffError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            "the TIFF ends before its image does".into()
        }
        other => format!("the TIFF is damaged: {}", brief(other)),
    }
}

fn image_of(
    (width, height): (u32, u32),
    color: ColorType,
    samples: DecodingResult,
    layout: &BufferLayoutPreference,
) -> Result<DynamicImage, String> {
    use DecodingResult::{U8, U16};
    let image = match (color, samples) {
        (ColorType::Gray(bits @ (1 | 2 | 4)), U8(packed)) => {
            let grey = spread(&packed, bits, width as usize);
            ImageBuffer::from_raw(width, height, grey).map(DynamicImage::ImageLuma8)
        }
        (_, U8(samples)) if color.bit_depth() == 8 => {
            of_bytes(width, height, color, pixelwise(samples, layout.planes))
        }
        (_, U16(samples)) if color.bit_depth() == 16 => {
            of_words(width, height, color, pixelwise(samples, layout.planes))
        }
        (_, other) => return Err(not_read(values(&other))),
    };
    image.ok_or_else(|| match color {
        ColorType::Multiband { num_samples, .. } => not_read(&format!("{num_samples} bands")),
        ColorType::YCbCr(_) => not_read("YCbCr colours"),
        ColorType::Lab(_) => not_read("Lab colours"),
        other => not_read(&format!("{other:?} colours")),
    })
}

/// What samples are that are not of 8 or 16 bits without sign.
fn values(samples: &DecodingResult) -> &'static str {
    use DecodingResult::*;
    match samples {
        F16(_) | F32(_) | F64(_) => "floating-point values",
        I8(_) | I16(_) | I32(_) | I64(_) => "signed values",
        U8(_) | U16(_) | U32(_) | U64(_) => "values of other than 8 or 16 bits",
    }
}

fn of_bytes(width: u32, height: u32, color: ColorType, samples: Vec<u8>) -> Option<DynamicImage> {
    use DynamicImage::*;
    match color {
        ColorType::Gray(_) => ImageBuffer::from_raw(width, height, samples).map(ImageLuma8),
        ColorType::Multiband { num_samples: 2, .. } => {
            ImageBuffer::from_raw(width, height, samples).map(ImageLumaA8)
        }
        ColorType::RGB(_) => ImageBuffer::from_raw(width, height, samples).map(ImageRgb8),
        ColorType::RGBA(_) => ImageBuffer::from_raw(width, height, samples).map(ImageRgba8),
        ColorType::CMYK(_) => {
            let pixels = samples.as_chunks().0.iter().copied().flat_map(cmyk::to_rgb).collect();
            ImageBuffer::from_raw(width, height, pixels).map(ImageRgb8)
        }
        _ => None,
    }
}

fn of_words(width: u32, height: u32, color: ColorType, samples: Vec<u16>) -> Option<DynamicImage> {
    use DynamicImage::*;
    match color {
        ColorType::Gray(_) => ImageBuffer::from_raw(width, height, samples).map(ImageLuma16),
        ColorType::Multiband { num_samples: 2, .. } => {
            ImageBuffer::from_raw(width, height, samples).map(ImageLumaA16)
        }
        ColorType::RGB(_) => ImageBuffer::from_raw(width, height, samples).map(ImageRgb16),
        ColorType::RGBA(_) => ImageBuffer::from_raw(width, height, samples).map(ImageRgba16),
        _ => None,
    }
}

/// A colour that was multiplied with its opacity, as it was.
fn without_alpha([red, green, blue, alpha]: [u8; 4]) -> [u8; 4] {
    let whole = |value: u8| match alpha {
        0 => value,
        _ => (255 * u32::from(value) / u32::from(alpha)).min(255) as u8,
    };
    [whole(red), whole(green), whole(blue), alpha]
}

/// Samples pixel by pixel, from planes one after the other.
fn pixelwise<T: Copy>(samples: Vec<T>, planes: usize) -> Vec<T> {
    if planes < 2 {
        return samples;
    }
    let pixels = samples.len() / planes;
    let places = (0..pixels).flat_map(|pixel| (0..planes).map(move |plane| plane * pixels + pixel));
    places.map(|place| samples[place]).collect()
}

/// Grey values of `bits` bits as bytes: white is 255. Rows begin on a byte.
fn spread(packed: &[u8], bits: u8, width: usize) -> Vec<u8> {
    let per_byte = usize::from(8 / bits);
    let white = u8::MAX >> (8 - bits);
    let value = |byte: u8, place: usize| (byte >> (8 - bits as usize * (place + 1))) & white;
    let row = |row: &[u8]| {
        (0..width)
            .map(|x| value(row[x / per_byte], x % per_byte) * (255 / white))
            .collect::<Vec<_>>()
    };
    packed.chunks_exact(width.div_ceil(per_byte)).flat_map(row).collect()
}
