use super::{Hole, Raster};

/// Pixels whose constants are laid out side by side, so that the loop over bytes is one of vectors.
const LANE_PIXELS: usize = 16;
const LANES: usize = 3 * LANE_PIXELS;

/// Means and standard deviations of the colour channels, of values in [0, 1].
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
