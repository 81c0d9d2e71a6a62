//! The contrastive loss in tiles of the similarity matrix, which never stands in memory.
//!
//! Similarities of embeddings are symmetric, so a tile above the diagonal serves its rows and its
//! columns as anchors. One pass over the tiles gathers every anchor's log-sum-exp; the prototypes
//! follow; a second pass makes the tiles again, turns them into slopes and sends these back to both
//! sides.

mod multiply;
mod pack;
mod rounds;
mod table;
mod tile;
mod vector;

use std::f64::consts::LN_2;

use rayon::prelude::*;

use self::{
    pack::Tile,
    rounds::for_each_pair,
    table::Table,
    tile::{Cells, EXCLUDED, Each, Place, Slope, Sums, TILE, Weigh},
};
use crate::{contrast_terms::ContrastTerms, cpu::path::Path};

/// Most accumulators of the prototypes' gradient.
const MOST_CHUNKS: usize = 8;

/// The loss and, if they were asked for, its gradients by embeddings and by prototypes.
pub(crate) struct Contrasted {
    pub loss: f32,
    pub gradients: Option<(Vec<f32>, Vec<f32>)>,
}

/// Whether the active path has the loops.
pub(crate) fn can_contrast() -> bool {
    Path::active() != Path::Composed
}

/// See [`crate::contrast`]; `z` and `prototypes` are rows of `features` values.
pub(crate) fn contrast(
    z: &[f32],
    prototypes: &[f32],
    features: usize,
    terms: &ContrastTerms,
    wants_gradients: bool,
) -> Contrasted {
    let table = table::kernels(Path::active());
    // Inside the pool, so that its threads need not be woken for every round.
    rayon::scope(|_| {
        Work::new(z, prototypes, features, terms, table).run(features, wants_gradients)
    })
}

/// What every task reads.
struct Work<'a> {
    table: &'static Table,
    terms: &'a ContrastTerms,
    embeddings: Vec<Tile<'a>>,
    prototypes: Vec<Tile<'a>>,
    prototype_count: usize,
}

/// What the anchors of one tile gather.
struct Anchors<'g> {
    tile: usize,
    sums: Sums,
    slope: Slope,
    gradient: Option<&'g mut [f32]>,
    loss: f64,
    /// Similarities to the vectors of this tile and of all later ones, if they are kept.
    kept: Vec<Cells>,
}

impl<'g> Anchors<'g> {
    fn new(tile: usize, gradient: Option<&'g mut [f32]>, kept: usize) -> Self {
        let zero = Each([0.0; TILE]);
        Self {
            tile,
            sums: Sums { max: Each([EXCLUDED; TILE]), sum: zero, attraction: zero },
            slope: Slope { shift: zero, repel: zero, attract: zero },
            gradient,
            loss: 0.0,
            kept: (0..kept).map(|_| Cells([0.0; TILE * TILE])).collect(),
        }
    }
}

/// Whether to keep the similarities from the first pass to the second: where there are at most three
/// times as many as values of embeddings, so that the memory still grows as these.
fn keeps(tiles: usize, features: usize) -> bool {
    (tiles + 1) * TILE / 2 <= 3 * features
}

/// Tiles to a block: as few as keep the rounds few, so that there are blocks for many threads; more
/// where the vectors do not stay in the caches and have to serve more than once when they come.
fn tiles_of_block(tiles: usize) -> usize {
    match tiles {
        ..=16 => 1,
        17..=64 => 2,
        65..=128 => 4,
        129..=512 => 8,
        _ => 16,
    }
}

impl<'a> Work<'a> {
    fn new(
        z: &'a [f32],
        prototypes: &'a [f32],
        features: usize,
        terms: &'a ContrastTerms,
        table: &'static Table,
    ) -> Self {
        let pack = |vectors: &'a [f32], column: usize| -> Vec<Tile<'a>> {
            let tiles = (vectors.len() / features).div_ceil(TILE);
            let tile = |t: usize| Tile::new(vectors, features, t * TILE, column, terms, table);
            (0..tiles).into_par_iter().map(tile).collect()
        };
        Self {
            table,
            terms,
            embeddings: pack(z, 0),
            prototypes: pack(prototypes, terms.anchors()),
            prototype_count: prototypes.len() / features,
        }
    }

