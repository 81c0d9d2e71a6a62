use rand::{Rng, RngExt};
use rand_distr::{Distribution, Normal};
use serde::{Deserialize, Serialize};

use super::{
    Filter, Raster, Warp, autocontrast, brightness, color, contrast, equalize, invert, posterize,
    sharpness, solarize, solarize_add,
};

/// The largest magnitude.
const LARGEST: f64 = 10.0;

/// RandAugment (Cubuk et al. 2020) as timm has it, and BCL's code for ImageNet: operators are drawn with replacement and
/// each is applied with a probability, at a magnitude that is drawn around a centre.
///
/// ```
/// use longtail::augment::{RandAugment, Raster};
/// use longtail::rng::{Purpose, stream};
///
/// let view = |epoch: u64| {
///     let (mut image, mut spare) = (Raster::new(2, 1, &[9, 80, 200, 255, 0, 3]), Raster::default());
///     RandAugment::default().apply(&mut image, &mut spare, &mut stream(0, Purpose::View, epoch, 0, 0));
///     image
/// };
/// // The same of the same stream, and not of every stream.
/// assert_eq!(view(0), view(0));
/// assert!((1..50).any(|epoch| view(epoch) != view(0)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RandAugment {
    /// n, operators drawn for an image.
    pub operations: usize,
    /// Probability that one that was drawn is applied.
    pub probability: f64,
    /// m, the mean of the magnitudes, which are cut to 0 to 10.
    pub magnitude: f64,
    /// Standard deviation of the magnitudes.
    pub deviation: f64,
    /// Red, green and blue of what rotations, shears and shifts bring in from outside.
    pub fill: [u8; 3],
}

impl Default for RandAugment {
    /// BCL's on ImageNet; the colour is ImageNet's mean.
    fn default() -> Self {
        Self {
            operations: 2,
            probability: 0.5,
            magnitude: 10.0,
            deviation: 0.5,
            fill: [124, 116, 104],
        }
    }
}

/// An operator of [`RandAugment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum RandOperation {
    Autocontrast,
    Equalize,
    Invert,
    Rotate,
    Posterize,
    Solarize,
    SolarizeAdd,
    Color,
    Contrast,
    Brightness,
    Sharpness,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
}

/// How strong an operator of [`RandAugment`] is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strength {
    /// 0 to 10.
    pub magnitude: f64,
    /// Whether rotations, shears and shifts go the other way.
    pub is_negative: bool,
    /// How those read the image.
    pub warp: Warp,
}

impl RandAugment {
    /// Draws the operators and applies them.
    pub fn apply(&self, image: &mut Raster, spare: &mut Raster, rng: &mut impl Rng) {
        for _ in 0..self.operations {
            let operation = RandOperation::ALL[rng.random_range(0..RandOperation::ALL.len())];
            if rng.random_bool(self.probability) {
                operation.apply(image, spare, self.strength(rng));
            }
        }
    }

    fn strength(&self, rng: &mut impl Rng) -> Strength {
        let around = Normal::new(self.magnitude, self.deviation);
        let magnitude = around.map_or(self.magnitude, |around| around.sample(rng));
        let is_negative = rng.random_bool(0.5);
        let filter = if rng.random_bool(0.5) { Filter::Bicubic } else { Filter::Bilinear };
        Strength {
            magnitude: magnitude.clamp(0.0, LARGEST),
            is_negative,
            warp: Warp { filter, fill: self.fill },
        }
    }
}

impl RandOperation {
    /// Those that [`RandAugment`] draws from, all as often.
    pub const ALL: [Self; 15] = [
        Self::Autocontrast,
        Self::Equalize,
        Self::Invert,
        Self::Rotate,
        Self::Posterize,
        Self::Solarize,
        Self::SolarizeAdd,
        Self::Color,
        Self::Contrast,
        Self::Brightness,
        Self::Sharpness,
        Self::ShearX,
        Self::ShearY,
        Self::TranslateX,
        Self::TranslateY,
    ];

    /// Applies the operator. The stronger, the less posterize and solarize change: that is how the reference has it.
    ///
    /// ```
    /// use longtail::augment::{Filter, RandOperation, Raster, Strength, Warp};
    ///
    /// let warp = Warp { filter: Filter::Bilinear, fill: [0; 3] };
    /// let strength = Strength { magnitude: 10.0, is_negative: false, warp };
    /// let (mut image, mut spare) = (Raster::new(1, 1, &[0b1111_1111, 100, 3]), Raster::default());
    /// RandOperation::Posterize.apply(&mut image, &mut spare, strength);
    /// assert_eq!(image.data, [0b1111_0000, 96, 0]);
    /// ```
    pub fn apply(self, image: &mut Raster, spare: &mut Raster, strength: Strength) {
        let Strength { magnitude, is_negative, warp } = strength;
        let share = magnitude / LARGEST;
        let signed = |most: f64| if is_negative { -share * most } else { share * most };
        let enhanced = share * 1.8 + 0.1;
        let (width, height) = (image.width as f64, image.height as f64);
        match self {
            Self::Autocontrast => autocontrast(image),
            Self::Equalize => equalize(image),
            Self::Invert => invert(image),
            Self::Rotate => warp.rotate(image, spare, signed(30.0)),
            Self::Posterize => posterize(image, (share * 4.0) as u32),
            Self::Solarize => solarize(image, (share * 256.0).floor()),
            Self::SolarizeAdd => solarize_add(image, (share * 110.0) as u8),
            Self::Color => color(image, enhanced),
            Self::Contrast => contrast(image, enhanced),
            Self::Brightness => brightness(image, enhanced),
            Self::Sharpness => sharpness(image, spare, enhanced),
            Self::ShearX => warp.shear_x(image, spare, signed(0.3)),
            Self::ShearY => warp.shear_y(image, spare, signed(0.3)),
            Self::TranslateX => warp.translate(image, spare, signed(0.45) * width, 0.0),
            Self::TranslateY => warp.translate(image, spare, 0.0, signed(0.45) * height),
        }
    }
}
