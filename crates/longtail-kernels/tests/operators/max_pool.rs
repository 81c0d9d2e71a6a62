//! The maximum of windows.

use burn::tensor::{DType, Device, Tensor, TensorData};
use longtail_kernels::{Path, composed, max_pool, max_pool_path};
use proptest::prelude::*;

use super::support::{leaf, on_every_path, to_vec};

type Operator = fn(Tensor<4>) -> Tensor<4>;

/// Output and the gradient of a weighted sum of it.
fn run(x: &Tensor<4>, operator: Operator) -> [Vec<f64>; 2] {
    let x = x.clone().detach().require_grad();
    let pooled = operator(x.clone());
    let pull = leaf(pooled.dims(), 7, pooled.dtype(), 0.0).detach();
    let gradients = (pooled.clone() * pull).sum().backward();
    assert_eq!(pooled.dtype(), x.dtype());
    [to_vec(pooled.inner()), to_vec(x.grad(&gradients).unwrap())]
}

/// The same by loops.
fn expected(
    x: &[f64],
    [images, height, width, channels]: [usize; 4],
    dtype: DType,
) -> [Vec<f64>; 2] {
    let (down, across) = (height.div_ceil(2), width.div_ceil(2));
    let pull = to_vec(leaf([images, down, across, channels], 7, dtype, 0.0).inner());
    let (mut output, mut gradient) = (Vec::new(), vec![0.0; x.len()]);
    for (place, pull) in pull.into_iter().enumerate() {
        let (pixel, channel) = (place / channels, place % channels);
        let (image, row, column) = (pixel / (down * across), pixel / across % down, pixel % across);
        let rows = (2 * row).saturating_sub(1)..(2 * row + 2).min(height);
        let columns = (2 * column).saturating_sub(1)..(2 * column + 2).min(width);
        let window = rows.flat_map(|row| columns.clone().map(move |column| (row, column)));
        let at = |(row, column): (usize, usize)| {
            ((image * height + row) * width + column) * channels + channel
        };
        // The first of several.
        let first = |best: usize, at: usize| if x[at] > x[best] { at } else { best };
        let largest = window.map(at).reduce(first).unwrap();
        output.push(x[largest]);
        gradient[largest] += pull;
    }
    [output, gradient]
}

/// Few different values, so that many are equal.
fn steps(dims: [usize; 4], dtype: DType) -> Tensor<4> {
    let x = leaf(dims, 1, DType::F32, 0.0).inner();
    let x = (x * 4.0).round() / 4.0;
    Tensor::from_inner(x.cast(dtype))
}

/// As far as the gradients' sums of at most four are rounded.
fn assert_same(made: &[Vec<f64>; 2], expected: &[Vec<f64>; 2], dtype: DType) {
    assert_eq!(made[0], expected[0]);
    let rounding = if dtype == DType::BF16 { 1.0 / 128.0 } else { 1e-6 };
    assert_eq!(made[1].len(), expected[1].len());
    for (made, expected) in made[1].iter().zip(&expected[1]) {
        assert!((made - expected).abs() <= rounding * (1.0 + expected.abs()), "{made} {expected}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_window_has_its_maximum_and_the_first_one_its_gradient(
        (images, height, width) in (1..=5_usize, 1..=9_usize, 1..=9_usize),
        channels in prop_oneof![Just(16_usize), Just(48), Just(64), 1..=9_usize],
    ) {
        let dims = [images, height, width, channels];
        for dtype in [DType::F32, DType::BF16] {
            let x = steps(dims, dtype);
            let by_loops = expected(&to_vec(x.clone()), dims, dtype);
            let composed = run(&x, composed::max_pool);
            assert_same(&composed, &by_loops, dtype);
            on_every_path(|path| {
                let fits = channels % 16 == 0;
                let runs = max_pool_path(&x);
                assert!(runs == if fits { path } else { runs }, "{path:?}");
                assert_eq!(run(&x, max_pool), composed, "{path:?}");
                let without = max_pool(x.clone().inner());
                assert_eq!(to_vec(without), composed[0], "{path:?}");
            });
        }
    }
}

#[test]
fn what_the_kernels_do_not_take_is_composed() {
    on_every_path(|path| {
        let path_of = |channels: usize, dtype: DType| {
            max_pool_path(&Tensor::<4>::zeros([1, 2, 2, channels], (&Device::flex(), dtype)))
        };
        assert_eq!(path_of(16, DType::F32), path);
        assert_eq!(path_of(16, DType::BF16), path);
        assert_eq!(path_of(16, DType::F64), Path::Composed);
        assert_eq!(path_of(3, DType::F32), Path::Composed);
    });
}

#[test]
fn what_is_no_number_stays_so_and_has_the_gradient() {
    // One, two and four of them in a window, at its edges and in its middle; and −∞ alone.
    let mut values: Vec<f32> = (0..7 * 6 * 16).map(|i| (i % 13) as f32).collect();
    for (row, column) in [(0, 0), (2, 1), (2, 2), (3, 3), (5, 5), (6, 4)] {
        values[(row * 6 + column) * 16 + 5] = f32::NAN;
    }
    (0..7 * 6).for_each(|pixel| values[pixel * 16 + 6] = f32::NEG_INFINITY);
    let data = TensorData::new(values, [1, 7, 6, 16]);
    for dtype in [DType::F32, DType::BF16] {
        let data = data.clone().convert_dtype(dtype);
        let x = Tensor::<4>::from_data(data, (&Device::flex().autodiff(), dtype));
        let same = |a: &[f64], b: &[f64]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || a.is_nan() && b.is_nan())
        };
        let composed = run(&x, composed::max_pool);
        assert!(composed[0].iter().any(|value| value.is_nan()));
        on_every_path(|path| {
            let made = run(&x, max_pool);
            assert!(made.iter().zip(&composed).all(|(a, b)| same(a, b)), "{path:?}");
        });
    }
}

#[test]
fn views_are_read_as_they_are_seen() {
    on_every_path(|path| {
        let x = steps([3, 16, 5, 4], DType::F32).permute([0, 2, 3, 1]).narrow(0, 1, 2);
        assert_eq!(run(&x, max_pool), run(&x, composed::max_pool), "{path:?}");
    });
}

#[test]
fn any_number_of_threads_gives_the_same() {
    let x = steps([7, 33, 31, 64], DType::F32);
    on_every_path(|path| {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&x, max_pool))
        };
        let one = on(1);
        assert!([2, 3].into_iter().all(|threads| on(threads) == one), "{path:?}");
    });
}
