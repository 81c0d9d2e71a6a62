//! The maximum of windows.

use burn::tensor::DType;
use longtail_kernels::max_pool;

use super::support::{leaf, to_vec};

/// `[1, 5, 4, 2]`, by loops.
fn expected(x: &[f64]) -> Vec<f64> {
    let at = |row: isize, column: isize, channel: usize| match (row, column) {
        (0..5, 0..4) => x[((row * 4 + column) as usize) * 2 + channel],
        _ => f64::NEG_INFINITY,
    };
    let window = |row: isize, column: isize, channel: usize| {
        let steps = (0..9).map(|step| (step / 3 - 1, step % 3 - 1));
        steps.map(|(dy, dx)| at(row + dy, column + dx, channel)).fold(f64::NEG_INFINITY, f64::max)
    };
    let places = (0..3).flat_map(|row| (0..2).map(move |column| (2 * row, 2 * column)));
    places.flat_map(|(row, column)| [0, 1].map(|channel| window(row, column, channel))).collect()
}

/// Values are handed on as they are, so that every type has the same, and gradients come back to where they were.
#[test]
fn windows_have_their_maximum_in_every_type() {
    for dtype in [DType::F32, DType::BF16] {
        let x = leaf([1, 5, 4, 2], 1, dtype, 0.0);
        let values = to_vec(x.clone().inner());
        let pooled = max_pool(x.clone());
        assert_eq!((pooled.dims(), pooled.dtype()), ([1, 3, 2, 2], dtype));
        let maxima = to_vec(pooled.clone().inner());
        assert_eq!(maxima, expected(&values));
        let gradient = to_vec(x.grad(&pooled.sum().backward()).unwrap());
        assert_eq!(gradient.iter().sum::<f64>(), 12.0);
        let met = values.iter().zip(&gradient).filter(|(_, gradient)| **gradient > 0.0);
        assert!(met.clone().count() > 3 && met.into_iter().all(|(x, _)| maxima.contains(x)));
    }
}
