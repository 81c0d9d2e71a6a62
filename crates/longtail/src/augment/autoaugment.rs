use rand::{Rng, RngExt};

use super::{
    Raster, autocontrast, brightness, color, contrast, equalize, invert, posterize, rotate,
    sharpness, shear_x, shear_y, solarize, translate,
};

/// An operator of AutoAugment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Operation {
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Color,
    Posterize,
    Solarize,
    Contrast,
    Sharpness,
    Brightness,
    Autocontrast,
    Equalize,
    Invert,
}

use Operation::{
    Autocontrast, Brightness, Color, Contrast, Equalize, Invert, Posterize, Rotate, Sharpness,
    ShearX, ShearY, Solarize, TranslateX, TranslateY,
};

/// Two steps of (probability, operator, magnitude index 0..=9).
type SubPolicy = [(f64, Operation, usize); 2];

/// The CIFAR-10 policy (Cubuk et al. 2019, as the reference code has it).
pub const POLICIES: [SubPolicy; 25] = [
    [(0.1, Invert, 7), (0.2, Contrast, 6)],
    [(0.7, Rotate, 2), (0.3, TranslateX, 9)],
    [(0.8, Sharpness, 1), (0.9, Sharpness, 3)],
    [(0.5, ShearY, 8), (0.7, TranslateY, 9)],
    [(0.5, Autocontrast, 8), (0.9, Equalize, 2)],
    [(0.2, ShearY, 7), (0.3, Posterize, 7)],
    [(0.4, Color, 3), (0.6, Brightness, 7)],
    [(0.3, Sharpness, 9), (0.7, Brightness, 9)],
    [(0.6, Equalize, 5), (0.5, Equalize, 1)],
    [(0.6, Contrast, 7), (0.6, Sharpness, 5)],
    [(0.7, Color, 7), (0.5, TranslateX, 8)],
    [(0.3, Equalize, 7), (0.4, Autocontrast, 8)],
    [(0.4, TranslateY, 3), (0.2, Sharpness, 6)],
    [(0.9, Brightness, 6), (0.2, Color, 8)],
    [(0.5, Solarize, 2), (0.0, Invert, 3)],
    [(0.2, Equalize, 0), (0.6, Autocontrast, 0)],
    [(0.2, Equalize, 8), (0.6, Equalize, 4)],
    [(0.9, Color, 9), (0.6, Equalize, 6)],
    [(0.8, Autocontrast, 4), (0.2, Solarize, 8)],
    [(0.1, Brightness, 3), (0.7, Color, 0)],
    [(0.4, Solarize, 5), (0.9, Autocontrast, 3)],
    [(0.9, TranslateY, 9), (0.7, TranslateY, 9)],
    [(0.9, Autocontrast, 2), (0.8, Solarize, 3)],
    [(0.8, Equalize, 8), (0.1, Invert, 3)],
    [(0.7, TranslateY, 9), (0.9, Autocontrast, 1)],
];

/// Bits kept by posterize at each magnitude index.
const POSTERIZE_BITS: [u32; 10] = [8, 8, 7, 7, 6, 6, 5, 5, 4, 4];

/// Applies a sub-policy that is uniform over [`POLICIES`].
///
/// ```
/// use longtail::augment::{Raster, auto_augment};
/// use longtail::rng::{Purpose, stream};
///
/// let view = |epoch: u64| {
///     let (mut image, mut spare) = (Raster::new(2, 1, &[9, 80, 200, 255, 0, 3]), Raster::default());
///     auto_augment(&mut image, &mut spare, &mut stream(0, Purpose::View, epoch, 0, 0));
///     image
/// };
/// // The same of the same stream, and not of every stream.
/// assert_eq!(view(0), view(0));
/// assert!((1..50).any(|epoch| view(epoch) != view(0)));
/// ```
pub fn auto_augment(image: &mut Raster, spare: &mut Raster, rng: &mut impl Rng) {
    let policy = POLICIES[rng.random_range(0..POLICIES.len())];
    for (probability, operation, index) in policy {
        if rng.random_bool(probability) {
            operation.apply(image, spare, index, rng);
        }
    }
}

impl Operation {
    /// Applies the operator at a magnitude index. Shears, translations and enhancements draw their
    /// sign; rotation is always counter-clockwise, as in the reference code.
    ///
    /// ```
    /// use longtail::augment::{Operation, Raster};
    /// use longtail::rng::{Purpose, stream};
    ///
    /// let (mut image, mut spare) = (Raster::new(1, 1, &[0, 100, 255]), Raster::default());
    /// let mut rng = stream(0, Purpose::View, 0, 0, 0);
    /// Operation::Invert.apply(&mut image, &mut spare, 0, &mut rng);
    /// assert_eq!(image.data, [255, 155, 0]);
    /// ```
    pub fn apply(self, image: &mut Raster, spare: &mut Raster, index: usize, rng: &mut impl Rng) {
        let share = index as f64 / 9.0;
        let mut signed =
            |most: f64| if rng.random_bool(0.5) { share * most } else { -share * most };
        match self {
            ShearX => shear_x(image, spare, signed(0.3)),
            ShearY => shear_y(image, spare, signed(0.3)),
            TranslateX => {
                let pixels = signed(150.0 / 331.0) * image.width as f64;
                translate(image, spare, pixels, 0.0);
            }
            TranslateY => {
                let pixels = signed(150.0 / 331.0) * image.height as f64;
                translate(image, spare, 0.0, pixels);
            }
            Rotate => rotate(image, spare, 30.0 * share),
            Color => color(image, 1.0 + signed(0.9)),
            Contrast => contrast(image, 1.0 + signed(0.9)),
            Sharpness => sharpness(image, spare, 1.0 + signed(0.9)),
            Brightness => brightness(image, 1.0 + signed(0.9)),
            Posterize => posterize(image, POSTERIZE_BITS[index]),
            Solarize => solarize(image, 256.0 - 256.0 * share),
            Autocontrast => autocontrast(image),
            Equalize => equalize(image),
            Invert => invert(image),
        }
    }
}
