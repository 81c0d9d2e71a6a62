//! Against Pillow's and torchvision's (`oracles/resize.json`, made by `oracles/resize.py`).

use longtail::{
    augment::{CropBox, Normalize, Raster, RasterRef, Scratch, View, resample},
    data::{Fitting, Resize},
    rng::{Purpose, stream},
};
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::photos::{decoded, pixels};

fn oracle(key: &str) -> Vec<Value> {
    let oracle: Value = serde_json::from_str(include_str!("../oracles/resize.json")).unwrap();
    oracle[key].as_array().unwrap().clone()
}

fn sides<const N: usize>(value: &Value) -> [usize; N] {
    serde_json::from_value::<Vec<usize>>(value.clone()).unwrap().try_into().unwrap()
}

fn sha(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).map(|b| format!("{b:02x}")).collect()
}

/// Part of an image, brought to a size; with what is left in memory from others.
fn resampled(image: RasterRef<'_>, crop: CropBox, size: [usize; 2], used: &mut Scraps) -> Vec<u8> {
    resample(image, crop, size, &mut used.spare, &mut used.out);
    assert_eq!([used.out.height, used.out.width], size);
    used.out.data.clone()
}

#[derive(Default)]
struct Scraps {
    spare: Raster,
    out: Raster,
}

#[test]
fn resampling_is_pillows_to_the_last_bit() {
    let mut used = Scraps::default();
    let cases = oracle("resize");
    assert_eq!(cases.len(), 140);
    for case in cases {
        let (from, to) = (sides(&case[0]), sides(&case[1]));
        let data = pixels(from);
        let image = RasterRef::new(from, &data);
        let seen = sha(&resampled(image, CropBox::whole(from), to, &mut used));
        assert_eq!(seen, case[2].as_str().unwrap(), "{from:?} to {to:?}");
    }
}

#[test]
fn a_part_is_resampled_as_if_there_was_nothing_around_it() {
    let mut used = Scraps::default();
    let cases = oracle("crop");
    assert_eq!(cases.len(), 60);
    for case in cases {
        let (from, [top, left, height, width]) = (sides(&case[0]), sides(&case[1]));
        let (crop, to) = (CropBox { top, left, height, width }, sides(&case[2]));
        let data = pixels(from);
        let seen = sha(&resampled(RasterRef::new(from, &data), crop, to, &mut used));
        assert_eq!(seen, case[3].as_str().unwrap(), "{crop:?} of {from:?} to {to:?}");
    }
}

/// The bytes that a test sees of an image of `size`.
fn seen_by_a_test(image: RasterRef<'_>, size: usize) -> Vec<u8> {
    let plain = Normalize { mean: [0.0; 3], std: [1.0; 3] };
    let mut out = vec![f32::NAN; size * size * 3];
    let mut rng = stream(0, Purpose::View, 0, 0, 0);
    View::Test
        .draw(&image, [size; 2], &plain, &mut rng, &mut Scratch::default(), &mut out)
        .unwrap();
    out.iter().map(|v| (v * 255.0).round() as u8).collect()
}

#[test]
fn a_test_sees_torchvisions_centre_of_the_resized_image() {
    let cases = oracle("centre");
    assert_eq!(cases.len(), 79);
    for case in cases {
        let (from, size) = (sides(&case[0]), case[1].as_u64().unwrap() as usize);
        let to = sides(&case[2]);
        assert_eq!(Fitting::new(size, Resize::Crop).size_of(from), to, "{from:?} to {size}");
        let fitted = Fitting::new(size, Resize::Crop).fit(&decoded(from)).unwrap();
        assert_eq!([fitted.height, fitted.width], to);
        assert_eq!(sha(&fitted.pixels), case[3].as_str().unwrap(), "{from:?} to {size}");
        let image = RasterRef::new(to, &fitted.pixels);
        let seen = sha(&seen_by_a_test(image, size));
        assert_eq!(seen, case[4].as_str().unwrap(), "the centre of {from:?} at {size}");
    }
}

