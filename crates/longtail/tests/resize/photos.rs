//! The image that `oracles/resize.py` draws.

use std::{fs, path::Path};

use image::RgbImage;
use longtail::data::decode::Decoded;

/// Its bytes at `[height, width]`.
pub fn pixels([height, width]: [usize; 2]) -> Vec<u8> {
    let value = |y: usize, x: usize, c: usize| {
        let value = (7 * x * x + 13 * y * y + 5 * x * y + 91 * c + 37 * (x ^ y)) % 256;
        let extreme = if value >= 128 { 255 } else { 0 };
        (if (x / 8 + y / 8).is_multiple_of(5) { extreme } else { value }) as u8
    };
    let pixel = |y: usize, x: usize| [0, 1, 2].map(|c| value(y, x, c));
    (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(y, x))).collect()
}

pub fn decoded([height, width]: [usize; 2]) -> Decoded {
    Decoded { height, width, pixels: pixels([height, width]), notes: Vec::new() }
}

/// The image as a file.
pub fn write(path: &Path, size: [usize; 2]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let image = RgbImage::from_raw(size[1] as u32, size[0] as u32, pixels(size)).unwrap();
    image.save(path).unwrap();
}
