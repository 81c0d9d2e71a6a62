//! RandAugment's operators against Pillow's (`oracles/randaugment.json`, made by `oracles/randaugment.py`), and what it
//! draws against its probabilities.

use std::cell::RefCell;

use longtail::augment::{
    ColorJitter, Filter, RandAugment, RandOperation, Raster, Strength, View, Warp, brightness,
    invert,
};
use longtail::rng::{Purpose, stream};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{assert_probability, count, only};

fn formula_image(height: usize, width: usize) -> Raster {
    let mut data = Vec::new();
    for y in 0..height as i32 {
        for x in 0..width as i32 {
            let channels = [8 * x + 3 * y, (x * x + 7 * y) / 3 + 20, 255 - 4 * y + x * y];
            data.extend(channels.map(|v| v.rem_euclid(256) as u8));
        }
    }
    Raster::new(height, width, &data)
}

fn operation(name: &str) -> RandOperation {
    RandOperation::ALL.into_iter().find(|operation| format!("{operation:?}") == name).unwrap()
}

#[test]
fn operators_at_every_magnitude_are_pillows_to_the_last_bit() {
    let oracle: Value = serde_json::from_str(include_str!("../oracles/randaugment.json")).unwrap();
    let fill = serde_json::from_value(oracle["fill"].clone()).unwrap();
    assert_eq!(fill, RandAugment::default().fill);
    let (mut deviating, mut seen) = (Vec::new(), std::collections::BTreeSet::new());
    let mut spare = Raster::default();
    for entry in oracle["entries"].as_array().unwrap() {
        let name = entry["operation"].as_str().unwrap();
        let [height, width]: [usize; 2] = serde_json::from_value(entry["size"].clone()).unwrap();
        let filter = match entry["filter"].as_str().unwrap() {
            "bilinear" => Filter::Bilinear,
            _ => Filter::Bicubic,
        };
        let strength = Strength {
            magnitude: entry["magnitude"].as_f64().unwrap(),
            is_negative: entry["negative"].as_bool().unwrap(),
            warp: Warp { filter, fill },
        };
        let mut image = formula_image(height, width);
        operation(name).apply(&mut image, &mut spare, strength);
        let hash = Sha256::digest(&image.data);
        let hash: String = hash.iter().take(8).map(|b| format!("{b:02x}")).collect();
        if hash != entry["sha"].as_str().unwrap() {
            let middle = &image.data[(height / 2 * width + width / 2) * 3..][..3];
            deviating.push(format!("{entry}: the middle is {middle:?}"));
        }
        seen.insert(name.to_owned());
    }
    assert!(deviating.is_empty(), "{}", deviating.join("\n"));
    assert_eq!(seen.len(), RandOperation::ALL.len());
}

/// One operator, drawn at every view of an image that nothing else changes.
fn one(randaugment: RandAugment) -> View {
    only(|c| c.randaugment = Some(RandAugment { operations: 1, ..randaugment }))
}

fn scaled(data: &[u8]) -> Vec<f32> {
    data.iter().map(|&v| f32::from(v) / 255.0).collect()
}

fn near(out: &[f32], expected: &[f32]) -> bool {
    out.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6)
}

#[test]
fn operators_and_signs_are_drawn_evenly_and_half_of_them_applied() {
    // A bright line down the middle of a dark square.
    const SIDE: usize = 9;
    let lit: Vec<u8> = (0..SIDE * SIDE)
        .flat_map(|i| if i % SIDE == SIDE / 2 { [200, 150, 90] } else { [20, 30, 40] })
        .collect();
    let view = one(RandAugment::default());
    let share = |seen: &dyn Fn(&[f32]) -> bool| count(&view, &lit, SIDE, seen);
    let before = scaled(&lit);
    // Equalize has no step in so few pixels, and solarize inverts nothing below 200 at magnitudes around 10.
    let changed = share(&|out| !near(out, &before));
    assert_probability("an operator that shows", changed, 0.5 * 13.0 / 15.0);
    let made = |change: fn(&mut Raster)| {
        let mut image = Raster::new(SIDE, SIDE, &lit);
        change(&mut image);
        scaled(&image.data)
    };
    let inverted = made(invert);
    assert_probability("invert", share(&|out| near(out, &inverted)), 0.5 / 15.0);
    // Half of the magnitudes around 10 are cut to it.
    let brightest = made(|image| brightness(image, 1.9));
    let bright = share(&|out| near(out, &brightest));
    assert_probability("brightness at 10", bright, 0.25 / 15.0);
    let fill = scaled(&RandAugment::default().fill);
    let column = |x: usize| {
        let fill = &fill;
        move |out: &[f32]| (0..SIDE).all(|y| near(&out[(y * SIDE + x) * 3..][..3], fill))
    };
    assert_probability("shifts to the right", share(&column(0)), 0.25 / 15.0);
    assert_probability("shifts to the left", share(&column(SIDE - 1)), 0.25 / 15.0);
}

#[test]
fn magnitudes_follow_a_normal_distribution_and_none_leaves_the_range() {
    let dark = [10; 5 * 5 * 3];
    for (centre, least, most) in [(5.0, 2.0, 8.0), (0.0, 0.0, 3.0), (10.0, 7.0, 10.0)] {
        let always = RandAugment { magnitude: centre, probability: 1.0, ..RandAugment::default() };
        // Of an even dark image solarize-add alone makes an even one of 20 to 120: 10 + 11 times the magnitude.
        let drawn = RefCell::new(Vec::new());
        count(&one(always), &dark, 5, |out| {
            let level = f64::from(out[0]) * 255.0;
            let is_added = out.iter().all(|v| *v == out[0]) && (20.5..120.5).contains(&level);
            if is_added {
                drawn.borrow_mut().push((level.round() - 10.0) / 11.0);
            }
            is_added
        });
        let drawn = drawn.into_inner();
        assert!(drawn.iter().all(|m| (least..=most).contains(m)), "{centre}");
        if centre == 5.0 {
            assert_probability("solarize-add", drawn.len(), 1.0 / 15.0);
            let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
            let spread = drawn.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / drawn.len() as f64;
            // Whole levels are added: half a level less as a rule.
            assert!((mean - 5.0 + 0.5 / 11.0).abs() < 0.07, "{mean}");
            assert!((spread.sqrt() - 0.5).abs() < 0.05, "{spread}");
        }
    }
}

#[test]
fn a_jitter_without_hue_leaves_grey_grey_and_colours_their_hue() {
    let none = ColorJitter { brightness: 0.0, contrast: 0.0, saturation: 0.0, hue: 0.0 };
    let colours: Vec<u8> = (0..=255_u8).flat_map(|v| [v, v.wrapping_mul(7), 255 - v]).collect();
    let mut image = Raster::new(16, 16, &colours);
    none.apply(&mut image, &mut stream(0, Purpose::View, 0, 0, 0));
    assert_eq!(image.data, colours);
}
