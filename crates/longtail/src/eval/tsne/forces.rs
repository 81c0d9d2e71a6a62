//! What draws points together, and what drives them apart, pair by pair.

use rayon::prelude::*;

use super::affinities::{Affinities, BLOCK};

/// Points that one thread takes on at a time; sums over more are made of those of such parts, in their order.
const AT_ONCE: usize = 128;
const LANES: usize = 8;

/// Σ_j p_ij (y_i − y_j) / (1 + ‖y_i − y_j‖²) of every point, times n.
pub(super) fn attraction(affinities: &Affinities, points: &[[f32; 2]], into: &mut [[f32; 2]]) {
    into.par_iter_mut().with_min_len(AT_ONCE).enumerate().for_each(|(point, force)| {
        let own = points[point];
        let mut sums = [[0.0_f32; BLOCK]; 2];
        for (columns, values) in affinities.row(point) {
            let others = columns.map(|column| points[column as usize]);
            for lane in 0..BLOCK {
                let [x, y] = [own[0] - others[lane][0], own[1] - others[lane][1]];
                let weight = values[lane] / (1.0 + (x * x + y * y));
                sums[0][lane] += weight * x;
                sums[1][lane] += weight * y;
            }
        }
        *force = sums.map(total);
    });
}

/// What drives the points apart.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Repulsion {
    /// Σ_j (y_i − y_j) / (1 + ‖y_i − y_j‖²)² of every point.
    pub forces: Vec<[f32; 2]>,
    /// Z = Σ_i Σ_j≠i 1 / (1 + ‖y_i − y_j‖²).
    pub normaliser: f64,
}

/// By all pairs.
pub(super) fn exact_repulsion(points: &[[f32; 2]], into: &mut Repulsion) {
    let panels: Vec<[[f32; LANES]; 2]> = points.chunks(LANES).map(panel).collect();
    into.forces.resize(points.len(), [0.0; 2]);
    let sums: Vec<f64> = into
        .forces
        .par_chunks_mut(AT_ONCE)
        .zip(points.par_chunks(AT_ONCE))
        .map(|(forces, points)| {
            let each = forces.iter_mut().zip(points);
            each.map(|(force, own)| {
                let (of_point, kernel) = driven(*own, &panels);
                *force = of_point;
                f64::from(kernel)
            })
            .sum()
        })
        .collect();
    into.normaliser = sums.iter().sum::<f64>() - points.len() as f64;
}

/// Points in lanes. What fills up the last is so far away that it counts for nothing.
fn panel(points: &[[f32; 2]]) -> [[f32; LANES]; 2] {
    let of = |axis: usize| {
        std::array::from_fn(|lane| points.get(lane).map_or(f32::MAX.sqrt() / 4.0, |p| p[axis]))
    };
    [of(0), of(1)]
}

fn driven(own: [f32; 2], panels: &[[[f32; LANES]; 2]]) -> ([f32; 2], f32) {
    let (mut forces, mut kernels) = ([[0.0_f32; LANES]; 2], [0.0_f32; LANES]);
    for [xs, ys] in panels {
        for lane in 0..LANES {
            let [x, y] = [own[0] - xs[lane], own[1] - ys[lane]];
            let kernel = 1.0 / (1.0 + (x * x + y * y));
            let weight = kernel * kernel;
            kernels[lane] += kernel;
            forces[0][lane] += weight * x;
            forces[1][lane] += weight * y;
        }
    }
    (forces.map(total), total(kernels))
}

fn total(lanes: [f32; LANES]) -> f32 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (b + f)) + ((c + g) + (d + h))
}

/// Σ p_ij ln (p_ij / q_ij), with q_ij = 1 / (1 + ‖y_i − y_j‖²) / Z and Z by all pairs, in f64.
pub(super) fn divergence(affinities: &Affinities, points: &[[f64; 2]]) -> f64 {
    let count = points.len() as f64;
    let kernel = |a: [f64; 2], b: [f64; 2]| {
        let [x, y] = [a[0] - b[0], a[1] - b[1]];
        1.0 / (1.0 + (x * x + y * y))
    };
    let of_point = |(point, &own): (usize, &[f64; 2])| {
        let mut parts = [0.0; BLOCK];
        for others in points.chunks(BLOCK) {
            for (part, &other) in parts.iter_mut().zip(others) {
                *part += kernel(own, other);
            }
        }
        let mut sum = 0.0;
        for (columns, values) in affinities.row(point) {
            for (&column, &value) in columns.iter().zip(values).filter(|(_, p)| **p > 0.0) {
                let p = f64::from(value) / count;
                sum += p * (p / kernel(own, points[column as usize])).ln();
            }
        }
        // Every point lies at no distance from itself.
        (parts.iter().sum::<f64>() - 1.0, sum)
    };
    let sums: Vec<(f64, f64)> = points.par_iter().enumerate().map(of_point).collect();
    let normaliser: f64 = sums.iter().map(|sum| sum.0).sum();
    let total: f64 = affinities.total() / count;
    sums.iter().map(|sum| sum.1).sum::<f64>() + total * normaliser.ln()
}
