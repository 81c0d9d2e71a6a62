//! Where the points of an embedding begin: on the first two principal components of the features.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use crate::{
    eval::Rows,
    rng::{Purpose, stream},
};

/// Standard deviation of the first coordinate, as scikit-learn and openTSNE have it.
const DEVIATION: f64 = 1e-4;
/// That of the noise, which parts equal rows, as a share of it.
const NOISE: f64 = 0.01;
/// Turns of the power iteration. Where two components are about as large, any mixture does.
const TURNS: usize = 30;
/// Rows over which a sum runs at once.
const AT_ONCE: usize = 256;

/// The scores of the rows on two principal components, and a little noise.
pub(super) fn start(features: &Rows, seed: u64) -> Vec<[f64; 2]> {
    let mut rng = stream(seed, Purpose::Embedding, 0, 0, 0);
    let mean = mean(features);
    let mut axes: Vec<[f64; 2]> = (0..features.width()).map(|_| pair(&mut rng)).collect();
    for _ in 0..TURNS {
        orthonormalise(&mut axes);
        axes = turned(features, &mean, &axes);
    }
    orthonormalise(&mut axes);
    let mut points: Vec<[f64; 2]> = features
        .values()
        .par_chunks_exact(features.width())
        .map(|row| scores(row, &mean, &axes))
        .collect();
    let variance = points.iter().map(|p| p[0] * p[0]).sum::<f64>() / points.len() as f64;
    let scale = if variance > 0.0 { DEVIATION / variance.sqrt() } else { 0.0 };
    // Without any difference between rows there is nothing but noise.
    let noise = if scale > 0.0 { NOISE * DEVIATION } else { DEVIATION };
    for point in &mut points {
        let drawn = pair(&mut rng);
        *point = [0, 1].map(|axis| point[axis] * scale + drawn[axis] * noise);
    }
    points
}

fn pair(rng: &mut impl Rng) -> [f64; 2] {
    [StandardNormal.sample(rng), StandardNormal.sample(rng)]
}

fn mean(features: &Rows) -> Vec<f64> {
    let mut mean = vec![0.0; features.width()];
    for row in features.iter() {
        mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += f64::from(*value));
    }
    mean.iter().map(|sum| sum / features.len() as f64).collect()
}

/// A row less the mean, along both axes.
fn scores(row: &[f32], mean: &[f64], axes: &[[f64; 2]]) -> [f64; 2] {
    let mut sums = [0.0; 2];
    for ((value, mean), axes) in row.iter().zip(mean).zip(axes) {
        let value = f64::from(*value) - mean;
        sums[0] += value * axes[0];
        sums[1] += value * axes[1];
    }
    sums
}

/// The covariance of the rows, times their number, times the axes.
fn turned(features: &Rows, mean: &[f64], axes: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let width = features.width();
    let part = |rows: &[f32]| {
        let mut sums = vec![[0.0; 2]; width];
        for row in rows.chunks_exact(width) {
            let scores = scores(row, mean, axes);
            for ((sums, value), mean) in sums.iter_mut().zip(row).zip(mean) {
                let value = f64::from(*value) - mean;
                sums[0] += value * scores[0];
                sums[1] += value * scores[1];
            }
        }
        sums
    };
    let parts: Vec<Vec<[f64; 2]>> =
        features.values().par_chunks(AT_ONCE * width).map(part).collect();
    let mut all = vec![[0.0; 2]; width];
    for part in parts {
        all.iter_mut().zip(part).for_each(|(all, part)| {
            all[0] += part[0];
            all[1] += part[1];
        });
    }
    all
}

/// Makes the first axis of length 1, and the second likewise and at a right angle to it; one that vanishes stays 0.
fn orthonormalise(axes: &mut [[f64; 2]]) {
    let product = |axes: &[[f64; 2]], a: usize, b: usize| axes.iter().map(|x| x[a] * x[b]).sum();
    let scaled = |axes: &mut [[f64; 2]], axis: usize| {
        let square: f64 = product(axes, axis, axis);
        let scale = if square > 0.0 { 1.0 / square.sqrt() } else { 0.0 };
        axes.iter_mut().for_each(|x| x[axis] *= scale);
    };
    scaled(axes, 0);
    let along: f64 = product(axes, 0, 1);
    axes.iter_mut().for_each(|x| x[1] -= along * x[0]);
    scaled(axes, 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_begin_on_the_principal_components() {
        // Along (0.6, 0.8, 0) and, half as far, along the third axis.
        let row = |at: usize| {
            let turn = at as f32 / 100.0 * std::f32::consts::TAU;
            [10.0 + 0.6 * turn.cos(), 0.8 * turn.cos(), 0.5 * turn.sin()]
        };
        let rows = Rows::new((0..100).flat_map(row).collect(), 3).unwrap();
        let points = start(&rows, 1);
        let sign = [points[0][0].signum(), points[25][1].signum()];
        for (at, point) in points.iter().enumerate() {
            let turn = at as f64 / 100.0 * std::f64::consts::TAU;
            let expected = [turn.cos() * 2_f64.sqrt(), turn.sin() / 2_f64.sqrt()];
            for axis in 0..2 {
                let found = point[axis] * sign[axis] / DEVIATION;
                assert!((found - expected[axis]).abs() < 6.0 * NOISE, "{at}: {point:?}");
            }
        }
    }

    #[test]
    fn equal_rows_begin_apart() {
        let points = start(&Rows::new(vec![2.5; 30], 3).unwrap(), 1);
        assert!(points.iter().all(|point| point[0] != 0.0 && point[0].abs() < 6.0 * DEVIATION));
        assert_ne!(points[0], points[1]);
    }
}
