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

/// Weights of 24 fractional bits: of the whole pixels, and of the two at the ends.
#[derive(Clone, Copy)]
struct Kernel {
    radius: usize,
    inner: u32,
    outer: u32,
}

impl Kernel {
    fn new(radius: f32) -> Self {
        let inner = ((1 << 24) as f32 / (radius * 2.0 + 1.0)) as u32;
        let whole = radius as u32;
        let outer = ((1 << 24) - (whole * 2 + 1) * inner) / 2;
        Self { radius: whole as usize, inner, outer }
    }

    #[inline]
    fn level(self, inside: u32, ends: u32) -> u8 {
        ((inside * self.inner + ends * self.outer + (1 << 23)) >> 24) as u8
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
        let taps: Vec<&[u8]> = (0..=2 * reach).map(|tap| &padded[tap * 3..][..stride]).collect();
        combine(&taps, to, kernel);
    }
}

fn along_columns(image: &Raster, out: &mut Raster, kernel: Kernel) {
    let (height, width, stride) = (image.height, image.width, image.stride());
    out.reset(height, width, 0);
    let reach = kernel.radius as isize + 1;
    let row = |y: isize| &image.data[y.clamp(0, height as isize - 1) as usize * stride..][..stride];
    for (y, to) in out.data.chunks_exact_mut(stride).enumerate() {
        let taps: Vec<&[u8]> = (-reach..=reach).map(|tap| row(y as isize + tap)).collect();
        combine(&taps, to, kernel);
    }
}

/// One row of the output from its taps, the first and last being the ends.
fn combine(taps: &[&[u8]], to: &mut [u8], kernel: Kernel) {
    match taps {
        [a, b, c] => {
            for (i, v) in to.iter_mut().enumerate() {
                *v = kernel.level(u32::from(b[i]), u32::from(a[i]) + u32::from(c[i]));
            }
        }
        [a, b, c, d, e] => {
            for (i, v) in to.iter_mut().enumerate() {
                let inside = u32::from(b[i]) + u32::from(c[i]) + u32::from(d[i]);
                *v = kernel.level(inside, u32::from(a[i]) + u32::from(e[i]));
            }
        }
        [first, inner @ .., last] => {
            for (i, v) in to.iter_mut().enumerate() {
                let inside = inner.iter().map(|tap| u32::from(tap[i])).sum();
                *v = kernel.level(inside, u32::from(first[i]) + u32::from(last[i]));
            }
        }
        _ => {}
    }
}
