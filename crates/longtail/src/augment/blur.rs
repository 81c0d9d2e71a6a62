use longtail_kernels::blur::{Weights, box_sum};

use super::Raster;

/// Box blurs that stand for a Gaussian.
const PASSES: u32 = 3;

/// Pillow's `GaussianBlur`: three extended box blurs along each axis, which a Gaussian of standard
/// deviation `sigma` (pixels) exceeds by a few levels at most. The border is extended by its pixels.
///
/// ```
/// use longtail::augment::{Raster, gaussian_blur};
///
/// let mut image = Raster::new(2, 2, &[90; 12]);
/// gaussian_blur(&mut image, &mut Raster::default(), 1.5);
/// assert_eq!(image.data, [90; 12]);
/// ```
pub fn gaussian_blur(image: &mut Raster, spare: &mut Raster, sigma: f64) {
    let radius = box_radius(sigma as f32);
    if radius <= 0.0 {
        return;
    }
    let kernel = Kernel::new(radius);
    for _ in 0..PASSES {
        along_rows(image, spare, kernel);
        std::mem::swap(image, spare);
    }
    for _ in 0..PASSES {
        along_columns(image, spare, kernel);
        std::mem::swap(image, spare);
    }
}

/// The box radius, with its fraction, of which three passes have the variance of the Gaussian.
fn box_radius(sigma: f32) -> f32 {
    let variance = sigma * sigma / PASSES as f32;
    let length = (12.0 * f64::from(variance) + 1.0).sqrt() as f32;
    let whole = ((f64::from(length) - 1.0) / 2.0).floor() as f32;
    let above = (2.0 * whole + 1.0) * (whole * (whole + 1.0) - 3.0 * variance);
    whole + above / (6.0 * (variance - (whole + 1.0) * (whole + 1.0)))
}

/// The whole pixels of a box radius, and the weights.
#[derive(Clone, Copy)]
struct Kernel {
    radius: usize,
    weights: Weights,
}

impl Kernel {
    fn new(radius: f32) -> Self {
        let one = 1_u32 << Weights::BITS;
        let inner = (one as f32 / (radius * 2.0 + 1.0)) as u32;
        let whole = radius as u32;
        let outer = (one - (whole * 2 + 1) * inner) / 2;
        Self { radius: whole as usize, weights: Weights { inner, outer } }
    }
}

fn along_rows(image: &Raster, out: &mut Raster, kernel: Kernel) {
    let (height, width, stride) = (image.height, image.width, image.stride());
    out.reset(height, width, 0);
    let reach = kernel.radius + 1;
    let mut padded = vec![0_u8; stride + 6 * reach];
    for (from, to) in image.data.chunks_exact(stride).zip(out.data.chunks_exact_mut(stride)) {
        for end in 0..reach {
            padded[end * 3..][..3].copy_from_slice(&from[..3]);
            padded[stride + (reach + end) * 3..][..3].copy_from_slice(&from[stride - 3..]);
        }
        padded[reach * 3..][..stride].copy_from_slice(from);
        combine(|tap| &padded[tap * 3..][..stride], to, kernel);
    }
}

fn along_columns(image: &Raster, out: &mut Raster, kernel: Kernel) {
    let (height, width, stride) = (image.height, image.width, image.stride());
    out.reset(height, width, 0);
    for (y, to) in out.data.chunks_exact_mut(stride).enumerate() {
        let row = |tap: usize| (y + tap).saturating_sub(kernel.radius + 1).min(height - 1);
        combine(|tap| &image.data[row(tap) * stride..][..stride], to, kernel);
    }
}

/// One row of the output from its taps, the first and last being the ends.
fn combine<'a>(tap: impl Fn(usize) -> &'a [u8], to: &mut [u8], kernel: Kernel) {
    let Kernel { radius, weights } = kernel;
    match radius {
        0 => box_sum(&std::array::from_fn::<_, 3, _>(tap), weights, to),
        1 => box_sum(&std::array::from_fn::<_, 5, _>(tap), weights, to),
        _ => box_sum(&(0..2 * radius + 3).map(tap).collect::<Vec<_>>(), weights, to),
    }
}
