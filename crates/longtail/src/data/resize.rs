//! Decoded images of any size to what a set holds.

use super::decode::Decoded;
use crate::{
    choice::choice,
    raster::{CropBox, Raster, RasterRef, centre_crop_box, resample},
};

/// The longer side of a held image is at most so many times the shorter one.
const LONGEST: usize = 4;

choice! {
    /// How an image that is no square becomes one.
    Resize {
        /// The shorter side is brought to the size of a view, the aspect ratio kept; views are cropped
        /// out of that.
        Crop = "crop",
        /// Both sides are brought to the size of a view.
        Squash = "squash",
    }
}

/// An image as a set holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// RGB bytes, `[height, width, 3]`.
    pub pixels: Vec<u8>,
}

/// `[height, width]` that [`fit`] gives an image of `image` pixels, `[height, width]`, for views of
/// `size` × `size`.
///
/// Cropped, the shorter side becomes `size` and the longer one size · long / short without its
/// fraction, as torchvision's `Resize` has it, and at most 4 · `size`.
pub fn fitted_size(image: [usize; 2], size: usize, how: Resize) -> [usize; 2] {
    let shorter = image[0].min(image[1]).max(1);
    match how {
        Resize::Squash => [size; 2],
        Resize::Crop => image.map(|side| size * side.min(LONGEST * shorter) / shorter),
    }
}

/// The image as a set of `size` × `size` views holds it, resampled as Pillow does it (bilinear,
/// averaged where it shrinks); one that has that size keeps its bytes.
///
/// Of an image more than 4 times as long as it is wide, the middle is taken: what lies beyond would
/// hardly be seen by a view, and a strip of a few rows would become a huge image.
///
/// # Errors
/// If the image has no pixels.
pub fn fit(image: &Decoded, size: usize, how: Resize) -> Result<Fitted, String> {
    let whole = [image.height, image.width];
    if whole.contains(&0) {
        return Err("the image has no pixels".into());
    }
    let [height, width] = fitted_size(whole, size, how);
    if whole == [height, width] {
        return Ok(Fitted { height, width, pixels: image.pixels.clone() });
    }
    let crop = match how {
        Resize::Squash => CropBox::whole(whole),
        Resize::Crop => {
            let longest = LONGEST * whole[0].min(whole[1]);
            centre_crop_box(whole, whole.map(|side| side.min(longest)))
        }
    };
    let (mut spare, mut out) = (Raster::default(), Raster::default());
    let image = RasterRef::new(whole, &image.pixels);
    resample(image, crop, [height, width], &mut spare, &mut out);
    Ok(Fitted { height, width, pixels: out.data })
}
