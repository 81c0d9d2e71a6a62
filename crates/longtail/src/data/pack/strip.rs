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

/// The pixels of a PNG of `width` into `out`, which they have to fill.
pub(super) fn decode(png: &[u8], width: usize, out: &mut [u8]) -> Result<(), String> {
    let reader = ImageReader::with_format(Cursor::new(png), ImageFormat::Png);
    let image = reader.decode().map_err(|error| error.to_string())?.into_rgb8();
    if image.width() as usize != width || image.as_raw().len() != out.len() {
        return Err("a strip of images has another size than it should".into());
    }
    out.copy_from_slice(image.as_raw());
    Ok(())
}
