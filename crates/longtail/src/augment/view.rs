use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{
    ColorJitter, CropBox, Normalize, Pixels, RandAugment, Raster, Unreadable, auto_augment,
    centre_crop_box, crop_padded, cutout, flip_horizontally, gaussian_blur, grayscale,
    random_crop_box,
};
use crate::data::{ImageSet, middle, with_shorter_side};

/// Aspect ratios of random crops, width by height.
const RATIO: [f64; 2] = [3.0 / 4.0, 4.0 / 3.0];

/// How a view is made of an image (`docs/method.md`).
///
/// ```
/// use longtail::augment::{Normalize, PlainConfig, RasterRef, Scratch, View};
/// use longtail::rng::{Purpose, stream};
///
/// let image = RasterRef::new([1, 2], &[0, 0, 0, 255, 255, 255]);
/// let view = View::Plain(PlainConfig { padding: 0.0, flip_p: 1.0, ..PlainConfig::default() });
/// let normalize = Normalize { mean: [0.5; 3], std: [0.5; 3] };
/// let (mut rng, mut out) = (stream(0, Purpose::View, 0, 0, 0), [0.0; 6]);
/// view.draw(&image, [1, 2], &normalize, &mut rng, &mut Scratch::default(), &mut out)?;
/// // Black and white have changed places.
/// assert_eq!(out, [1.0, 1.0, 1.0, -1.0, -1.0, -1.0]);
/// # Ok::<(), longtail::augment::Unreadable>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum View {
    /// The image itself, or its middle, normalised.
    Test,
    /// The middle of the image once its shorter side is brought to so many pixels, normalised.
    TestOfWhole {
        /// The pixels, no fewer than the view has.
        shorter_side: usize,
    },
    /// Crop and flip.
    Plain(PlainConfig),
    /// Random resized crop and flip.
    ResizedCrop(ResizedCropConfig),
    /// v1: crop, flip, AutoAugment, Cutout.
    Classifier(ClassifierConfig),
    /// v1 of ImageNet: random resized crop, flip, colour jitter, RandAugment.
    RandAugment(RandAugmentConfig),
    /// v2 and v3: SimAugment.
    Sim(SimConfig),
}

/// Crop and flip.
///
/// ```
/// # use longtail::{augment::*, rng::{Purpose, stream}};
/// # let draw = |view: View, image: &[u8], size: usize| {
/// #     let (image, normalize) = (RasterRef::new([2, 2], image), Normalize { mean: [0.0; 3], std: [1.0; 3] });
/// #     let (mut rng, mut out) = (stream(0, Purpose::View, 0, 0, 0), vec![9.0; size * size * 3]);
/// #     view.draw(&image, [size; 2], &normalize, &mut rng, &mut Scratch::default(), &mut out).unwrap();
/// #     out
/// # };
/// // Without padding and flip, a view of a white image of its size is that image.
/// let view = View::Plain(PlainConfig { padding: 0.0, flip_p: 0.0, ..PlainConfig::default() });
/// assert_eq!(draw(view, &[255; 12], 2), [1.0; 12]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlainConfig {
    /// Padding before the crop of an image that has the view's size, as a share of its shorter side.
    pub padding: f64,
    /// Smallest area of the crop of any other image, as a share of it.
    pub scale_min: f64,
    /// Probability of a flip.
    pub flip_p: f64,
}

/// Random resized crop and flip, of images of any size.
///
/// ```
/// # use longtail::{augment::*, rng::{Purpose, stream}};
/// # let draw = |view: View, image: &[u8], size: usize| {
/// #     let (image, normalize) = (RasterRef::new([2, 2], image), Normalize { mean: [0.0; 3], std: [1.0; 3] });
/// #     let (mut rng, mut out) = (stream(0, Purpose::View, 0, 0, 0), vec![9.0; size * size * 3]);
/// #     view.draw(&image, [size; 2], &normalize, &mut rng, &mut Scratch::default(), &mut out).unwrap();
/// #     out
/// # };
/// // Any crop of a white image of 2 × 2 is white, and so is one pixel that it is brought to.
/// let view = View::ResizedCrop(ResizedCropConfig::default());
/// assert_eq!(draw(view, &[255; 12], 1), [1.0; 3]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ResizedCropConfig {
    /// Smallest area of the crop, as a share of the image.
    pub scale_min: f64,
    /// Probability of a flip.
    pub flip_p: f64,
}

