//! Images one below the other, as a PNG.

use std::{io::Cursor, ops::Range};

use image::{ImageDecoder, ImageFormat, Limits, codecs::png::PngDecoder};

use crate::{
    data::ImageSet,
    raster::{Effort, png},
};

/// Most images of a strip, and most bytes of its pixels where it holds more than one.
const MOST_IMAGES: usize = 1024;
const MOST_BYTES: usize = 16 << 20;

/// A strip before it is encoded, or once it is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Strip {
    /// Its images, by their places in the part.
    pub images: Range<usize>,
    /// Sum of their heights.
    height: usize,
    /// The largest width. Right of a narrower image the strip is black.
    width: usize,
}

impl Strip {
    /// The strips of images of these sizes, `[height, width]`.
    pub fn all(sizes: &[[usize; 2]]) -> Vec<Self> {
        let mut strips: Vec<Self> = Vec::new();
        for (place, &[height, width]) in sizes.iter().enumerate() {
            if let Some(strip) = strips.last_mut().filter(|strip| strip.takes(height, width)) {
                strip.images.end += 1;
                strip.height += height;
                strip.width = strip.width.max(width);
            } else {
                strips.push(Self { images: place..place + 1, height, width });
            }
        }
        strips
    }

    fn takes(&self, height: usize, width: usize) -> bool {
        let bytes = (self.height + height) * self.width.max(width) * 3;
        self.images.len() < MOST_IMAGES && bytes <= MOST_BYTES
    }

    /// The strip as a PNG; `indices`: the images of the part.
    pub fn encode(&self, images: &ImageSet, indices: &[u32]) -> Result<Vec<u8>, String> {
        let mut pixels = vec![0; self.height * self.width * 3];
        let mut rows = pixels.chunks_exact_mut(self.width * 3);
        let mut buffer = Vec::new();
        for &index in &indices[self.images.clone()] {
            let image = images.read(index as usize, &mut buffer).map_err(|e| e.to_string())?;
            let own = image.data.chunks_exact(image.width * 3);
            own.zip(&mut rows).for_each(|(from, to)| to[..from.len()].copy_from_slice(from));
        }
        png(&pixels, [self.height, self.width], Effort::Small).map_err(|error| error.to_string())
    }

    /// Refuses a PNG of another size, from its header alone.
    pub fn check(&self, png: &[u8]) -> Result<(), String> {
        let decoder = PngDecoder::with_limits(Cursor::new(png), Limits::default());
        let (width, height) = decoder.map_err(|error| error.to_string())?.dimensions();
        match [height as usize, width as usize] == [self.height, self.width] {
            true => Ok(()),
            false => Err("a strip of images has another size than it should".into()),
        }
    }

    /// The pixels of a PNG that was checked into `out`, image after image; `sizes`: those of the strip's
    /// images.
    pub fn decode(&self, png: &[u8], sizes: &[[usize; 2]], out: &mut [u8]) -> Result<(), String> {
        let strip = image::load_from_memory_with_format(png, ImageFormat::Png);
        let strip = strip.map_err(|error| error.to_string())?.into_rgb8();
        if strip.as_raw().len() != self.height * self.width * 3 {
            return Err("a strip of images has another size than its header says".into());
        }
        let mut rows = strip.as_raw().chunks_exact(self.width * 3);
        let mut rest = out;
        for &[height, width] in sizes {
            let (image, behind) = rest.split_at_mut(height * width * 3);
            let own = image.chunks_exact_mut(width * 3);
            own.zip(&mut rows).for_each(|(to, from)| to.copy_from_slice(&from[..to.len()]));
            rest = behind;
        }
        Ok(())
    }
}