    fn run(&self, features: usize, wants_gradients: bool) -> Contrasted {
        let stride = self.embeddings[0].stride();
        let tiles = self.embeddings.len();
        let mut of_embeddings = vec![0.0; if wants_gradients { tiles * TILE * stride } else { 0 }];
        let gradients = of_embeddings.chunks_exact_mut(TILE * stride).map(Some);
        let gradients = gradients.chain(std::iter::repeat_with(|| None));
        let keeps = wants_gradients && keeps(tiles, features);
        let kept = |tile: usize| if keeps { tiles - tile } else { 0 };
        let mut anchors: Vec<Anchors<'_>> = (0..tiles)
            .zip(gradients)
            .map(|(tile, gradient)| Anchors::new(tile, gradient, kept(tile)))
            .collect();
        let block = tiles_of_block(tiles);
        let mut blocks: Vec<&mut [Anchors<'_>]> = anchors.chunks_mut(block).collect();
        for_each_pair(&mut blocks, |a| self.sum_block(a), |a, b| self.sum_pair(a, b));
        let of_prototypes = self.face_prototypes(&mut anchors, wants_gradients);
        let loss = anchors.iter().map(|a| a.loss).sum::<f64>() / self.terms.anchors() as f64;
        if wants_gradients {
            let mut blocks: Vec<&mut [Anchors<'_>]> = anchors.chunks_mut(block).collect();
            for_each_pair(&mut blocks, |a| self.weigh_block(a), |a, b| self.weigh_pair(a, b));
        }
        let gradients = of_prototypes.map(|of_prototypes| {
            let of_embeddings = unpad(of_embeddings, stride, self.terms.anchors(), features);
            (of_embeddings, unpad(of_prototypes, stride, self.prototype_count, features))
        });
        Contrasted { loss: loss as f32, gradients }
    }

    fn diagonal(&self) -> Place {
        if self.terms.include_self { Place::DiagonalWithSelf } else { Place::Diagonal }
    }

    /// The similarities of embeddings.
    fn cells(&self, row: usize, column: usize, cells: &mut Cells) {
        self.embeddings[row].similarities(&self.embeddings[column], cells, self.table);
    }

    /// The same once more, kept or made.
    fn again<'c>(
        &self,
        row: usize,
        column: usize,
        kept: &'c mut [Cells],
        cells: &'c mut Cells,
    ) -> &'c mut Cells {
        match kept.get_mut(column - row) {
            Some(kept) => kept,
            None => {
                self.cells(row, column, cells);
                cells
            }
        }
    }