#[test]
fn squashed_images_are_squares() {
    let mut used = Scraps::default();
    for from in [[375, 500], [1, 300], [40, 40], [32, 33]] {
        assert_eq!(Fitting::new(32, Resize::Squash).size_of(from), [32, 32]);
        let data = pixels(from);
        let image = RasterRef::new(from, &data);
        let expected = resampled(image, CropBox::whole(from), [32, 32], &mut used);
        assert_eq!(Fitting::new(32, Resize::Squash).fit(&decoded(from)).unwrap().pixels, expected);
    }
    for how in [Resize::Crop, Resize::Squash] {
        assert_eq!(Fitting::new(32, how).fit(&decoded([32, 32])).unwrap().pixels, pixels([32, 32]));
        assert!(Fitting::new(32, how).fit(&decoded([0, 3])).is_err());
    }
}

#[test]
fn of_a_strip_the_middle_is_held() {
    for (from, to) in [([10, 20_000], [32, 128]), ([20_000, 10], [128, 32]), ([1, 5], [8, 32])] {
        let size = to[0].min(to[1]);
        assert_eq!(Fitting::new(size, Resize::Crop).size_of(from), to);
    }
    // 40 columns from (120 - 40) / 2 on, as wide as four times the height.
    let mut used = Scraps::default();
    let data = pixels([10, 120]);
    let crop = CropBox { top: 0, left: 40, height: 10, width: 40 };
    let expected = resampled(RasterRef::new([10, 120], &data), crop, [16, 64], &mut used);
    let fitted = Fitting::new(16, Resize::Crop).fit(&decoded([10, 120])).unwrap();
    assert_eq!((fitted.height, fitted.width), (16, 64));
    assert_eq!(fitted.pixels, expected);
}

/// The triangle filter in f64 without any rounding.
fn reference(data: &[u8], from: [usize; 2], to: [usize; 2]) -> Vec<f64> {
    let weights = |from: usize, to: usize, at: usize| -> Vec<f64> {
        let scale = from as f64 / to as f64;
        let centre = (at as f64 + 0.5) * scale;
        let reach = scale.max(1.0);
        let triangle = |i: usize| (1.0 - (i as f64 + 0.5 - centre).abs() / reach).max(0.0);
        let all: Vec<f64> = (0..from).map(triangle).collect();
        let sum: f64 = all.iter().sum();
        all.into_iter().map(|weight| weight / sum).collect()
    };
    let mut out = Vec::new();
    for y in 0..to[0] {
        let rows = weights(from[0], to[0], y);
        for x in 0..to[1] {
            let columns = weights(from[1], to[1], x);
            for c in 0..3 {
                let at = |(i, j): (usize, usize)| f64::from(data[(i * from[1] + j) * 3 + c]);
                let all = (0..from[0]).flat_map(|i| (0..from[1]).map(move |j| (i, j)));
                out.push(all.map(|(i, j)| rows[i] * columns[j] * at((i, j))).sum());
            }
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Two roundings to bytes move a value by a level at most.
    #[test]
    fn resampling_lies_within_a_level_of_the_triangle_filter(
        from in [1..30_usize, 1..30_usize],
        to in [1..30_usize, 1..30_usize],
        seed in any::<u64>(),
    ) {
        let noise = |i: usize| (seed.wrapping_add(i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8;
        let data: Vec<u8> = (0..from[0] * from[1] * 3).map(noise).collect();
        let image = RasterRef::new(from, &data);
        let seen = resampled(image, CropBox::whole(from), to, &mut Scraps::default());
        for (seen, expected) in seen.iter().zip(reference(&data, from, to)) {
            prop_assert!((f64::from(*seen) - expected).abs() <= 1.0 + 1e-4, "{seen} for {expected}");
        }
    }

    /// The size that is told beforehand is the size that comes out, and covers the view.
    #[test]
    fn sizes_are_known_beforehand(
        from in [1..200_usize, 1..200_usize],
        size in 8..40_usize,
        squash in any::<bool>(),
    ) {
        let how = if squash { Resize::Squash } else { Resize::Crop };
        let fitted = Fitting::new(size, how).fit(&decoded(from)).unwrap();
        prop_assert_eq!([fitted.height, fitted.width], Fitting::new(size, how).size_of(from));
        prop_assert_eq!(fitted.pixels.len(), fitted.height * fitted.width * 3);
        prop_assert_eq!(fitted.height.min(fitted.width), size);
        prop_assert!(fitted.height.max(fitted.width) <= 4 * size);
    }
}
