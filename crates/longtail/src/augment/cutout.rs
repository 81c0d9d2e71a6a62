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
///
/// ```
/// use longtail::augment::{Hole, cutout};
/// use longtail::rng::{Purpose, stream};
///
/// // Wherever the centre of a square of twice the side lies, it covers the image.
/// let hole = cutout([8, 8], 16, &mut stream(0, Purpose::View, 0, 0, 0));
/// assert_eq!(hole, Hole { top: 0, bottom: 8, left: 0, right: 8 });
/// ```
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