/// Crop, flip, AutoAugment and Cutout.
///
/// ```
/// # use longtail::{augment::*, rng::{Purpose, stream}};
/// # let draw = |view: View, image: &[u8], size: usize| {
/// #     let (image, normalize) = (RasterRef::new([2, 2], image), Normalize { mean: [0.0; 3], std: [1.0; 3] });
/// #     let (mut rng, mut out) = (stream(0, Purpose::View, 0, 0, 0), vec![9.0; size * size * 3]);
/// #     view.draw(&image, [size; 2], &normalize, &mut rng, &mut Scratch::default(), &mut out).unwrap();
/// #     out
/// # };
/// // A square of twice the view's side leaves nothing of it, wherever its centre lies.
/// let view = View::Classifier(ClassifierConfig { cutout: 2.0, ..ClassifierConfig::default() });
/// assert_eq!(draw(view, &[255; 12], 2), [0.0; 12]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassifierConfig {
    /// Crop and flip.
    pub plain: PlainConfig,
    /// Side of Cutout's square, as a share of the view's shorter side; 0: none.
    pub cutout: f64,
}

/// Random resized crop, flip, colour jitter and RandAugment.
///
/// ```
/// # use longtail::{augment::*, rng::{Purpose, stream}};
/// # let draw = |view: View, image: &[u8], size: usize| {
/// #     let (image, normalize) = (RasterRef::new([2, 2], image), Normalize { mean: [0.0; 3], std: [1.0; 3] });
/// #     let (mut rng, mut out) = (stream(0, Purpose::View, 0, 0, 0), vec![9.0; size * size * 3]);
/// #     view.draw(&image, [size; 2], &normalize, &mut rng, &mut Scratch::default(), &mut out).unwrap();
/// #     out
/// # };
/// // Of no operator, what is left is crop, flip and jitter, and a black image stays black.
/// let randaugment = RandAugment { operations: 0, ..RandAugment::default() };
/// let view = View::RandAugment(RandAugmentConfig { randaugment, ..RandAugmentConfig::default() });
/// assert_eq!(draw(view, &[0; 12], 2), [0.0; 12]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RandAugmentConfig {
    /// Crop and flip.
    pub crop: ResizedCropConfig,
    /// Colour jitter, of every view.
    pub jitter: ColorJitter,
    /// What follows it.
    pub randaugment: RandAugment,
}

/// SimAugment of PaCo, BCL and ConCutMix.
///
/// ```
/// # use longtail::{augment::*, rng::{Purpose, stream}};
/// # let draw = |view: View, image: &[u8], size: usize| {
/// #     let (image, normalize) = (RasterRef::new([2, 2], image), Normalize { mean: [0.0; 3], std: [1.0; 3] });
/// #     let (mut rng, mut out) = (stream(0, Purpose::View, 0, 0, 0), vec![9.0; size * size * 3]);
/// #     view.draw(&image, [size; 2], &normalize, &mut rng, &mut Scratch::default(), &mut out).unwrap();
/// #     out
/// # };
/// // A view that is always grey has one value on its three channels.
/// let view = View::Sim(SimConfig { gray_p: 1.0, ..SimConfig::default() });
/// let out = draw(view, &[250, 20, 30, 0, 90, 9, 7, 5, 255, 40, 40, 1], 2);
/// assert!(out.chunks(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SimConfig {
    /// Smallest area of the crop, as a share of the image.
    pub scale_min: f64,
    /// Probability of a flip.
    pub flip_p: f64,
    /// Probability of colour jitter.
    pub jitter_p: f64,
    /// Strengths of the colour jitter.
    pub jitter: ColorJitter,
    /// Probability of grey.
    pub gray_p: f64,
    /// Probability of blur.
    pub blur_p: f64,
    /// Range of the blur's standard deviation, in pixels.
    pub blur_sigma: [f64; 2],
    /// RandAugment at the end, of BCL's stacked view.
    pub randaugment: Option<RandAugment>,
}

impl Default for PlainConfig {
    fn default() -> Self {
        Self { padding: 4.0 / 32.0, scale_min: 0.5, flip_p: 0.5 }
    }
}

impl Default for ResizedCropConfig {
    fn default() -> Self {
        Self { scale_min: 0.5, flip_p: 0.5 }
    }
}

impl Default for ClassifierConfig {
    fn default() -> Self {
        Self { plain: PlainConfig::default(), cutout: 16.0 / 32.0 }
    }
}

impl Default for RandAugmentConfig {
    /// BCL's on ImageNet.
    fn default() -> Self {
        Self {
            crop: ResizedCropConfig { scale_min: 0.08, ..ResizedCropConfig::default() },
            jitter: ColorJitter::IMAGENET,
            randaugment: RandAugment::default(),
        }
    }
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            scale_min: 0.2,
            flip_p: 0.5,
            jitter_p: 0.8,
            jitter: ColorJitter::SIM,
            gray_p: 0.2,
            blur_p: 0.5,
            blur_sigma: [0.1, 2.0],
            randaugment: None,
        }
    }
}

/// Memory that a thread uses again from view to view.
#[derive(Debug, Default)]
pub struct Scratch {
    image: Raster,
    spare: Raster,
}

