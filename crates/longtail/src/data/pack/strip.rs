//! Images of one size, one below the other, as a PNG.

use std::io::Cursor;

use image::{
    ColorType, ImageEncoder, ImageFormat, ImageReader,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};

use crate::data::ImageSet;

/// The images `indices` as one PNG.
pub(super) fn encode(images: &ImageSet, indices: &[u32]) -> Result<Vec<u8>, String> {
    let pixels: Vec<u8> =
        indices.iter().flat_map(|&index| images.image(index as usize)).copied().collect();
    let mut png = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut png, CompressionType::Best, FilterType::Adaptive);
    let (width, height) = (images.width() as u32, (indices.len() * images.height()) as u32);
    encoder
        .write_image(&pixels, width, height, ColorType::Rgb8.into())
        .map_err(|error| error.to_string())?;
    Ok(png)
}

/// Refuses a PNG that is not `width` wide or has not `bytes` bytes of pixels, from its header alone.
pub(super) fn check(png: &[u8], width: usize, bytes: usize) -> Result<(), String> {
    let reader = ImageReader::with_format(Cursor::new(png), ImageFormat::Png);
    let size = reader.into_dimensions().map_err(|error| error.to_string())?;
    match size.0 as usize == width && size.0 as usize * size.1 as usize * 3 == bytes {
        true => Ok(()),
        false => Err("a strip of images has another size than it should".into()),
    }
}

/// The pixels of a PNG into `out`, whose size was checked.
pub(super) fn decode(png: &[u8], out: &mut [u8]) -> Result<(), String> {
    let reader = ImageReader::with_format(Cursor::new(png), ImageFormat::Png);
    let image = reader.decode().map_err(|error| error.to_string())?.into_rgb8();
    if image.as_raw().len() != out.len() {
        return Err("a strip of images has another size than its header says".into());
    }
    out.copy_from_slice(image.as_raw());
    Ok(())
}
