//! The exact nearest neighbours of every row, by all pairs: in panels of rows, whose distances stay in registers.

use rayon::prelude::*;

use crate::eval::Rows;

/// Rows of a panel on the side of those that look, and on the side of those that are looked at.
const ROWS: usize = 4;
const LANES: usize = 8;
/// Rows that one thread takes on at a time, for which every other panel is read once.
const AT_ONCE: usize = 32;

/// A row seen from another one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Neighbour {
    pub row: u32,
    /// Squared distance.
    pub squared: f64,
}

/// The `count` nearest other rows of every row, nearest first, the lower row of equally near ones: `[rows, count]`.
/// Which ones they are is decided by distances in f32, how far they are is then computed in f64.
pub(super) fn neighbours(features: &Rows, count: usize) -> Vec<Neighbour> {
    let panels = panels(features);
    let mut nearest = vec![Neighbour { row: 0, squared: 0.0 }; features.len() * count];
    nearest.par_chunks_mut(AT_ONCE * count).enumerate().for_each(|(block, nearest)| {
        let first = block * AT_ONCE;
        let distances = distances(features, first, nearest.len() / count, &panels);
        let width = panels.len() * LANES;
        for (place, nearest) in nearest.chunks_exact_mut(count).enumerate() {
            let row = first + place;
            let of_row = &distances[place * width..][..features.len()];
            let found = smallest(of_row, row, count);
            for (nearest, (_, other)) in nearest.iter_mut().zip(found) {
                let squared = squared(features.row(row), features.row(other as usize));
                *nearest = Neighbour { row: other, squared };
            }
            nearest.sort_by(|a, b| a.squared.total_cmp(&b.squared).then(a.row.cmp(&b.row)));
        }
    });
    nearest
}

/// The rows in panels, number by number: `[D][LANES]`, the last filled up with zeros.
fn panels(features: &Rows) -> Vec<Vec<[f32; LANES]>> {
    let of = |panel: usize| {
        let mut of = vec![[0.0; LANES]; features.width()];
        for lane in 0..LANES.min(features.len() - panel * LANES) {
            let row = features.row(panel * LANES + lane);
            of.iter_mut().zip(row).for_each(|(lanes, value)| lanes[lane] = *value);
        }
        of
    };
    (0..features.len().div_ceil(LANES)).into_par_iter().map(of).collect()
}

/// Squared distances of `count` rows from `first` on to all: `[count, panels · LANES]`.
fn distances(
    features: &Rows,
    first: usize,
    count: usize,
    panels: &[Vec<[f32; LANES]>],
) -> Vec<f32> {
    let width = panels.len() * LANES;
    let mut all = vec![0.0; count * width];
    let own: Vec<Vec<[f32; ROWS]>> = (0..count)
        .step_by(ROWS)
        .map(|at| {
            // Beyond the last row, the last again.
            let row = |lane: usize| features.row(first + (at + lane).min(count - 1));
            let rows: [&[f32]; ROWS] = std::array::from_fn(row);
            (0..features.width()).map(|d| rows.map(|row| row[d])).collect()
        })
        .collect();
    for (panel, others) in panels.iter().enumerate() {
        for (own, all) in own.iter().zip(all.chunks_mut(ROWS * width)) {
            let tile = tile(own, others);
            for (all, tile) in all.chunks_exact_mut(width).zip(&tile) {
                all[panel * LANES..][..LANES].copy_from_slice(tile);
            }
        }
    }
    all
}

fn tile(own: &[[f32; ROWS]], others: &[[f32; LANES]]) -> [[f32; LANES]; ROWS] {
    let mut sums = [[0.0; LANES]; ROWS];
    for (own, others) in own.iter().zip(others) {
        for (sums, own) in sums.iter_mut().zip(own) {
            for (sum, other) in sums.iter_mut().zip(others) {
                let apart = own - other;
                *sum += apart * apart;
            }
        }
    }
    sums
}

/// The `count` smallest distances with their rows, the one of `own` left out, in no order.
fn smallest(distances: &[f32], own: usize, count: usize) -> Vec<(f32, u32)> {
    let by = |a: &(f32, u32), b: &(f32, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    let mut found: Vec<(f32, u32)> = Vec::with_capacity(8 * count);
    let mut most = f32::INFINITY;
    for (row, &distance) in distances.iter().enumerate() {
        // An equally near row comes later than those found, and so after them.
        if distance < most || found.len() < count {
            if row != own {
                found.push((distance, row as u32));
            }
            if found.len() == 8 * count {
                let (_, last, _) = found.select_nth_unstable_by(count - 1, by);
                most = last.0;
                found.truncate(count);
            }
        }
    }
    if found.len() > count {
        found.select_nth_unstable_by(count - 1, by);
        found.truncate(count);
    }
    found
}

fn squared(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Of `count` rows of whole numbers up to 3, many are equally near and some equal.
    fn rows(count: usize, width: usize) -> Rows {
        let mut rng = ChaCha8Rng::seed_from_u64(count as u64);
        let values = (0..count * width).map(|_| (rng.next_u32() % 4) as f32).collect();
        Rows::new(values, width).unwrap()
    }

    #[test]
    fn the_nearest_rows_are_found_and_of_equally_near_ones_the_first() {
        for (count, width, nearest) in [(3, 1, 2), (4, 5, 1), (33, 3, 7), (150, 4, 11), (700, 2, 5)]
        {
            let rows = rows(count, width);
            let found = neighbours(&rows, nearest);
            for row in 0..count {
                let to = |other: usize| squared(rows.row(row), rows.row(other));
                let mut all: Vec<usize> = (0..count).filter(|other| *other != row).collect();
                all.sort_by(|&a, &b| to(a).total_cmp(&to(b)));
                let expected: Vec<_> = all[..nearest]
                    .iter()
                    .map(|&other| Neighbour { row: other as u32, squared: to(other) })
                    .collect();
                assert_eq!(found[row * nearest..][..nearest], expected);
            }
        }
    }
}
