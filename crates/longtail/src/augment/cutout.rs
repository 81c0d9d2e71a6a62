use rand::{Rng, RngExt};

/// A rectangle that Cutout blackens, cut to the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// First row.
    pub top: usize,
    /// Row behind the last.
    pub bottom: usize,
    /// First column.
    pub left: usize,
    /// Column behind the last.
    pub right: usize,
}

/// A square of `length` pixels around a centre that is uniform over the image (DeVries & Taylor
/// 2017), smaller near the border.
pub fn cutout([height, width]: [usize; 2], length: usize, rng: &mut impl Rng) -> Hole {
    let (y, x) = (rng.random_range(0..height), rng.random_range(0..width));
    let half = length / 2;
    Hole {
        top: y.saturating_sub(half),
        bottom: (y + half).min(height),
        left: x.saturating_sub(half),
        right: (x + half).min(width),
    }
}
