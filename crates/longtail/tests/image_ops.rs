//! The operators against Pillow's and torchvision's (`oracles/image_ops.json`), and the policies
//! against their probabilities.

#[path = "image_ops/randaugment.rs"]
mod randaugment;

use longtail::augment::{
    ClassifierConfig, CropBox, Normalize, POLICIES, PlainConfig, RandAugmentConfig, Raster,
    RasterRef, ResizedCropConfig, Scratch, SimConfig, View, adjust_hue, autocontrast, brightness,
    color, contrast, crop_padded, cutout, equalize, flip_horizontally, gaussian_blur, grayscale,
    invert, posterize, random_crop_box, resample, rotate, sharpness, shear_x, shear_y, solarize,
    translate,
};
use longtail::rng::{Purpose, stream};
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

const SIZE: usize = 32;

fn formula_image() -> Raster {
    let mut data = Vec::new();
    for y in 0..SIZE as i32 {
        for x in 0..SIZE as i32 {
            let [r, g, b] = [8 * x + 3 * y, x * x + 7 * y, 255 - 4 * y + x * y];
            data.extend([r, g, b].map(|v| v.rem_euclid(256) as u8));
        }
    }
    Raster::new(SIZE, SIZE, &data)
}

/// Every word of `name` that is a number, such as 0.1 or idx9 or h20.
fn numbers(name: &str) -> Vec<f64> {
    name.split([' ', '(', ')'])
        .map(|word| word.trim_start_matches(|c: char| c.is_ascii_alphabetic()))
        .filter_map(|word| word.trim_end_matches("deg").parse().ok())
        .collect()
}

/// Applies the operator that an entry of the oracle is named after.
fn apply(name: &str, image: &mut Raster) {
    let mut spare = Raster::default();
    let n = numbers(name);
    let sign = if name.contains(" -") { -1.0 } else { 1.0 };
    let pixels = |index: f64| sign * 150.0 / 331.0 * index / 9.0 * SIZE as f64;
    let first = name.split(' ').next().unwrap();
    match first {
        "identity" => {}
        "shearX" => shear_x(image, &mut spare, sign * 0.3 * 4.0 / 9.0),
        "shearY" => shear_y(image, &mut spare, sign * 0.3 * 8.0 / 9.0),
        "translateX" => translate(image, &mut spare, pixels(n[0]), 0.0),
        "translateY" => translate(image, &mut spare, 0.0, pixels(n[0])),
        "rotate" => rotate(image, &mut spare, 30.0 * n[0] / 9.0),
        "color" => color(image, n[0]),
        "contrast" => contrast(image, n[0]),
        "brightness" => brightness(image, n[0]),
        "sharpness" => sharpness(image, &mut spare, n[0]),
        "posterize" => posterize(image, n[0] as u32),
        "solarize" => solarize(image, n[0]),
        "autocontrast" | "equalize" => {
            if name.contains("v//3+40") {
                image.data.iter_mut().for_each(|v| *v = *v / 3 + 40);
            }
            if first == "equalize" { equalize(image) } else { autocontrast(image) }
        }
        "invert" => invert(image),
        "resized_crop" => {
            let [top, left, height, width] = [n[0], n[1], n[2], n[3]].map(|v| v as usize);
            let crop = CropBox { top, left, height, width };
            let whole = image.clone();
            resample(whole.borrowed(), crop, [SIZE, SIZE], &mut spare, image);
        }
        "tv" => match name.split(' ').nth(1).unwrap() {
            "adjust_brightness" => brightness(image, n[0]),
            "adjust_contrast" => contrast(image, n[0]),
            "adjust_saturation" => color(image, n[0]),
            "adjust_hue" => adjust_hue(image, n[0]),
            other => panic!("{other} is not tested"),
        },
        "grayscale" => grayscale(image),
        "hflip" => flip_horizontally(image),
        "GaussianBlur" => gaussian_blur(image, &mut spare, n[0]),
        "pad4" => crop_padded(image, &mut spare, 4, n[1] as usize, n[2] as usize),
        other => panic!("{other} is not tested"),
    }
}

