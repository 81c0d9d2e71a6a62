use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{
    ColorJitter, Normalize, Raster, auto_augment, crop_padded, cutout, flip_horizontally,
    gaussian_blur, grayscale, random_crop_box, resized_crop,
};

/// How a view is made of an image (`docs/method.md`).
#[derive(Debug, Clone, PartialEq)]
pub enum View {
    /// The image itself, normalised.
    Test,
    /// Crop and flip.
    Plain(PlainConfig),
    /// v1: crop, flip, AutoAugment, Cutout.
    Classifier(ClassifierConfig),
    /// v2 and v3: SimAugment.
    Sim(SimConfig),
}

/// Crop and flip.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlainConfig {
    /// Padding before the crop, as a share of the image's shorter side.
    pub padding: f64,
    /// Probability of a flip.
    pub flip_p: f64,
}

/// Crop, flip, AutoAugment and Cutout.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassifierConfig {
    /// Crop and flip.
    pub plain: PlainConfig,
    /// Side of Cutout's square, as a share of the image's shorter side; 0: none.
    pub cutout: f64,
}

/// SimAugment of PaCo, BCL and ConCutMix.
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
}

impl Default for PlainConfig {
    fn default() -> Self {
        Self { padding: 4.0 / 32.0, flip_p: 0.5 }
    }
}

impl Default for ClassifierConfig {
    fn default() -> Self {
        Self { plain: PlainConfig::default(), cutout: 16.0 / 32.0 }
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
    /// Draws one view of `image` into `out`, both `[height, width, 3]`: bytes to normalised values.
    ///
    /// The view is a function of the image and of what `rng` gives.
    #[allow(clippy::too_many_arguments)]
    pub fn draw(
        &self,
        image: &[u8],
        height: usize,
        width: usize,
        normalize: &Normalize,
        rng: &mut ChaCha8Rng,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) {
        let Scratch { image: raster, spare } = scratch;
        raster.copy_from(height, width, image);
        let hole = match self {
            Self::Test => None,
            Self::Plain(config) => {
                config.apply(raster, spare, rng);
                None
            }
            Self::Classifier(config) => {
                config.plain.apply(raster, spare, rng);
                auto_augment(raster, spare, rng);
                let length = share_of(config.cutout, raster);
                (length > 0).then(|| cutout([height, width], length, rng))
            }
            Self::Sim(config) => {
                config.apply(raster, spare, rng);
                None
            }
        };
        normalize.apply(raster, hole, out);
    }
}

impl PlainConfig {
    fn apply(&self, image: &mut Raster, spare: &mut Raster, rng: &mut impl Rng) {
        let padding = share_of(self.padding, image);
        let (top, left) = (rng.random_range(0..=2 * padding), rng.random_range(0..=2 * padding));
        crop_padded(image, spare, padding, top, left);
        if rng.random_bool(self.flip_p) {
            flip_horizontally(image);
        }
    }
}

impl SimConfig {
    fn apply(&self, image: &mut Raster, spare: &mut Raster, rng: &mut impl Rng) {
        let size = [image.height, image.width];
        let crop = random_crop_box(size, [self.scale_min, 1.0], [3.0 / 4.0, 4.0 / 3.0], rng);
        resized_crop(image, spare, crop);
        if rng.random_bool(self.flip_p) {
            flip_horizontally(image);
        }
        if rng.random_bool(self.jitter_p) {
            self.jitter.apply(image, rng);
        }
        if rng.random_bool(self.gray_p) {
            grayscale(image);
        }
        if rng.random_bool(self.blur_p) {
            let [low, high] = self.blur_sigma;
            gaussian_blur(image, spare, rng.random_range(low..=high));
        }
    }
}

/// Pixels of a share of the shorter side.
fn share_of(share: f64, image: &Raster) -> usize {
    (share * image.height.min(image.width) as f64).round() as usize
}
