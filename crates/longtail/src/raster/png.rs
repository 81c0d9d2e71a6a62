use image::{
    ExtendedColorType, ImageEncoder, ImageResult,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};

/// What an encoder of PNG takes time for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// A file soon.
    Quick,
    /// A small file.
    Small,
}

/// RGB bytes of `[height, width]` pixels, row by row, as a PNG.
pub(crate) fn png(pixels: &[u8], size: [usize; 2], effort: Effort) -> ImageResult<Vec<u8>> {
    let mut file = Vec::new();
    let encoder = match effort {
        Effort::Quick => PngEncoder::new(&mut file),
        Effort::Small => {
            PngEncoder::new_with_quality(&mut file, CompressionType::Best, FilterType::Adaptive)
        }
    };
    let [height, width] = size.map(|side| side as u32);
    encoder.write_image(pixels, width, height, ExtendedColorType::Rgb8)?;
    Ok(file)
}