impl View {
    /// Draws one view of `image` into `out`, `size` being its `[height, width]`: bytes to normalised
    /// values, `[height, width, 3]`.
    ///
    /// The view is a function of the image and of what `rng` gives.
    ///
    /// # Errors
    /// [`Unreadable`] if the image's pixels cannot be had.
    ///
    /// # Panics
    /// If the image is smaller than a [`View::Test`]: that is a programming error.
    pub fn draw(
        &self,
        image: &dyn Pixels,
        size: [usize; 2],
        normalize: &Normalize,
        rng: &mut ChaCha8Rng,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) -> Result<(), Unreadable> {
        let Scratch { image: raster, spare } = scratch;
        let hole = match self {
            Self::Test => {
                image.resample(centre_crop_box(image.size(), size), size, spare, raster)?;
                None
            }
            Self::TestOfWhole { shorter_side } => {
                middle_of_whole(image, *shorter_side, size, raster, spare)?;
                None
            }
            Self::Plain(config) => {
                config.apply(image, size, raster, spare, rng)?;
                None
            }
            Self::ResizedCrop(config) => {
                config.apply(image, size, raster, spare, rng)?;
                None
            }
            Self::Classifier(config) => {
                config.plain.apply(image, size, raster, spare, rng)?;
                auto_augment(raster, spare, rng);
                let length = share_of(config.cutout, raster);
                (length > 0).then(|| cutout(size, length, rng))
            }
            Self::RandAugment(config) => {
                config.crop.apply(image, size, raster, spare, rng)?;
                config.jitter.apply(raster, rng);
                config.randaugment.apply(raster, spare, rng);
                None
            }
            Self::Sim(config) => {
                config.apply(image, size, raster, spare, rng)?;
                None
            }
        };
        normalize.apply(raster, hole, out);
        Ok(())
    }

    /// What a test sees of the images of a set.
    pub fn test_of(images: &ImageSet) -> Self {
        match images.test_side() {
            None => Self::Test,
            Some(shorter_side) => Self::TestOfWhole { shorter_side },
        }
    }
}

/// torchvision's `Resize(shorter_side)` and `CenterCrop(size)`, as images are held for [`View::Test`].
fn middle_of_whole(
    image: &dyn Pixels,
    shorter_side: usize,
    size: [usize; 2],
    out: &mut Raster,
    spare: &mut Raster,
) -> Result<(), Unreadable> {
    let fitted = with_shorter_side(image.size(), shorter_side);
    image.resample(middle(image.size()), fitted, spare, out)?;
    spare.copy_crop(out.borrowed(), centre_crop_box(fitted, size));
    std::mem::swap(out, spare);
    Ok(())
}

impl PlainConfig {
    fn apply(
        &self,
        image: &dyn Pixels,
        size: [usize; 2],
        out: &mut Raster,
        spare: &mut Raster,
        rng: &mut impl Rng,
    ) -> Result<(), Unreadable> {
        let Self { padding, scale_min, flip_p } = *self;
        if image.size() != size {
            return ResizedCropConfig { scale_min, flip_p }.apply(image, size, out, spare, rng);
        }
        image.resample(CropBox::whole(size), size, spare, out)?;
        let padding = share_of(padding, out);
        let (top, left) = (rng.random_range(0..=2 * padding), rng.random_range(0..=2 * padding));
        crop_padded(out, spare, padding, top, left);
        if rng.random_bool(flip_p) {
            flip_horizontally(out);
        }
        Ok(())
    }
}

impl ResizedCropConfig {
    fn apply(
        &self,
        image: &dyn Pixels,
        size: [usize; 2],
        out: &mut Raster,
        spare: &mut Raster,
        rng: &mut impl Rng,
    ) -> Result<(), Unreadable> {
        let crop = random_crop_box(image.size(), [self.scale_min, 1.0], RATIO, rng);
        image.resample(crop, size, spare, out)?;
        if rng.random_bool(self.flip_p) {
            flip_horizontally(out);
        }
        Ok(())
    }
}

impl SimConfig {
    fn apply(
        &self,
        image: &dyn Pixels,
        size: [usize; 2],
        out: &mut Raster,
        spare: &mut Raster,
        rng: &mut impl Rng,
    ) -> Result<(), Unreadable> {
        let Self { scale_min, flip_p, .. } = *self;
        ResizedCropConfig { scale_min, flip_p }.apply(image, size, out, spare, rng)?;
        if rng.random_bool(self.jitter_p) {
            self.jitter.apply(out, rng);
        }
        if rng.random_bool(self.gray_p) {
            grayscale(out);
        }
        if rng.random_bool(self.blur_p) {
            let [low, high] = self.blur_sigma;
            gaussian_blur(out, spare, rng.random_range(low..=high));
        }
        if let Some(randaugment) = &self.randaugment {
            randaugment.apply(out, spare, rng);
        }
        Ok(())
    }
}

/// Pixels of a share of the shorter side.
fn share_of(share: f64, image: &Raster) -> usize {
    (share * image.height.min(image.width) as f64).round() as usize
}
