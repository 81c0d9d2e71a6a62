use longtail_kernels::color::turn_hue;
use rand::{Rng, RngExt, seq::SliceRandom};
use serde::{Deserialize, Serialize};

use super::{Raster, brightness, color, contrast};

/// torchvision's `ColorJitter`: the four adjustments in random order, each factor uniform around 1
/// (hue: around 0).
///
/// ```
/// use longtail::augment::{ColorJitter, Raster};
/// use longtail::rng::{Purpose, stream};
///
/// // Grey has no saturation and no hue, and no contrast where all of it is the same.
/// let jitter = ColorJitter { brightness: 0.0, ..ColorJitter::SIM };
/// let mut image = Raster::new(1, 2, &[90; 6]);
/// jitter.apply(&mut image, &mut stream(0, Purpose::View, 0, 0, 0));
/// assert_eq!(image.data, [90; 6]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ColorJitter {
    /// Half-width of the brightness factor.
    pub brightness: f64,
    /// Half-width of the contrast factor.
    pub contrast: f64,
    /// Half-width of the saturation factor.
    pub saturation: f64,
    /// Half-width of the hue shift, in turns.
    pub hue: f64,
}

impl ColorJitter {
    /// SimAugment's strengths.
    pub const SIM: Self = Self { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 };
    /// Those of the classifier's view of ImageNet.
    pub const IMAGENET: Self = Self { hue: 0.0, ..Self::SIM };

    /// Draws the order and the factors and applies them.
    pub fn apply(&self, image: &mut Raster, rng: &mut impl Rng) {
        let mut order = [0, 1, 2, 3];
        order.shuffle(rng);
        let mut around = |centre: f64, half: f64| rng.random_range(centre - half..=centre + half);
        let factors = [
            around(1.0, self.brightness),
            around(1.0, self.contrast),
            around(1.0, self.saturation),
            around(0.0, self.hue),
        ];
        for which in order {
            match which {
                0 => brightness(image, factors[0]),
                1 => contrast(image, factors[1]),
                2 => color(image, factors[2]),
                // The way through HSV rounds, so that no turn at all would still change the image.
                _ if self.hue == 0.0 => {}
                _ => adjust_hue(image, factors[3]),
            }
        }
    }
}

/// Turns the hue by `turns` (in [-0.5, 0.5]) through Pillow's 8-bit HSV.
///
/// ```
/// use longtail::augment::{Raster, adjust_hue};
///
/// // A third of a turn from red is green.
/// let mut image = Raster::new(1, 1, &[255, 0, 0]);
/// adjust_hue(&mut image, 1.0 / 3.0);
/// assert_eq!(image.data, [0, 255, 0]);
/// ```
pub fn adjust_hue(image: &mut Raster, turns: f64) {
    turn_hue(&mut image.data, (turns * 255.0) as i32 as u8);
}
