//! Crops, flips and Pillow's affine transforms.

use super::Raster;

/// What stands where an affine transform reaches outside of the image.
const FILL: u8 = 128;

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
    bicubic_affine(image, spare, |x, y| (x + shear * y, y));
}

/// Reads at (x, y + `shear` · x), bicubic.
pub fn shear_y(image: &mut Raster, spare: &mut Raster, shear: f64) {
    bicubic_affine(image, spare, |x, y| (x, shear * x + y));
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
    let angle = -degrees.rem_euclid(360.0).to_radians();
    let round = |v: f64| (v * 1e15).round() / 1e15;
    let (cos, sin) = (round(angle.cos()), round(angle.sin()));
    let (cx, cy) = (width as f64 / 2.0, height as f64 / 2.0);
    let fix = |v: f64| (v * 65536.0 + 0.5).floor() as i64;
    let offset_x = cos * -cx + sin * -cy + cx;
    let offset_y = -sin * -cx + cos * -cy + cy;
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

/// Every pixel read at `source` of its centre, with Pillow's bicubic filter.
fn bicubic_affine(image: &mut Raster, spare: &mut Raster, source: impl Fn(f64, f64) -> (f64, f64)) {
    let (height, width, stride) = (image.height, image.width, image.stride());
    spare.reset(height, width, FILL);
    for y in 0..height {
        for x in 0..width {
            let (from_x, from_y) = source(x as f64 + 0.5, y as f64 + 0.5);
            let inside =
                from_x >= 0.0 && from_x < width as f64 && from_y >= 0.0 && from_y < height as f64;
            if inside {
                let pixel = bicubic(image, from_x - 0.5, from_y - 0.5);
                spare.data[y * stride + x * 3..][..3].copy_from_slice(&pixel);
            }
        }
    }
    std::mem::swap(image, spare);
}

fn bicubic(image: &Raster, x: f64, y: f64) -> [u8; 3] {
    let (left, top) = (x.floor(), y.floor());
    let (dx, dy) = (x - left, y - top);
    let (left, top) = (left as i64 - 1, top as i64 - 1);
    let clip = |v: i64, size: usize| v.clamp(0, size as i64 - 1) as usize;
    let columns = [0, 1, 2, 3].map(|i| clip(left + i, image.width) * 3);
    let rows = [0, 1, 2, 3].map(|i| clip(top + i, image.height) * image.stride());
    std::array::from_fn(|channel| {
        let at = |row: usize| {
            cubic(columns.map(|column| f64::from(image.data[row + column + channel])), dx)
        };
        cubic(rows.map(at), dy) as u8
    })
}

fn cubic([a, b, c, d]: [f64; 4], at: f64) -> f64 {
    let slope = c - a;
    let square = 2.0 * (a - b) + c - d;
    let cube = -a + b - c + d;
    b + at * (slope + at * (square + at * cube))
}
