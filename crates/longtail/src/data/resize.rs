//! Decoded images of any size to what a set holds.

use super::{Data, decode::Decoded};
use crate::{
    choice::choice,
    raster::{CropBox, Raster, RasterRef, centre_crop_box, resample},
};

/// The longer side of a held image is at most so many times the shorter one.
const LONGEST: usize = 4;

choice! {
    /// How an image that is no square becomes one.
    Resize {
        /// The shorter side is brought to the size of a view, or to shorter_side, the aspect ratio kept; views are cropped
        /// out of that.
        Crop = "crop",
        /// Both sides are brought to the size of a view.
        Squash = "squash",
        /// Views to train on are cropped out of the whole image; to test, its shorter side is brought to shorter_side.
        Full = "full",
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

/// What images are brought to before views are cut out of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fitting {
    /// Height and width of a view.
    pub size: usize,
    /// What the shorter side is brought to, at least `size`; not looked at for [`Resize::Squash`].
    pub shorter_side: usize,
    /// How.
    pub how: Resize,
}

impl Fitting {
    /// For views of `size` × `size`, with the usual shorter side: that of the views, or 8 / 7 of it for
    /// [`Resize::Full`] (256 for 224), as torchvision's references test.
    ///
    /// ```
    /// use longtail::data::{Fitting, Resize};
    ///
    /// assert_eq!(Fitting::new(224, Resize::Full).shorter_side, 256);
    /// // As torchvision's `Resize(32)`.
    /// assert_eq!(Fitting::new(32, Resize::Crop).size_of([375, 500]), [32, 42]);
    /// ```
    pub fn new(size: usize, how: Resize) -> Self {
        let shorter_side = if how == Resize::Full { size * 8 / 7 } else { size };
        Self { size, shorter_side, how }
    }

    /// What a section asks for.
    pub fn of(data: &Data) -> Self {
        let usual = Self::new(data.image_size, data.resize);
        match data.shorter_side {
            0 => usual,
            shorter_side => Self { shorter_side, ..usual },
        }
    }

    /// The same of images that are only tested on: all are held as a test sees them.
    pub fn to_test(self) -> Self {
        match self.how {
            Resize::Full => Self { how: Resize::Crop, ..self },
            Resize::Crop | Resize::Squash => self,
        }
    }

    /// What the shorter side is brought to before the middle is tested on, where the images are not held so.
    pub fn test_side(&self) -> Option<usize> {
        (self.how == Resize::Full).then_some(self.shorter_side)
    }

    /// `[height, width]` that [`Fitting::fit`] gives an image of `image` pixels, `[height, width]`.
    ///
    /// Cropped, the shorter side becomes `shorter_side` and the longer one shorter_side · long / short without its
    /// fraction, as torchvision's `Resize` has it, and at most 4 · `shorter_side`.
    pub fn size_of(&self, image: [usize; 2]) -> [usize; 2] {
        match self.how {
            Resize::Squash => [self.size; 2],
            Resize::Crop => with_shorter_side(image, self.shorter_side),
            Resize::Full => image,
        }
    }

    /// The image as a set holds it, resampled as Pillow does it (bilinear, averaged where it shrinks); one that has
    /// that size keeps its bytes.
    ///
    /// Of a cropped image more than 4 times as long as it is wide, the middle is taken: what lies beyond would
    /// hardly be seen by a view, and a strip of a few rows would become a huge image.
    ///
    /// # Errors
    /// If the image has no pixels.
    pub fn fit(&self, image: &Decoded) -> Result<Fitted, String> {
        let whole = [image.height, image.width];
        if whole.contains(&0) {
            return Err("the image has no pixels".into());
        }
        let [height, width] = self.size_of(whole);
        if whole == [height, width] {
            return Ok(Fitted { height, width, pixels: image.pixels.clone() });
        }
        let crop = match self.how {
            Resize::Crop => middle(whole),
            Resize::Squash | Resize::Full => CropBox::whole(whole),
        };
        let (mut spare, mut out) = (Raster::default(), Raster::default());
        let image = RasterRef::new(whole, &image.pixels);
        resample(image, crop, [height, width], &mut spare, &mut out);
        Ok(Fitted { height, width, pixels: out.data })
    }
}

/// `[height, width]` of the [`middle`] of an image whose shorter side is brought to `side`.
pub(crate) fn with_shorter_side(image: [usize; 2], side: usize) -> [usize; 2] {
    let shorter = image[0].min(image[1]).max(1);
    image.map(|other| side * other.min(LONGEST * shorter) / shorter)
}

/// All of an image of `[height, width]`, or its middle where it is more than 4 times as long as it is wide.
pub(crate) fn middle(image: [usize; 2]) -> CropBox {
    let longest = LONGEST * image[0].min(image[1]);
    centre_crop_box(image, image.map(|side| side.min(longest)))
}
