use rayon::prelude::*;

use super::{Hole, Raster};
use crate::data::{DataError, ImageSet};

/// Pixels whose constants are laid out side by side, so that the loop over bytes is one of vectors.
const LANE_PIXELS: usize = 16;
const LANES: usize = 3 * LANE_PIXELS;

/// Means and standard deviations of the colour channels, of values in [0, 1].
///
/// ```
/// use longtail::augment::{Normalize, Raster};
///
/// let normalize = Normalize { mean: [0.5; 3], std: [0.25; 3] };
/// let mut out = [0.0; 3];
/// normalize.apply(&Raster::new(1, 1, &[255, 0, 51]), None, &mut out);
/// assert_eq!(out[..2], [2.0, -2.0]);
/// assert!((out[2] - (0.2 - 0.5) / 0.25).abs() < 1e-6);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Normalize {
    /// Means.
    pub mean: [f32; 3],
    /// Standard deviations.
    pub std: [f32; 3],
}

impl Normalize {
    /// CIFAR-10's, which the field uses for CIFAR-100 as well.
    pub const CIFAR: Self = Self { mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.2010] };

    /// Of the images `indices` of a set, rounded to four digits; a channel that is all one value keeps its scale.
    ///
    /// ```
    /// use longtail::{augment::Normalize, data::ImageSet};
    ///
    /// let images = ImageSet::new(1, 1, vec![0, 51, 9, 255, 51, 9], vec![0, 1], Vec::new());
    /// let normalize = Normalize::of(&images, &[0, 1])?;
    /// assert_eq!((normalize.mean[..2].to_vec(), normalize.std), (vec![0.5, 0.2], [0.5, 1.0, 1.0]));
    /// # Ok::<(), longtail::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError`] if an image cannot be read.
    pub fn of(images: &ImageSet, indices: &[u32]) -> Result<Self, DataError> {
        let sums = |buffer: &mut Vec<u8>, &index: &u32| {
            let (mut sums, mut squares) = ([0_u64; 3], [0_u64; 3]);
            let image = images.read(index as usize, buffer)?.data;
            for pixel in image.chunks_exact(3) {
                for (channel, &value) in pixel.iter().enumerate() {
                    sums[channel] += u64::from(value);
                    squares[channel] += u64::from(value) * u64::from(value);
                }
            }
            Ok((sums, squares, image.len() as u64 / 3))
        };
        let add = |a: [u64; 3], b: [u64; 3]| std::array::from_fn(|i| a[i] + b[i]);
        let (sums, squares, count) = indices
            .par_iter()
            .map_init(Vec::new, sums)
            .try_reduce(Default::default, |a, b| Ok((add(a.0, b.0), add(a.1, b.1), a.2 + b.2)))?;
        let count = count.max(1) as f64;
        let rounded = |value: f64| ((value * 1e4).round() / 1e4) as f32;
        let mean = sums.map(|sum| sum as f64 / count);
        let variance = |i: usize| (squares[i] as f64 / count - mean[i] * mean[i]).max(0.0);
        let std = |i: usize| match rounded(variance(i).sqrt() / 255.0) {
            0.0 => 1.0,
            std => std,
        };
        Ok(Self { mean: mean.map(|mean| rounded(mean / 255.0)), std: std::array::from_fn(std) })
    }

    /// (v / 255 − mean) / std of every byte, a `hole` black before that.
    ///
    /// `out`: `[height, width, 3]`.
    pub fn apply(&self, image: &Raster, hole: Option<Hole>, out: &mut [f32]) {
        let mean: [f32; LANES] = std::array::from_fn(|i| self.mean[i % 3]);
        let std: [f32; LANES] = std::array::from_fn(|i| self.std[i % 3]);
        for (from, to) in image.data.chunks(LANES).zip(out.chunks_mut(LANES)) {
            for (i, (v, to)) in from.iter().zip(to).enumerate() {
                *to = (f32::from(*v) / 255.0 - mean[i]) / std[i];
            }
        }
        let Some(hole) = hole else { return };
        let black: [f32; 3] = std::array::from_fn(|c| (0.0 - self.mean[c]) / self.std[c]);
        for row in out.chunks_exact_mut(image.stride()).take(hole.bottom).skip(hole.top) {
            row[hole.left * 3..hole.right * 3]
                .chunks_exact_mut(3)
                .for_each(|pixel| pixel.copy_from_slice(&black));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_deviations_are_those_of_the_images_named() {
        // Two images of two pixels, and one that is left out.
        let pixels = vec![0, 10, 7, 255, 20, 7, 0, 30, 7, 255, 40, 7, 99, 99, 99, 99, 99, 99];
        let images = ImageSet::new(1, 2, pixels, vec![0, 1, 0], Vec::new());
        let Normalize { mean, std } = Normalize::of(&images, &[0, 1]).unwrap();
        assert_eq!(mean, [0.5, 0.098, 0.0275]);
        // 25 ± √125 of 255; a channel of one value has none.
        assert_eq!(std, [0.5, 0.0438, 1.0]);
    }
}
