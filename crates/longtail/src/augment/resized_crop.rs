use rand::{Rng, RngExt};

use super::Raster;

/// Bits behind the point in Pillow's resampling weights.
const PRECISION: u32 = 32 - 8 - 2;

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

/// torchvision's `RandomResizedCrop`: ten tries of an area share in `scale` and an aspect ratio in
/// `ratio` (uniform in its logarithm), else the largest centred crop within `ratio`.
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
    centred([height, width], ratio)
}

fn centred([height, width]: [usize; 2], ratio: [f64; 2]) -> CropBox {
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

/// The crop brought back to the image's own size with Pillow's antialiased bilinear filter: columns
/// first, then rows, each rounded to bytes. `spare` is used on the way.
pub fn resized_crop(image: &mut Raster, spare: &mut Raster, crop: CropBox) {
    let (height, width) = (image.height, image.width);
    columns(image, spare, crop, width);
    rows(spare, image, height);
}

/// Pillow's weights of the inputs of one output: where they start, and the fixed-point values.
struct Weights {
    first: usize,
    values: [i32; Weights::MOST],
    count: usize,
}

impl Weights {
    /// A crop is never enlarged by the view, so the filter is at most two inputs wide on each side
    /// of its centre; shrinking needs none, because a crop is no larger than the output.
    const MOST: usize = 4;
}

fn weights(input: usize, output: usize, at: usize) -> Weights {
    let scale = input as f64 / output as f64;
    let centre = (at as f64 + 0.5) * scale;
    let first = (centre - 1.0 + 0.5).max(0.0) as usize;
    let end = ((centre + 1.0 + 0.5) as usize).min(input);
    let count = end - first;
    let triangle = |i: usize| (1.0 - ((i + first) as f64 - centre + 0.5).abs()).max(0.0);
    let sum: f64 = (0..count).map(triangle).sum();
    let fixed = |i: usize| (0.5 + triangle(i) / sum * f64::from(1 << PRECISION)) as i32;
    let mut values = [0; Weights::MOST];
    values.iter_mut().enumerate().take(count).for_each(|(i, value)| *value = fixed(i));
    Weights { first, values, count }
}

fn columns(image: &Raster, out: &mut Raster, crop: CropBox, width: usize) {
    out.reset(crop.height, width, 0);
    let stride = image.stride();
    let weights: Vec<Weights> = (0..width).map(|x| weights(crop.width, width, x)).collect();
    for y in 0..crop.height {
        let from = &image.data[(crop.top + y) * stride + crop.left * 3..][..crop.width * 3];
        let to = &mut out.data[y * width * 3..][..width * 3];
        if crop.width == width {
            to.copy_from_slice(from);
            continue;
        }
        for (pixel, weights) in to.chunks_exact_mut(3).zip(&weights) {
            let mut sums = [1 << (PRECISION - 1); 3];
            let inputs = from[weights.first * 3..].chunks_exact(3).zip(weights.values);
            for (input, weight) in inputs.take(weights.count) {
                (0..3).for_each(|c| sums[c] += i32::from(input[c]) * weight);
            }
            (0..3).for_each(|c| pixel[c] = (sums[c] >> PRECISION).clamp(0, 255) as u8);
        }
    }
}

fn rows(image: &Raster, out: &mut Raster, height: usize) {
    let stride = image.stride();
    out.reset(height, image.width, 0);
    if image.height == height {
        out.data.copy_from_slice(&image.data);
        return;
    }
    for (y, to) in out.data.chunks_exact_mut(stride).enumerate() {
        let weights = weights(image.height, height, y);
        let row = |i: usize| &image.data[(weights.first + i.min(weights.count - 1)) * stride..];
        let [a, b, c] = [row(0), row(1), row(2)];
        let [wa, wb, wc, _] = weights.values;
        for (x, v) in to.iter_mut().enumerate() {
            let sum = (1 << (PRECISION - 1))
                + i32::from(a[x]) * wa
                + i32::from(b[x]) * wb
                + i32::from(c[x]) * wc;
            *v = (sum >> PRECISION).clamp(0, 255) as u8;
        }
    }
}
