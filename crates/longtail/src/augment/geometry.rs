//! Crops, flips, and Pillow's affine transforms as AutoAugment has them.

use super::{Filter, Raster, Warp, warp::Turn};

/// What stands where an affine transform reaches outside of the image.
const FILL: u8 = 128;
/// How shears read the image.
const SHEAR: Warp = Warp { filter: Filter::Bicubic, fill: [FILL; 3] };

/// The image padded by `padding` black pixels on every side and cropped back to its size at
/// (`top`, `left`).
///
/// ```
/// use longtail::augment::{Raster, crop_padded};
///
/// let mut image = Raster::new(1, 2, &[9, 9, 9, 7, 7, 7]);
/// crop_padded(&mut image, &mut Raster::default(), 1, 1, 0);
/// assert_eq!(image.data, [0, 0, 0, 9, 9, 9]);
/// ```
pub fn crop_padded(
    image: &mut Raster,
    spare: &mut Raster,
    padding: usize,
    top: usize,
    left: usize,
) {
    let (height, width, stride) = (image.height, image.width, image.stride());
    spare.reset(height, width, 0);
    let columns = padding.saturating_sub(left)..(width + padding - left).min(width);
    for y in padding.saturating_sub(top)..(height + padding - top).min(height) {
        let from = (y + top - padding) * stride + (columns.start + left - padding) * 3;
        let to = y * stride + columns.start * 3;
        let bytes = columns.len() * 3;
        spare.data[to..to + bytes].copy_from_slice(&image.data[from..from + bytes]);
    }
    std::mem::swap(image, spare);
}

/// Left becomes right.
///
/// ```
/// use longtail::augment::{Raster, flip_horizontally};
///
/// let mut image = Raster::new(1, 2, &[1, 2, 3, 4, 5, 6]);
/// flip_horizontally(&mut image);
/// assert_eq!(image.data, [4, 5, 6, 1, 2, 3]);
/// ```
pub fn flip_horizontally(image: &mut Raster) {
    let stride = image.stride();
    for row in image.data.chunks_exact_mut(stride.max(1)) {
        let (pixels, _) = row.as_chunks_mut::<3>();
        pixels.reverse();
    }
}

/// Reads at (x + `shear` · y, y), bicubic.
pub fn shear_x(image: &mut Raster, spare: &mut Raster, shear: f64) {
    SHEAR.shear_x(image, spare, shear);
}

/// Reads at (x, y + `shear` · x), bicubic.
pub fn shear_y(image: &mut Raster, spare: &mut Raster, shear: f64) {
    SHEAR.shear_y(image, spare, shear);
}

/// Reads at (x + `dx`, y + `dy`) pixels, nearest.
///
/// ```
/// use longtail::augment::{Raster, translate};
///
/// // What comes from outside of the image is grey.
/// let mut image = Raster::new(1, 2, &[1, 2, 3, 4, 5, 6]);
/// translate(&mut image, &mut Raster::default(), 1.0, 0.0);
/// assert_eq!(image.data, [4, 5, 6, 128, 128, 128]);
/// ```
pub fn translate(image: &mut Raster, spare: &mut Raster, dx: f64, dy: f64) {
    let (height, width, stride) = (image.height, image.width, image.stride());
    spare.reset(height, width, FILL);
    let source = |to: usize, offset: f64, size: usize| {
        let from = to as f64 + 0.5 + offset;
        (from >= 0.0 && from < size as f64).then_some(from as usize)
    };
    for y in 0..height {
        let Some(from_y) = source(y, dy, height) else { continue };
        let row = &image.data[from_y * stride..][..stride];
        for x in 0..width {
            let Some(from_x) = source(x, dx, width) else { continue };
            let to = y * stride + x * 3;
            spare.data[to..to + 3].copy_from_slice(&row[from_x * 3..from_x * 3 + 3]);
        }
    }
    std::mem::swap(image, spare);
}

/// Turns counter-clockwise by `degrees` about the centre, nearest, in Pillow's 16-bit fixed point.
///
/// ```
/// use longtail::augment::{Raster, rotate};
///
/// let mut image = Raster::new(2, 2, &[[1; 3], [2; 3], [3; 3], [4; 3]].concat());
/// rotate(&mut image, &mut Raster::default(), 90.0);
/// assert_eq!(image.data, [[2; 3], [4; 3], [1; 3], [3; 3]].concat());
/// ```
pub fn rotate(image: &mut Raster, spare: &mut Raster, degrees: f64) {
    if degrees.rem_euclid(360.0) == 0.0 {
        return;
    }
    let (height, width, stride) = (image.height, image.width, image.stride());
    let Turn { cos, sin, offset: [offset_x, offset_y] } = Turn::new(image, degrees);
    let fix = |v: f64| (v * 65536.0 + 0.5).floor() as i64;
    let mut start_x = fix(offset_x + cos * 0.5 + sin * 0.5);
    let mut start_y = fix(offset_y + -sin * 0.5 + cos * 0.5);
    let (cos, sin, minus_sin) = (fix(cos), fix(sin), fix(-sin));
    spare.reset(height, width, FILL);
    for row in spare.data.chunks_exact_mut(stride) {
        let (mut x, mut y) = (start_x, start_y);
        for pixel in row.chunks_exact_mut(3) {
            let (from_x, from_y) = (x >> 16, y >> 16);
            if (0..width as i64).contains(&from_x) && (0..height as i64).contains(&from_y) {
                let from = from_y as usize * stride + from_x as usize * 3;
                pixel.copy_from_slice(&image.data[from..from + 3]);
            }
            x += cos;
            y += minus_sin;
        }
        start_x += sin;
        start_y += cos;
    }
    std::mem::swap(image, spare);
}
