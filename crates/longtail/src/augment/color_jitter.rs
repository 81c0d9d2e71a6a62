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
    let shift = (turns * 255.0) as i32 as u8;
    let sectors: [(u8, f64); 256] = std::array::from_fn(|hue| {
        let turned = f64::from(hue as f32) * 6.0 / 255.0;
        (turned.floor() as u8 % 6, f64::from((turned - turned.floor()) as f32))
    });
    for pixel in image.data.chunks_exact_mut(3) {
        let [hue, saturation, value] = to_hsv(pixel[0], pixel[1], pixel[2]);
        let rgb = from_hsv(sectors[usize::from(hue.wrapping_add(shift))], saturation, value);
        pixel.copy_from_slice(&rgb);
    }
}

fn to_hsv(r: u8, g: u8, b: u8) -> [u8; 3] {
    let (max, min) = (r.max(g).max(b), r.min(g).min(b));
    if max == min {
        return [0, 0, max];
    }
    let range = f32::from(max - min);
    let saturation = range / f32::from(max);
    let distance = |v: u8| f32::from(max - v) / range;
    let (rc, gc, bc) = (distance(r), distance(g), distance(b));
    // Pillow computes these in double precision and keeps them in single precision.
    let sector = if r == max {
        bc - gc
    } else if g == max {
        (2.0 + f64::from(rc) - f64::from(bc)) as f32
    } else {
        (4.0 + f64::from(gc) - f64::from(rc)) as f32
    };
    let turned = f64::from(sector) / 6.0 + 1.0;
    let hue = (if turned >= 1.0 { turned - 1.0 } else { turned }) as f32;
    [(f64::from(hue) * 255.0) as u8, (f64::from(saturation) * 255.0) as u8, max]
}

fn from_hsv((sector, part): (u8, f64), saturation: u8, value: u8) -> [u8; 3] {
    let v = f64::from(value);
    let s = f64::from((f64::from(saturation) / 255.0) as f32);
    let p = (v * (1.0 - s)).round() as u8;
    let q = (v * (1.0 - s * part)).round() as u8;
    let t = (v * (1.0 - s * (1.0 - part))).round() as u8;
    match (saturation, sector) {
        (0, _) => [value; 3],
        (_, 0) => [value, t, p],
        (_, 1) => [q, value, p],
        (_, 2) => [p, value, t],
        (_, 3) => [p, q, value],
        (_, 4) => [t, p, value],
        _ => [value, p, q],
    }
}
