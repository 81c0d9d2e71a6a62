//! Random views of images that have not the size of a view.

use longtail::{
    augment::{
        ClassifierConfig, Normalize, PlainConfig, RasterRef, ResizedCropConfig, Scratch, SimConfig,
        View,
    },
    rng::{Purpose, stream},
};
use proptest::prelude::*;

fn every_view() -> [View; 5] {
    [
        View::Test,
        View::Plain(PlainConfig::default()),
        View::ResizedCrop(ResizedCropConfig::default()),
        View::Classifier(ClassifierConfig::default()),
        View::Sim(SimConfig::default()),
    ]
}

fn draw(view: &View, image: RasterRef<'_>, size: [usize; 2], sample: u64) -> Vec<f32> {
    let plain = Normalize { mean: [0.0; 3], std: [1.0; 3] };
    let mut out = vec![f32::NAN; size[0] * size[1] * 3];
    let mut rng = stream(0, Purpose::View, 0, sample, 0);
    view.draw(&image, size, &plain, &mut rng, &mut Scratch::default(), &mut out).unwrap();
    out
}

/// Red is 3 times the column, green 3 times the row.
fn ramps([height, width]: [usize; 2]) -> Vec<u8> {
    let pixel = |y: usize, x: usize| [3 * x as u8, 3 * y as u8, 0];
    (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(y, x))).collect()
}

/// Height and width of the crop that a view was made of, from the slopes of the ramps in it.
fn extent_of_crop(view: &[f32], side: usize) -> [f64; 2] {
    let at = |y: usize, x: usize, c: usize| f64::from(view[(y * side + x) * 3 + c]) * 255.0 / 3.0;
    // Beside the borders the filter lacks one side.
    let (first, last, middle) = (3, side - 4, side / 2);
    let scale = side as f64 / (last - first) as f64;
    let height = (at(last, middle, 1) - at(first, middle, 1)).abs();
    let width = (at(middle, last, 0) - at(middle, first, 0)).abs();
    [height * scale, width * scale]
}

#[test]
fn random_crops_have_the_areas_and_aspects_that_were_asked_for() {
    let side = 64;
    let plain = PlainConfig { scale_min: 0.5, ..PlainConfig::default() };
    let cropped = ResizedCropConfig { scale_min: 0.5, ..ResizedCropConfig::default() };
    for (size, view) in [
        ([side, 80], View::Plain(plain)),
        ([80, side], View::Plain(plain)),
        ([side, side], View::ResizedCrop(cropped)),
        ([side, 80], View::ResizedCrop(cropped)),
    ] {
        let data = ramps(size);
        let image = RasterRef::new(size, &data);
        let (mut smallest, mut largest, mut flips) = (f64::MAX, 0.0_f64, 0);
        for sample in 0..400 {
            let seen = draw(&view, image, [side; 2], sample);
            let [height, width] = extent_of_crop(&seen, side);
            let share = height * width / (size[0] * size[1]) as f64;
            assert!((0.47..1.03).contains(&share), "{view:?} of {size:?}: {share}");
            let aspect = width / height;
            assert!((0.71..1.41).contains(&aspect), "{view:?} of {size:?}: {aspect}");
            (smallest, largest) = (smallest.min(share), largest.max(share));
            flips +=
                usize::from(seen[(side * side / 2 + 3) * 3] > seen[(side * side / 2 + 60) * 3]);
        }
        assert!(smallest < 0.55 && largest > 0.85, "{smallest} to {largest}");
        assert!((150..250).contains(&flips), "{flips}");
    }
}

#[test]
fn an_image_of_the_views_size_is_padded_and_cropped() {
    let side = 64;
    let data = ramps([side, side]);
    let view = View::Plain(PlainConfig::default());
    let shifts: Vec<[f64; 2]> = (0..100)
        .map(|sample| {
            extent_of_crop(&draw(&view, RasterRef::new([side; 2], &data), [side; 2], sample), side)
        })
        .collect();
    // Nothing is stretched: what is not black has the slope of the image.
    let stretched = shifts.iter().flatten().filter(|extent| (**extent - 64.0).abs() < 0.5).count();
    assert!(stretched > 50, "{shifts:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Every view of an image that covers it is filled, lies within the range of bytes, and depends on its
    /// stream alone.
    #[test]
    fn views_take_any_image_that_covers_them(
        view in [1..24_usize, 1..24_usize],
        more in [0..40_usize, 0..40_usize],
        sample in 0..1000_u64,
    ) {
        let size = [view[0] + more[0], view[1] + more[1]];
        let data: Vec<u8> = (0..size[0] * size[1] * 3).map(|i| (i * 37 % 256) as u8).collect();
        let image = RasterRef::new(size, &data);
        for kind in every_view() {
            let out = draw(&kind, image, view, sample);
            prop_assert!(out.iter().all(|v| (0.0..=1.0).contains(v)), "{kind:?}");
            prop_assert_eq!(out, draw(&kind, image, view, sample));
        }
    }
}
