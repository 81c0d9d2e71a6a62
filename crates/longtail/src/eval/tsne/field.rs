//! What drives points apart, by a field on a grid: particle-mesh sums as of Essmann et al. 1995, of the kernel and with the
//! padding of FIt-SNE (Linderman et al. 2019).

use rayon::prelude::*;

use super::{
    convolution::{Convolution, ROWS},
    forces::Repulsion,
    spline::{ORDER, shares},
};

/// Distance of two nodes, in which the kernel of width 1 hardly changes its course.
const SPACING: f64 = 0.5;
/// Where points come nearer than this, nodes do no more.
const LEAST_SPACING: f64 = 1e-9;
/// Nodes at least across the points, and at most.
const LEAST: f64 = 16.0;
const MOST: f64 = 2000.0;
/// Points that one thread takes on at a time.
const AT_ONCE: usize = 256;

/// The grid and its field, kept from one step to the next.
#[derive(Default)]
pub(super) struct Field {
    convolution: Option<Convolution>,
    values: Vec<f32>,
    placed: Vec<Placed>,
    order: Vec<u32>,
}

/// A point on the grid: the first node of each axis that it has a share in, and how far it is behind the second.
#[derive(Debug, Clone, Copy, Default)]
struct Placed {
    node: [u32; 2],
    behind: [f32; 2],
}

impl Field {
    /// Of all points on each.
    pub fn repulsion(&mut self, points: &[[f64; 2]], into: &mut Repulsion) {
        let (low, high) = extent(points);
        let convolution = fitting(self.convolution.take(), [high[0] - low[0], high[1] - low[1]]);
        let convolution = self.convolution.insert(convolution);
        let scale = 1.0 / convolution.spacing;
        let place =
            |point: &[f64; 2]| Placed::of([0, 1].map(|axis| (point[axis] - low[axis]) * scale));
        self.placed.resize(points.len(), Placed::default());
        let at_once = |placed: &mut [Placed], points: &[[f64; 2]]| {
            placed.iter_mut().zip(points).for_each(|(placed, point)| *placed = place(point));
        };
        self.placed
            .par_chunks_mut(AT_ONCE)
            .zip(points.par_chunks(AT_ONCE))
            .for_each(|(placed, points)| at_once(placed, points));
        let starts = by_block(&self.placed, convolution.nodes[1].div_ceil(ROWS), &mut self.order);
        let (placed, order, length) = (&self.placed, &self.order, convolution.row_length());
        let charges = |block: usize, rows: &mut [f32]| {
            // The points of the block before reach into this one.
            let before = starts[block.saturating_sub(1)]..starts[block + 1];
            for &point in &order[before] {
                spread(&placed[point as usize], block * ROWS, length, rows);
            }
        };
        convolution.field(charges, &mut self.values);
        gather(&self.values, convolution, placed, into);
    }
}

/// Least and largest coordinates.
fn extent(points: &[[f64; 2]]) -> ([f64; 2], [f64; 2]) {
    points.iter().fold(([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]), |(low, high), point| {
        ([0, 1].map(|a| low[a].min(point[a])), [0, 1].map(|a| high[a].max(point[a])))
    })
}

/// A convolution for points over `extent`: the last one if it has enough nodes and not far too many.
fn fitting(last: Option<Convolution>, extent: [f64; 2]) -> Convolution {
    let largest = extent[0].max(extent[1]);
    let mut spacing = SPACING.max(largest / MOST);
    while spacing > LEAST_SPACING && largest < LEAST * spacing {
        spacing /= 2.0;
    }
    let nodes = extent.map(|extent| (extent / spacing) as usize + ORDER + 1);
    let fits = |last: &Convolution| {
        let enough = |axis: usize| {
            last.nodes[axis] >= nodes[axis] && last.nodes[axis] < 3 * nodes[axis] / 2 + 32
        };
        last.spacing == spacing && enough(0) && enough(1)
    };
    last.filter(fits).unwrap_or_else(|| Convolution::new(nodes, spacing))
}

impl Placed {
    fn of(at: [f64; 2]) -> Self {
        let behind = at.map(|at| (at - at.floor()) as f32);
        // What rounds up to a whole node is just before it.
        Self { node: at.map(|at| at as u32), behind: behind.map(|t| t.min(1.0 - f32::EPSILON)) }
    }
}

/// Sorts points by the block of rows that their first is in, each block's in their order; gives where each block begins.
fn by_block(placed: &[Placed], blocks: usize, order: &mut Vec<u32>) -> Vec<usize> {
    let block = |placed: &Placed| placed.node[1] as usize / ROWS;
    let mut starts = vec![0; blocks + 1];
    placed.iter().for_each(|placed| starts[block(placed) + 1] += 1);
    (0..blocks).for_each(|block| starts[block + 1] += starts[block]);
    let mut next = starts.clone();
    order.resize(placed.len(), 0);
    for (point, placed) in placed.iter().enumerate() {
        let next = &mut next[block(placed)];
        order[*next] = point as u32;
        *next += 1;
    }
    starts
}

