//! How near every point shall lie to its neighbours: p of van der Maaten and Hinton 2008.

use rayon::prelude::*;

use super::neighbours::Neighbour;

/// Entries of a row come in whole blocks of this many.
pub(super) const BLOCK: usize = 8;
/// How near the entropy of a row comes to that of its perplexity, in nats, and after how many steps it is left at that:
/// of more equal rows than the perplexity none fits.
const TOLERANCE: f64 = 1e-6;
const STEPS: usize = 100;

/// A symmetric sparse matrix of joint probabilities p_ij, which sum to 1, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Affinities {
    /// Where the blocks of each row begin, and at the end how many there are.
    starts: Vec<usize>,
    /// The other points of blocks; the last of a row is filled up with p of 0.
    columns: Vec<[u32; BLOCK]>,
    /// n · p.
    values: Vec<[f32; BLOCK]>,
}

impl Affinities {
    /// p_ij = (p_j|i + p_i|j) / 2n from the `count` neighbours of each of n points.
    pub fn of(neighbours: &[Neighbour], count: usize, perplexity: f64) -> Self {
        let mut one_way = vec![0.0; neighbours.len()];
        one_way
            .par_chunks_exact_mut(count)
            .zip(neighbours.par_chunks_exact(count))
            .for_each(|(p, near)| conditional(near, perplexity, p));
        let points = neighbours.len() / count;
        let incoming = incoming(neighbours, count, points);
        let rows: Vec<Vec<(u32, f64)>> = (0..points)
            .into_par_iter()
            .map(|point| {
                let own = point * count..(point + 1) * count;
                let outgoing = own.map(|place| (neighbours[place].row, one_way[place]));
                let incoming = incoming[point].iter();
                let incoming = incoming.map(|&place| ((place / count) as u32, one_way[place]));
                merged(outgoing.chain(incoming).collect())
            })
            .collect();
        Self::of_rows(&rows)
    }

    fn of_rows(rows: &[Vec<(u32, f64)>]) -> Self {
        let mut made = Self { starts: vec![0], columns: Vec::new(), values: Vec::new() };
        for (point, row) in rows.iter().enumerate() {
            for entries in row.chunks(BLOCK) {
                let (mut columns, mut values) = ([point as u32; BLOCK], [0.0; BLOCK]);
                for (lane, &(column, p)) in entries.iter().enumerate() {
                    columns[lane] = column;
                    values[lane] = (p / 2.0) as f32;
                }
                made.columns.push(columns);
                made.values.push(values);
            }
            made.starts.push(made.columns.len());
        }
        made
    }

    /// Σ n · p.
    pub fn total(&self) -> f64 {
        self.values.as_flattened().iter().map(|&p| f64::from(p)).sum()
    }

    /// The other points of one, in blocks, with n · p.
    pub fn row(&self, point: usize) -> impl Iterator<Item = (&[u32; BLOCK], &[f32; BLOCK])> {
        let blocks = self.starts[point]..self.starts[point + 1];
        self.columns[blocks.clone()].iter().zip(&self.values[blocks])
    }
}

/// p_j|i ∝ exp(−β d²_ij), with β such that the entropy is ln `perplexity`.
fn conditional(near: &[Neighbour], perplexity: f64, p: &mut [f64]) {
    // Only differences count; the least is 0, so that some p is not.
    let least = near[0].squared;
    let mean = near.iter().map(|near| near.squared - least).sum::<f64>() / near.len() as f64;
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut beta = if mean > 0.0 { 1.0 / mean } else { 1.0 };
    for _ in 0..STEPS {
        let (mut sum, mut weighted) = (0.0, 0.0);
        for (p, near) in p.iter_mut().zip(near) {
            let away = near.squared - least;
            *p = (-beta * away).exp();
            sum += *p;
            weighted += *p * away;
        }
        p.iter_mut().for_each(|p| *p /= sum);
        let over = sum.ln() + beta * weighted / sum - perplexity.ln();
        if over.abs() < TOLERANCE {
            return;
        }
        if over > 0.0 {
            low = beta;
        } else {
            high = beta;
        }
        beta = if high.is_finite() { f64::midpoint(low, high) } else { beta * 2.0 };
        if !beta.is_finite() {
            return;
        }
    }
}

/// Of every point, the places in `neighbours` where it is one, ascending.
fn incoming(neighbours: &[Neighbour], count: usize, points: usize) -> Vec<Vec<usize>> {
    let mut incoming = vec![Vec::with_capacity(2 * count); points];
    for (place, near) in neighbours.iter().enumerate() {
        incoming[near.row as usize].push(place);
    }
    incoming
}

/// Sums of what has the same column, by column.
fn merged(mut entries: Vec<(u32, f64)>) -> Vec<(u32, f64)> {
    entries.sort_by_key(|entry| entry.0);
    entries.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(squared: &[f64]) -> Vec<Neighbour> {
        squared
            .iter()
            .enumerate()
            .map(|(at, &squared)| Neighbour { row: at as u32, squared })
            .collect()
    }

    #[test]
    fn every_row_has_the_perplexity_that_is_asked_for() {
        for scale in [1e-12, 1.0, 1e9] {
            let squared: Vec<f64> =
                (1..=90).map(|at| scale * (50.0 + f64::from(at).sqrt())).collect();
            for perplexity in [1.5, 5.0, 30.0] {
                let mut p = vec![0.0; 90];
                conditional(&near(&squared), perplexity, &mut p);
                let entropy: f64 = p.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum();
                assert!((entropy.exp() / perplexity - 1.0).abs() < 1e-5, "{scale} {perplexity}");
                assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn of_more_equal_rows_than_the_perplexity_each_counts_alike() {
        let mut p = [0.0; 6];
        conditional(&near(&[0.0, 0.0, 0.0, 0.0, 4.0, 9.0]), 2.0, &mut p);
        assert_eq!(p, [0.25, 0.25, 0.25, 0.25, 0.0, 0.0]);
        let mut equal = [0.0; 3];
        conditional(&near(&[7.0; 3]), 1.0, &mut equal);
        assert_eq!(equal, [1.0 / 3.0; 3]);
    }

    #[test]
    fn affinities_are_symmetric_and_sum_to_1() {
        // Every point's neighbours are the next two, so that all entries come from one side but those of a loop.
        let count: u32 = 50;
        let next = |point: u32| {
            [1, 2].map(|on| Neighbour { row: (point + on) % count, squared: on.into() })
        };
        let neighbours: Vec<_> = (0..count).flat_map(next).collect();
        let affinities = Affinities::of(&neighbours, 2, 1.5);
        let of = |a: u32, b: u32| -> f32 {
            let entries =
                affinities.row(a as usize).flat_map(|(columns, values)| columns.iter().zip(values));
            entries.filter(|(column, _)| **column == b).map(|(_, value)| value).sum()
        };
        let mut total = 0.0;
        for a in 0..count {
            for b in 0..count {
                assert_eq!(of(a, b), of(b, a));
                total += f64::from(of(a, b)) / f64::from(count);
            }
        }
        assert!(of(0, 1) > of(0, 2) && of(0, 2) > 0.0 && of(0, 3) == 0.0);
        assert!((total - 1.0).abs() < 1e-6 && (affinities.total() / 50.0 - 1.0).abs() < 1e-6);
    }
}
