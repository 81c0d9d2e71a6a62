//! Operators that map every byte by a table of its channel.

use super::Raster;

type Table = [u8; 256];

/// 255 − v.
///
/// ```
/// use longtail::augment::{Raster, invert};
///
/// let mut image = Raster::new(1, 1, &[0, 100, 255]);
/// invert(&mut image);
/// assert_eq!(image.data, [255, 155, 0]);
/// ```
pub fn invert(image: &mut Raster) {
    image.data.iter_mut().for_each(|v| *v = 255 - *v);
}

/// Keeps the `bits` highest bits of every byte.
///
/// ```
/// use longtail::augment::{Raster, posterize};
///
/// let mut image = Raster::new(1, 1, &[0b1011_0110, 64, 127]);
/// posterize(&mut image, 2);
/// assert_eq!(image.data, [0b1000_0000, 64, 64]);
/// ```
pub fn posterize(image: &mut Raster, bits: u32) {
    let mask = !(0xff_u16 >> bits.min(8)) as u8;
    image.data.iter_mut().for_each(|v| *v &= mask);
}

/// Inverts the bytes that are not below `threshold`.
///
/// ```
/// use longtail::augment::{Raster, solarize};
///
/// let mut image = Raster::new(1, 1, &[99, 100, 255]);
/// solarize(&mut image, 100.0);
/// assert_eq!(image.data, [99, 155, 0]);
/// ```
pub fn solarize(image: &mut Raster, threshold: f64) {
    // A byte is below the threshold exactly if it is below its ceiling.
    let limit = threshold.ceil().clamp(0.0, 256.0) as u16;
    image.data.iter_mut().for_each(|v| *v = if u16::from(*v) < limit { *v } else { 255 - *v });
}

/// Adds to the bytes below 128, up to 255.
///
/// ```
/// use longtail::augment::{Raster, solarize_add};
///
/// let mut image = Raster::new(1, 1, &[0, 127, 128]);
/// solarize_add(&mut image, 110);
/// assert_eq!(image.data, [110, 237, 128]);
/// ```
pub fn solarize_add(image: &mut Raster, added: u8) {
    image.data.iter_mut().filter(|v| **v < 128).for_each(|v| *v = v.saturating_add(added));
}

/// Stretches every channel from its darkest and brightest value to 0 and 255.
///
/// ```
/// use longtail::augment::{Raster, autocontrast};
///
/// let mut image = Raster::new(1, 3, &[10, 0, 7, 20, 255, 7, 60, 51, 7]);
/// autocontrast(&mut image);
/// assert_eq!(image.data, [0, 0, 7, 51, 255, 7, 255, 51, 7]);
/// ```
pub fn autocontrast(image: &mut Raster) {
    let histograms = histograms(image);
    apply(image, &histograms.map(|histogram| stretch(&histogram)));
}

/// Flattens the histogram of every channel.
pub fn equalize(image: &mut Raster) {
    let histograms = histograms(image);
    apply(image, &histograms.map(|histogram| flatten(&histogram)));
}

fn stretch(histogram: &[u32; 256]) -> Table {
    let low = histogram.iter().position(|&count| count > 0).unwrap_or(0);
    let high = histogram.iter().rposition(|&count| count > 0).unwrap_or(0);
    if high <= low {
        return identity();
    }
    let scale = 255.0 / (high - low) as f64;
    let offset = -(low as f64) * scale;
    std::array::from_fn(|v| (v as f64 * scale + offset) as u8)
}

fn flatten(histogram: &[u32; 256]) -> Table {
    let last = histogram.iter().rev().find(|&&count| count > 0).copied().unwrap_or(0);
    let step = (histogram.iter().sum::<u32>() - last) / 255;
    if step == 0 {
        return identity();
    }
    let mut reached = step / 2;
    std::array::from_fn(|v| {
        let level = reached / step;
        reached += histogram[v];
        level.min(255) as u8
    })
}

fn identity() -> Table {
    std::array::from_fn(|v| v as u8)
}

fn histograms(image: &Raster) -> [[u32; 256]; 3] {
    let mut histograms = [[0; 256]; 3];
    for pixel in image.data.chunks_exact(3) {
        for (histogram, &v) in histograms.iter_mut().zip(pixel) {
            histogram[usize::from(v)] += 1;
        }
    }
    histograms
}

fn apply(image: &mut Raster, tables: &[Table; 3]) {
    for pixel in image.data.chunks_exact_mut(3) {
        for (v, table) in pixel.iter_mut().zip(tables) {
            *v = table[usize::from(*v)];
        }
    }
}