    fn sum_block(&self, block: &mut [Anchors<'_>]) {
        let mut cells = Cells([0.0; TILE * TILE]);
        for first in 0..block.len() {
            let [a, others @ ..] = &mut block[first..] else { return };
            let side = &self.embeddings[a.tile].side;
            let to_themselves = a.kept.first_mut().unwrap_or(&mut cells);
            self.cells(a.tile, a.tile, to_themselves);
            // SAFETY: the table is an active path's.
            unsafe {
                (self.table.sum_rows)(to_themselves, side, side, self.diagonal(), &mut a.sums);
            }
            others.iter_mut().for_each(|b| self.sum_tile(a, b, &mut cells));
        }
    }

    fn sum_pair(&self, a: &mut [Anchors<'_>], b: &mut [Anchors<'_>]) {
        let mut cells = Cells([0.0; TILE * TILE]);
        for a in a {
            b.iter_mut().for_each(|b| self.sum_tile(a, b, &mut cells));
        }
    }

    fn sum_tile(&self, a: &mut Anchors<'_>, b: &mut Anchors<'_>, cells: &mut Cells) {
        let [rows, columns] = [a.tile, b.tile].map(|tile| &self.embeddings[tile].side);
        let cells = a.kept.get_mut(b.tile - a.tile).unwrap_or(cells);
        self.cells(a.tile, b.tile, cells);
        // SAFETY: the table is an active path's.
        unsafe {
            (self.table.sum_rows)(cells, rows, columns, Place::Off, &mut a.sums);
            (self.table.sum_columns)(cells, rows, columns, &mut b.sums);
        }
    }

    fn weigh_block(&self, block: &mut [Anchors<'_>]) {
        let mut cells = Cells([0.0; TILE * TILE]);
        for first in 0..block.len() {
            let [a, others @ ..] = &mut block[first..] else { return };
            let tile = &self.embeddings[a.tile];
            let cells_of_a = self.again(a.tile, a.tile, &mut a.kept, &mut cells);
            self.weigh(cells_of_a, tile, tile, &a.slope, Some(&a.slope), self.diagonal());
            if let Some(gradient) = &mut a.gradient {
                tile.pull(tile, cells_of_a, false, gradient, self.table);
            }
            others.iter_mut().for_each(|b| self.weigh_tile(a, b, &mut cells));
        }
    }

    fn weigh_pair(&self, a: &mut [Anchors<'_>], b: &mut [Anchors<'_>]) {
        let mut cells = Cells([0.0; TILE * TILE]);
        for a in a {
            b.iter_mut().for_each(|b| self.weigh_tile(a, b, &mut cells));
        }
    }

    fn weigh_tile(&self, a: &mut Anchors<'_>, b: &mut Anchors<'_>, cells: &mut Cells) {
        let (rows, columns) = (&self.embeddings[a.tile], &self.embeddings[b.tile]);
        let cells = self.again(a.tile, b.tile, &mut a.kept, cells);
        self.weigh(cells, rows, columns, &a.slope, Some(&b.slope), Place::Off);
        if let (Some(of_rows), Some(of_columns)) = (&mut a.gradient, &mut b.gradient) {
            columns.pull(rows, cells, false, of_rows, self.table);
            rows.pull(columns, cells, true, of_columns, self.table);
        }
    }

    fn weigh(
        &self,
        cells: &mut Cells,
        rows: &Tile<'_>,
        columns: &Tile<'_>,
        of_rows: &Slope,
        of_columns: Option<&Slope>,
        place: Place,
    ) {
        let w = Weigh { rows: &rows.side, columns: &columns.side, of_rows, of_columns, place };
        // SAFETY: the table is an active path's.
        unsafe { (self.table.weigh)(cells, &w) }
    }

    /// Adds the prototypes to the sums, which are then complete, and sends their slopes back. The
    /// prototypes' gradient is summed over a number of chunks that depends on the sizes alone.
    fn face_prototypes(
        &self,
        anchors: &mut [Anchors<'_>],
        wants_gradients: bool,
    ) -> Option<Vec<f32>> {
        let positives = self.terms.positives();
        let chunk = anchors.len().div_ceil(MOST_CHUNKS);
        let mut sums: Vec<Option<Vec<f32>>> = anchors
            .par_chunks_mut(chunk)
            .with_max_len(1)
            .map(|chunk| self.face_prototypes_of(chunk, &positives, wants_gradients))
            .collect();
        let (first, others) = sums.split_first_mut()?;
        let mut total = first.take()?;
        for other in others.iter().flatten() {
            total.iter_mut().zip(other.iter()).for_each(|(t, o)| *t += o);
        }
        Some(total)
    }

    fn face_prototypes_of(
        &self,
        anchors: &mut [Anchors<'_>],
        positives: &[u32],
        wants_gradients: bool,
    ) -> Option<Vec<f32>> {
        let tile_values = TILE * self.embeddings[0].stride();
        let length = self.prototypes.len() * tile_values;
        let mut gradient = wants_gradients.then(|| vec![0.0; length]);
        let mut cells: Vec<Cells> =
            self.prototypes.iter().map(|_| Cells([0.0; TILE * TILE])).collect();
        for a in anchors {
            let rows = &self.embeddings[a.tile];
            for (cells, columns) in cells.iter_mut().zip(&self.prototypes) {
                rows.similarities(columns, cells, self.table);
                let (rows, columns) = (&rows.side, &columns.side);
                // SAFETY: the table is an active path's.
                unsafe { (self.table.sum_rows)(cells, rows, columns, Place::Off, &mut a.sums) }
            }
            finish(a, positives, self.terms);
            let (Some(gradient), Some(of_rows)) = (&mut gradient, &mut a.gradient) else {
                continue;
            };
            let of_columns = gradient.chunks_exact_mut(tile_values);
            for ((cells, columns), of_columns) in
                cells.iter_mut().zip(&self.prototypes).zip(of_columns)
            {
                self.weigh(cells, rows, columns, &a.slope, None, Place::Off);
                columns.pull(rows, cells, false, of_rows, self.table);
                rows.pull(columns, cells, true, of_columns, self.table);
            }
        }
        gradient
    }
}

/// Loss and slopes of the anchors of one tile, whose sums are complete.
fn finish(a: &mut Anchors<'_>, positives: &[u32], terms: &ContrastTerms) {
    let first = a.tile * TILE;
    let rows = terms.anchors();
    for i in 0..TILE.min(rows - first) {
        let row = first + i;
        let log_sum = f64::from(a.sums.max.0[i]) + f64::from(a.sums.sum.0[i]).log2();
        let factor = terms.anchor_factor(row) / terms.temperature;
        let attraction = factor * f64::from(a.sums.attraction.0[i]);
        let positives = f64::from(positives[row]);
        let repulsion = positives * (log_sum * LN_2 - terms.prior[row]);
        a.loss += terms.inverse_norm[row] * (repulsion - attraction);
        let attract = terms.inverse_norm[row] * factor / rows as f64;
        a.slope.shift.0[i] = -log_sum as f32;
        a.slope.repel.0[i] = (positives * attract) as f32;
        a.slope.attract.0[i] = attract as f32;
    }
}

/// `count` rows of `features` values out of rows that are `stride` apart.
fn unpad(mut values: Vec<f32>, stride: usize, count: usize, features: usize) -> Vec<f32> {
    if stride != features {
        for row in 0..count {
            values.copy_within(row * stride..row * stride + features, row * features);
        }
    }
    values.truncate(count * features);
    values
}

#[cfg(test)]
mod tests {
    use super::{
        table,
        tile::{Each, TILE},
    };
    use crate::Path;

    /// Largest error in units of the last place over the range that matters, on every path.
    #[test]
    fn exp2_is_right_to_one_unit_of_the_last_place() {
        for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
            let table = table::kernels(path);
            let exp2 = |values: [f32; TILE]| {
                let mut values = Each(values);
                // SAFETY: the path is available.
                unsafe { (table.exp2)(&mut values) };
                values.0
            };
            let mut largest = 0.0_f64;
            for step in 0..50_000 {
                let x: [f32; TILE] =
                    std::array::from_fn(|i| -125.0 + 0.005 * step as f32 + 7.7e-5 * i as f32);
                for (x, y) in x.into_iter().zip(exp2(x)) {
                    let exact = f64::from(x).exp2();
                    let unit = exact.log2().floor().exp2() * f64::from(f32::EPSILON);
                    largest = largest.max((f64::from(y) - exact).abs() / unit);
                }
            }
            assert!(largest < 1.5, "{largest} units on {}", path.name());
            let special = [f32::NAN, f32::NEG_INFINITY, -1e30, -151.0, 0.0, 1.0, 127.0];
            let results = exp2(std::array::from_fn(|i| special[i % special.len()]));
            assert!(results[0].is_nan());
            assert_eq!(results[1..7], [0.0, 0.0, 0.0, 1.0, 2.0, 127_f32.exp2()]);
        }
    }
}
