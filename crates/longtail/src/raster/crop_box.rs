use rand::{Rng, RngExt};

/// A part of an image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CropBox {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl CropBox {
    /// All of an image of `[height, width]` pixels.
    pub fn whole([height, width]: [usize; 2]) -> Self {
        Self { top: 0, left: 0, height, width }
    }
}

/// torchvision's `RandomResizedCrop`: ten tries of an area share in `scale` and an aspect ratio in
/// `ratio` (uniform in its logarithm), else the largest centred crop within `ratio`.
///
/// ```
/// use longtail::augment::{CropBox, random_crop_box};
/// use longtail::rng::{Purpose, stream};
///
/// // Of the area 1/4 and square, it is 4 × 4 wherever it lies in 8 × 8.
/// let mut rng = stream(0, Purpose::View, 0, 0, 0);
/// let CropBox { top, left, height, width } =
///     random_crop_box([8, 8], [0.25, 0.25], [1.0, 1.0], &mut rng);
/// assert!([height, width] == [4, 4] && top <= 4 && left <= 4);
/// ```
pub fn random_crop_box(
    [height, width]: [usize; 2],
    scale: [f64; 2],
    ratio: [f64; 2],
    rng: &mut impl Rng,
) -> CropBox {
    let area = (height * width) as f64;
    for _ in 0..10 {
        let target = area * rng.random_range(scale[0]..=scale[1]);
        let aspect = rng.random_range(ratio[0].ln()..=ratio[1].ln()).exp();
        let crop_width = (target * aspect).sqrt().round_ties_even() as usize;
        let crop_height = (target / aspect).sqrt().round_ties_even() as usize;
        if (1..=width).contains(&crop_width) && (1..=height).contains(&crop_height) {
            return CropBox {
                top: rng.random_range(0..=height - crop_height),
                left: rng.random_range(0..=width - crop_width),
                height: crop_height,
                width: crop_width,
            };
        }
    }
    largest_within([height, width], ratio)
}

/// The largest centred crop whose aspect ratio lies in `ratio`, at least one pixel wide and high.
fn largest_within([height, width]: [usize; 2], ratio: [f64; 2]) -> CropBox {
    let aspect = width as f64 / height as f64;
    let (crop_height, crop_width) = if aspect < ratio[0] {
        (((width as f64 / ratio[0]).round_ties_even() as usize).min(height), width)
    } else if aspect > ratio[1] {
        (height, ((height as f64 * ratio[1]).round_ties_even() as usize).min(width))
    } else {
        (height, width)
    };
    CropBox {
        top: (height - crop_height) / 2,
        left: (width - crop_width) / 2,
        height: crop_height,
        width: crop_width,
    }
}

/// torchvision's `CenterCrop`: `size` pixels, `[height, width]`, in the middle of an image of
/// `image` pixels; halves of a pixel are rounded to even.
///
/// # Panics
/// If the crop is larger than the image: that is a programming error.
///
/// ```
/// use longtail::augment::{CropBox, centre_crop_box};
///
/// let middle = CropBox { top: 2, left: 0, height: 4, width: 4 };
/// assert_eq!(centre_crop_box([8, 4], [4, 4]), middle);
/// ```
pub fn centre_crop_box(image: [usize; 2], size: [usize; 2]) -> CropBox {
    assert!(size[0] <= image[0] && size[1] <= image[1], "the crop is larger than the image");
    let offset = |axis: usize| ((image[axis] - size[axis]) as f64 / 2.0).round_ties_even() as usize;
    CropBox { top: offset(0), left: offset(1), height: size[0], width: size[1] }
}