#[test]
fn operators_are_pillows_to_the_last_bit() {
    let oracle: Value = serde_json::from_str(include_str!("oracles/image_ops.json")).unwrap();
    let mut deviating = Vec::new();
    for (name, expected) in oracle["ops"].as_object().unwrap() {
        let mut image = formula_image();
        apply(name, &mut image);
        let hash = Sha256::digest(&image.data);
        let hash: String = hash.iter().take(8).map(|b| format!("{b:02x}")).collect();
        if hash != expected["sha"].as_str().unwrap() {
            let at = |y: usize, x: usize| &image.data[(y * SIZE + x) * 3..][..3];
            let seen = [at(0, 0), at(5, 9), at(16, 16), at(31, 31)];
            deviating.push(format!("{name}: {seen:?} instead of {}", expected["px"]));
        }
    }
    assert!(deviating.is_empty(), "{}", deviating.join("\n"));
    assert_eq!(oracle["ops"].as_object().unwrap().len(), 57);
}

#[test]
fn normalising_is_torchvisions() {
    let oracle: Value = serde_json::from_str(include_str!("oracles/image_ops.json")).unwrap();
    let mut out = vec![0.0; SIZE * SIZE * 3];
    Normalize::CIFAR.apply(&formula_image(), None, &mut out);
    let expected = |key: &str| oracle["normalise"][key].as_f64().unwrap();
    let at = |c: usize, y: usize, x: usize| f64::from(out[(y * SIZE + x) * 3 + c]);
    for (actual, key) in [
        (at(0, 0, 0), "chw[0][0][0]"),
        (at(1, 5, 9), "chw[1][5][9]"),
        (at(2, 31, 31), "chw[2][31][31]"),
    ] {
        assert!((actual - expected(key)).abs() < 1e-6, "{key}: {actual}");
    }
    let sum: f64 = out.iter().map(|v| f64::from(*v)).sum();
    assert!((sum - expected("sum")).abs() < 1e-2, "{sum}");
}

const DRAWS: usize = 20_000;

/// `count` of [`DRAWS`] lies within 5 standard deviations of the binomial.
#[track_caller]
fn assert_probability(what: &str, count: usize, p: f64) {
    let n = DRAWS as f64;
    let tolerance = 5.0 * (n * p * (1.0 - p)).sqrt() + 1e-9;
    assert!((count as f64 - n * p).abs() <= tolerance, "{what}: {count} of {DRAWS} for {p}");
}

/// How often `view` leaves a mark that `seen` recognises in the image `data`.
fn count(view: &View, data: &[u8], side: usize, seen: impl Fn(&[f32]) -> bool) -> usize {
    let plain = Normalize { mean: [0.0; 3], std: [1.0; 3] };
    let (mut scratch, mut out) = (Scratch::default(), vec![0.0; side * side * 3]);
    let mut draw = |i: usize| {
        let mut rng = stream(1, Purpose::View, 0, i as u64, 0);
        let image = RasterRef::new([side; 2], data);
        view.draw(&image, [side; 2], &plain, &mut rng, &mut scratch, &mut out).unwrap();
        seen(&out)
    };
    (0..DRAWS).filter(|&i| draw(i)).count()
}

/// SimAugment with everything switched off but what the test looks at.
fn only(change: impl Fn(&mut SimConfig)) -> View {
    let mut config = SimConfig {
        scale_min: 1.0,
        flip_p: 0.0,
        jitter_p: 0.0,
        gray_p: 0.0,
        blur_p: 0.0,
        ..SimConfig::default()
    };
    change(&mut config);
    View::Sim(config)
}

#[test]
fn random_choices_have_their_probabilities() {
    let default = SimConfig::default();
    let side = 4;
    // Left half red, right half black.
    let halves: Vec<u8> =
        (0..side * side).flat_map(|i| [if i % side < 2 { 200 } else { 0 }, 0, 0]).collect();
    let right_is_red = |out: &[f32]| out[3 * 3] > 0.5;
    let no_crop = PlainConfig { padding: 0.0, ..PlainConfig::default() };
    let flips = count(&View::Plain(no_crop), &halves, side, right_is_red);
    assert_probability("flip of v1", flips, 0.5);
    // The box is all of the image only when its aspect allows, so red may be blurred, not lost.
    let flips = count(&only(|c| c.flip_p = default.flip_p), &halves, side, right_is_red);
    assert_probability("flip of v2", flips, 0.5);

    let red: Vec<u8> = [200, 10, 10].repeat(side * side);
    let grey = |out: &[f32]| out[0] == out[1] && out[1] == out[2];
    let greys = count(&only(|c| c.gray_p = default.gray_p), &red, side, grey);
    assert_probability("grey", greys, 0.2);
    let changed = |out: &[f32]| out[..3] != [200.0, 10.0, 10.0].map(|v: f32| v / 255.0);
    let jitters = count(&only(|c| c.jitter_p = default.jitter_p), &red, side, changed);
    assert!(jitters <= (0.8 * DRAWS as f64 + 300.0) as usize && jitters > 15_500, "{jitters}");
    let mut dot = vec![0_u8; 9 * 9 * 3];
    dot[(4 * 9 + 4) * 3] = 255;
    let blurred = |out: &[f32]| out[(4 * 9 + 4) * 3] < 1.0;
    let blurs =
        count(&only(|c| (c.blur_p, c.blur_sigma) = (default.blur_p, [1.0, 2.0])), &dot, 9, blurred);
    assert_probability("blur", blurs, 0.5);
}

