//! All pairs of class centres, which of 8,142 classes are 33 million: in panels of a few centres, whose inner products
//! stay in registers.

use rayon::prelude::*;

use super::centres::{Centres, square_distance};

/// Centres of a panel.
const PANEL: usize = 4;
/// Panels that one thread takes on with all panels behind them at a time.
const AT_ONCE: usize = 16;
/// Below this share of ‖a‖² + ‖b‖², a squared distance from inner products has lost digits.
const CANCELLED: f64 = 0.1;

/// What the centre of one class is to all others.
#[derive(Debug, Clone, Copy)]
pub(super) struct ToOthers {
    /// Distance of the nearest, and its place among the classes.
    pub nearest: Option<(f64, usize)>,
    /// max (S_i + S_j) / d_ij.
    pub overlap: f64,
    /// Σ (cos + 1/(K − 1)), of which rounding leaves nothing where centres are a simplex.
    pub cosine: f64,
    /// Σ (cos + 1/(K − 1))².
    pub cosine_square: f64,
}

impl ToOthers {
    const NONE: Self = Self { nearest: None, overlap: 0.0, cosine: 0.0, cosine_square: 0.0 };

    fn see(&mut self, other: usize, distance: f64, spreads: f64, cosine: f64) {
        if self.nearest.is_none_or(|(nearest, _)| distance < nearest) {
            self.nearest = Some((distance, other));
        }
        self.overlap = self.overlap.max(spreads / distance);
        self.cosine += cosine;
        self.cosine_square += cosine * cosine;
    }
}

/// What every centre is to those of all other classes. The order of the sums does not depend on the number of threads.
pub(super) fn to_others(centres: &Centres) -> Vec<ToOthers> {
    let panels = panels(centres);
    let norms = centres.norms();
    let count = panels.len();
    let seen: Vec<Vec<ToOthers>> = (0..count.div_ceil(AT_ONCE))
        .into_par_iter()
        .map(|block| block * AT_ONCE..count.min((block + 1) * AT_ONCE))
        .map(|block| {
            let mut seen = vec![ToOthers::NONE; centres.len()];
            // A second panel stays in the cache for all first ones of the block.
            for second in block.start..count {
                for first in block.start..block.end.min(second + 1) {
                    let products = products(&panels[first], &panels[second]);
                    see(centres, &norms, [first, second], &products, &mut seen);
                }
            }
            seen
        })
        .collect();
    let mut all = vec![ToOthers::NONE; centres.len()];
    for seen in &seen {
        for (all, seen) in all.iter_mut().zip(seen) {
            merge(all, seen);
        }
    }
    all
}

fn merge(all: &mut ToOthers, seen: &ToOthers) {
    let nearer = |(distance, _): (f64, usize)| all.nearest.is_none_or(|(best, _)| distance < best);
    if seen.nearest.is_some_and(nearer) {
        all.nearest = seen.nearest;
    }
    all.overlap = all.overlap.max(seen.overlap);
    all.cosine += seen.cosine;
    all.cosine_square += seen.cosine_square;
}

/// The centres in panels, number by number: `[D][PANEL]`, the last filled up with zeros.
fn panels(centres: &Centres) -> Vec<Vec<[f64; PANEL]>> {
    let of = |panel: usize| {
        let mut of = vec![[0.0; PANEL]; centres.dimensions];
        for lane in 0..PANEL.min(centres.len() - panel * PANEL) {
            let centre = centres.centre(panel * PANEL + lane);
            of.iter_mut().zip(centre).for_each(|(lanes, value)| lanes[lane] = *value);
        }
        of
    };
    (0..centres.len().div_ceil(PANEL)).map(of).collect()
}

fn products(a: &[[f64; PANEL]], b: &[[f64; PANEL]]) -> [[f64; PANEL]; PANEL] {
    let mut sums = [[0.0; PANEL]; PANEL];
    for (a, b) in a.iter().zip(b) {
        for (sums, a) in sums.iter_mut().zip(a) {
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum += a * b;
            }
        }
    }
    sums
}

fn see(
    centres: &Centres,
    norms: &[f64],
    [first, second]: [usize; 2],
    products: &[[f64; PANEL]; PANEL],
    seen: &mut [ToOthers],
) {
    for (lane, of_lane) in products.iter().enumerate() {
        for (other, &product) in of_lane.iter().enumerate() {
            let (a, b) = (first * PANEL + lane, second * PANEL + other);
            if a >= b || b >= centres.len() {
                continue;
            }
            let both = norms[a] * norms[a] + norms[b] * norms[b];
            let squared = match both - 2.0 * product {
                lost if lost < CANCELLED * both => {
                    square_distance(centres.centre(a), centres.centre(b))
                }
                squared => squared,
            };
            let cosine =
                (product / (norms[a] * norms[b])).clamp(-1.0, 1.0) - simplex(centres.len());
            let spreads = centres.spreads[a] + centres.spreads[b];
            seen[a].see(b, squared.sqrt(), spreads, cosine);
            seen[b].see(a, squared.sqrt(), spreads, cosine);
        }
    }
}

/// The cosine of two of `classes` centres that lie as evenly as can be.
pub(super) fn simplex(classes: usize) -> f64 {
    -1.0 / (classes as f64 - 1.0)
}
