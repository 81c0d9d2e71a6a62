//! Pillow's `ImageEnhance`: blends with a degenerate image; factor 1 leaves the image as it is.

use longtail_kernels::color::{luma, luma_sum, saturate};

use super::Raster;

/// Blends with black.
///
/// ```
/// use longtail::augment::{Raster, brightness};
///
/// let mut image = Raster::new(1, 1, &[0, 100, 200]);
/// brightness(&mut image, 0.5);
/// assert_eq!(image.data, [0, 50, 100]);
/// ```
pub fn brightness(image: &mut Raster, factor: f64) {
    blend_all(image, 0, factor as f32);
}

/// Blends with the image's mean grey.
///
/// ```
/// use longtail::augment::{Raster, contrast};
///
/// let mut image = Raster::new(1, 2, &[0, 0, 0, 100, 100, 100]);
/// contrast(&mut image, 0.0);
/// assert_eq!(image.data, [50; 6]);
/// ```
pub fn contrast(image: &mut Raster, factor: f64) {
    let pixels = image.data.len() / 3;
    let mean = (luma_sum(&image.data) as f64 / pixels.max(1) as f64 + 0.5) as u8;
    blend_all(image, mean, factor as f32);
}

/// Blends with the grey image: saturation.
///
/// ```
/// use longtail::augment::{Raster, color};
///
/// // The luma of red is 0.299 · 255.
/// let mut image = Raster::new(1, 1, &[255, 0, 0]);
/// color(&mut image, 0.0);
/// assert_eq!(image.data, [76; 3]);
/// ```
pub fn color(image: &mut Raster, factor: f64) {
    saturate(&mut image.data, factor as f32);
}

/// Blends with the image smoothed by a 3×3 kernel (centre 5, others 1, over 13), whose border is
/// the image's own.
///
/// ```
/// use longtail::augment::{Raster, sharpness};
///
/// // One level of 13 in the middle of a black image: smoothed, its pixel is 5.
/// let mut image = Raster::new(3, 3, &[[0; 12].as_slice(), &[13; 3], &[0; 12]].concat());
/// sharpness(&mut image, &mut Raster::default(), 0.0);
/// assert_eq!(image.data[12..15], [5; 3]);
/// ```
pub fn sharpness(image: &mut Raster, spare: &mut Raster, factor: f64) {
    let factor = factor as f32;
    spare.copy_from(image.borrowed());
    let stride = image.stride();
    for y in 1..image.height.saturating_sub(1) {
        let rows = &spare.data[(y - 1) * stride..(y + 2) * stride];
        let (above, rest) = rows.split_at(stride);
        let (centre, below) = rest.split_at(stride);
        let inner = 3..stride.max(6) - 3;
        for x in inner {
            let around =
                |row: &[u8]| u32::from(row[x - 3]) + u32::from(row[x]) + u32::from(row[x + 3]);
            let sum = around(above) + around(centre) + around(below) + 4 * u32::from(centre[x]);
            let smooth = ((2 * sum + 13) / 26) as u8;
            image.data[y * stride + x] = blend(smooth, centre[x], factor);
        }
    }
}

/// Grey on all three channels.
///
/// ```
/// use longtail::augment::{Raster, grayscale};
///
/// let mut image = Raster::new(1, 1, &[255, 0, 0]);
/// grayscale(&mut image);
/// assert_eq!(image.data, [76; 3]);
/// ```
pub fn grayscale(image: &mut Raster) {
    for pixel in image.data.as_chunks_mut::<3>().0 {
        *pixel = [luma(*pixel); 3];
    }
}

/// Blends every byte with one.
fn blend_all(image: &mut Raster, from: u8, factor: f32) {
    let blended: [u8; 256] = std::array::from_fn(|to| blend(from, to as u8, factor));
    image.data.iter_mut().for_each(|v| *v = blended[usize::from(*v)]);
}

/// from + factor · (to − from), cut to a byte, fractions dropped; in f32 as Pillow has it.
#[inline]
fn blend(from: u8, to: u8, factor: f32) -> u8 {
    let (from, to) = (i16::from(from), i16::from(to));
    (f32::from(from) + factor * f32::from(to - from)) as u8
}