#[test]
fn crops_cutout_and_policies_are_uniform() {
    let mut rng = stream(2, Purpose::View, 0, 0, 0);
    let mut corners = 0;
    for _ in 0..DRAWS {
        let hole = cutout([32, 32], 16, &mut rng);
        assert!(hole.bottom <= 32 && hole.right <= 32 && hole.top < hole.bottom);
        corners += usize::from(hole.top == 0 && hole.left == 0);
    }
    // A centre in the first nine rows and columns touches both borders.
    assert_probability("hole in the corner", corners, (9.0 / 32.0_f64).powi(2));

    let mut whole = 0;
    for _ in 0..DRAWS {
        let CropBox { top, left, height, width } =
            random_crop_box([32, 32], [0.2, 1.0], [3.0 / 4.0, 4.0 / 3.0], &mut rng);
        assert!(top + height <= 32 && left + width <= 32 && height > 0 && width > 0);
        let share = (height * width) as f64 / 1024.0;
        assert!((0.17..=1.0).contains(&share), "{share}");
        whole += usize::from(share < 0.6);
    }
    assert!((9_000..13_000).contains(&whole), "half of the crops are below 60 %: {whole}");
    assert_eq!(POLICIES.len(), 25);
}

#[test]
fn views_depend_on_the_stream_alone() {
    let image = formula_image();
    let views = [
        View::Test,
        View::Plain(PlainConfig::default()),
        View::ResizedCrop(ResizedCropConfig::default()),
        View::Classifier(ClassifierConfig::default()),
        View::RandAugment(RandAugmentConfig::default()),
        View::Sim(SimConfig::default()),
    ];
    let mut used = Scratch::default();
    for view in views {
        let draw = |sample: u64, scratch: &mut Scratch| {
            let mut out = vec![0.0; SIZE * SIZE * 3];
            let mut rng = stream(0, Purpose::View, 0, sample, 0);
            let norm = Normalize::CIFAR;
            view.draw(&image.borrowed(), [SIZE; 2], &norm, &mut rng, scratch, &mut out).unwrap();
            out
        };
        for sample in 0..50 {
            let fresh = draw(sample, &mut Scratch::default());
            assert_eq!(fresh, draw(sample, &mut used), "{view:?}");
        }
        if view != View::Test {
            assert_ne!(draw(0, &mut used), draw(1, &mut used), "{view:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every view of every size stays within the range of bytes and fills the output.
    #[test]
    fn views_take_any_size(height in 1..40_usize, width in 1..40_usize, seed in 0..1000_u64) {
        let data: Vec<u8> = (0..height * width * 3).map(|i| (i * 37 % 256) as u8).collect();
        let plain = Normalize { mean: [0.0; 3], std: [1.0; 3] };
        for view in [
            View::Test,
            View::Plain(PlainConfig::default()),
            View::ResizedCrop(ResizedCropConfig::default()),
            View::Classifier(ClassifierConfig::default()),
            View::RandAugment(RandAugmentConfig::default()),
            View::Sim(SimConfig::default()),
        ] {
            let mut out = vec![f32::NAN; data.len()];
            let mut rng = stream(seed, Purpose::View, 0, 0, 0);
            let image = RasterRef::new([height, width], &data);
            view.draw(&image, image.size(), &plain, &mut rng, &mut Scratch::default(), &mut out).unwrap();
            prop_assert!(out.iter().all(|v| (0.0..=1.0).contains(v)));
        }
    }
}