/// Adds the shares of a point to those of its nodes that lie in `rows`, from row `first` on.
fn spread(placed: &Placed, first: usize, length: usize, rows: &mut [f32]) {
    let [(across, _), (down, _)] = placed.behind.map(shares);
    let [column, row] = placed.node.map(|node| node as usize);
    for (row, down) in (row..).zip(down) {
        let Some(row) = row.checked_sub(first) else { continue };
        if let Some(nodes) = rows.get_mut(row * length + column..).and_then(|r| r.get_mut(..ORDER))
        {
            nodes.iter_mut().zip(across).for_each(|(node, across)| *node += across * down);
        }
    }
}

/// The force on each point, which is half the field's fall, and the sum of the field.
fn gather(values: &[f32], convolution: &Convolution, placed: &[Placed], into: &mut Repulsion) {
    let (length, scale) = (convolution.row_length(), (-0.5 / convolution.spacing) as f32);
    into.forces.resize(placed.len(), [0.0; 2]);
    let sums: Vec<f64> = into
        .forces
        .par_chunks_mut(AT_ONCE)
        .zip(placed.par_chunks(AT_ONCE))
        .map(|(forces, placed)| {
            let mut sum = 0.0;
            for (force, placed) in forces.iter_mut().zip(placed) {
                let (value, slopes) = field_at(values, length, placed);
                *force = slopes.map(|slope| slope * scale);
                sum += f64::from(value);
            }
            sum
        })
        .collect();
    let count = placed.len() as f64;
    into.normaliser = sums.iter().sum::<f64>() + convolution.offset * count * count - count;
}

/// The field at a point and its slopes, per node.
fn field_at(values: &[f32], length: usize, placed: &Placed) -> (f32, [f32; 2]) {
    let [(across, across_slopes), (down, down_slopes)] = placed.behind.map(shares);
    let [column, row] = placed.node.map(|node| node as usize);
    let (mut value, mut slopes) = (0.0, [0.0; 2]);
    for (row, (down, down_slope)) in (row..).zip(down.into_iter().zip(down_slopes)) {
        let nodes = &values[row * length + column..][..ORDER];
        let along = |shares: [f32; ORDER]| -> f32 {
            nodes.iter().zip(shares).map(|(node, share)| node * share).sum()
        };
        let straight = along(across);
        value += down * straight;
        slopes[0] += down * along(across_slopes);
        slopes[1] += down_slope * straight;
    }
    (value, slopes)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::eval::tsne::forces::exact_repulsion;

    /// `count` points in three heaps, over about `extent`.
    fn heaps(count: usize, extent: f64, seed: u64) -> Vec<[f64; 2]> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut drawn = || f64::from(rng.next_u32()) / f64::from(u32::MAX) - 0.5;
        let middles: Vec<[f64; 2]> = (0..3).map(|_| [drawn() * extent, drawn() * extent]).collect();
        let point = |index: usize| middles[index % 3].map(|middle| middle + drawn() * extent / 4.0);
        (0..count).map(point).collect()
    }

    fn apart(a: [f32; 2], b: [f32; 2]) -> f64 {
        f64::from((a[0] - b[0]).hypot(a[1] - b[1]))
    }

    fn root_mean_square(numbers: impl ExactSizeIterator<Item = f64>) -> f64 {
        let count = numbers.len() as f64;
        (numbers.map(|number| number * number).sum::<f64>() / count).sqrt()
    }

    #[test]
    fn the_field_drives_points_as_all_pairs_do() {
        // From the first step to more room than 10,000 points take. The less a point has around it, the more weighs what
        // the grid lets it do to itself.
        let cases =
            [(1e-4, 2e-5), (0.1, 2e-5), (3.0, 1e-3), (20.0, 0.015), (60.0, 0.03), (150.0, 0.06)];
        let mut field = Field::default();
        for (seed, (wide, bound)) in (0..).zip(cases) {
            let points = heaps(1500, wide, seed);
            let rounded: Vec<_> = points.iter().map(|point| point.map(|at| at as f32)).collect();
            let (mut exact, mut found) = (Repulsion::default(), Repulsion::default());
            exact_repulsion(&rounded, &mut exact);
            field.repulsion(&points, &mut found);
            let pairs = exact.forces.iter().zip(&found.forces);
            let error = root_mean_square(pairs.map(|(exact, found)| apart(*exact, *found)));
            let size = root_mean_square(exact.forces.iter().map(|&force| apart(force, [0.0; 2])));
            assert!(error < bound * size, "over {wide}: {error} of {size}");
            let of_sum = (found.normaliser / exact.normaliser - 1.0).abs();
            assert!(of_sum < 4e-3, "over {wide}: {of_sum}");
        }
    }

    #[test]
    fn points_that_all_but_coincide_are_no_matter() {
        let mut points = vec![[3.0, -2.0]; 1200];
        points[7] = [3.0 + 1e-12, -2.0];
        let mut found = Repulsion::default();
        Field::default().repulsion(&points, &mut found);
        assert!((found.normaliser / (1200.0 * 1199.0) - 1.0).abs() < 1e-6);
        assert!(found.forces.iter().flatten().all(|force| force.is_finite()));
    }
}
