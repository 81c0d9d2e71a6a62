//! Embeddings laid out for the tiles.

use std::{borrow::Cow, f64::consts::LOG2_E};

use super::{
    multiply::{Multiply, ROWS},
    table::Table,
    tile::{Cells, EXCLUDED, Each, Side, TILE},
};
use crate::{contrast_terms::ContrastTerms, cpu::words::Words};

/// [`TILE`] embeddings or prototypes; what is missing to it is zeros that do not count.
pub(super) struct Tile<'a> {
    /// `[TILE, stride]`, the features filled up with zeros to whole vectors.
    rows: Cow<'a, [f32]>,
    /// The transpose in blocks of two vectors: `[TILE / block, features, block]`.
    panels: Words,
    pub side: Side,
    count: usize,
    features: usize,
    stride: usize,
    block: usize,
}

impl<'a> Tile<'a> {
    /// The tile of the vectors from `first` on, whose terms start at column `column`.
    pub(super) fn new(
        vectors: &'a [f32],
        features: usize,
        first: usize,
        column: usize,
        terms: &ContrastTerms,
        table: &Table,
    ) -> Self {
        let stride = features.next_multiple_of(table.lanes);
        let block = 2 * table.lanes;
        let vectors = &vectors[first * features..];
        let count = TILE.min(vectors.len() / features);
        let rows = match vectors.get(..TILE * stride) {
            Some(rows) if stride == features => Cow::Borrowed(rows),
            _ => Cow::Owned(padded(vectors, features, stride)),
        };
        let mut panels = Words::zeros(TILE * features);
        for (index, panel) in panels.chunks_exact_mut(block * features).enumerate() {
            let of_panel = &rows[index * block * stride..][..block * stride];
            for (feature, column) in panel.chunks_exact_mut(block).enumerate() {
                for (value, row) in column.iter_mut().zip(of_panel.chunks_exact(stride)) {
                    *value = row[feature];
                }
            }
        }
        let side = side(column + first, count, terms);
        Self { rows, panels, side, count, features, stride, block }
    }

    /// Values from one row of a gradient to the next.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// The dot products of this tile's vectors with the columns' vectors.
    pub(super) fn similarities(&self, columns: &Tile<'_>, cells: &mut Cells, table: &Table) {
        assert!(self.features == columns.features && self.block == columns.block);
        let rows = self.count.next_multiple_of(ROWS);
        let width = columns.count.next_multiple_of(table.lanes);
        if (rows, width) != (TILE, TILE) {
            cells.0.fill(0.0);
        }
        let m = Multiply {
            a: self.rows.as_ptr(),
            a_row: self.stride,
            a_step: 1,
            b: columns.panels.as_ptr(),
            b_step: self.block,
            b_block: self.block * self.features,
            out: cells.0.as_mut_ptr(),
            out_row: TILE,
            rows,
            columns: width,
            steps: self.features,
            accumulate: false,
        };
        // SAFETY: rows are `[TILE, stride]` with `features <= stride`, panels hold `features` rows of
        // a block for each of `TILE / block` blocks, cells `[TILE, TILE]`; the table is an active
        // path's.
        unsafe { (table.multiply)(&m) }
    }

    /// Adds `slopes · vectors` of this tile to the gradient of the vectors of `to`: slopes of this
    /// tile's columns, or, if `transposed`, of its rows.
    pub(super) fn pull(
        &self,
        to: &Tile<'_>,
        slopes: &Cells,
        transposed: bool,
        gradient: &mut [f32],
        table: &Table,
    ) {
        assert!(gradient.len() == TILE * self.stride && self.stride == to.stride);
        let (a_row, a_step) = if transposed { (1, TILE) } else { (TILE, 1) };
        let m = Multiply {
            a: slopes.0.as_ptr(),
            a_row,
            a_step,
            b: self.rows.as_ptr(),
            b_step: self.stride,
            b_block: self.block,
            out: gradient.as_mut_ptr(),
            out_row: self.stride,
            rows: to.count.next_multiple_of(ROWS),
            columns: self.stride,
            steps: self.count,
            accumulate: true,
        };
        // SAFETY: slopes are `[TILE, TILE]` either way round, rows and gradient `[TILE, stride]`
        // with a stride of whole vectors; the table is an active path's.
        unsafe { (table.multiply)(&m) }
    }
}

/// [`TILE`] rows of `stride` values, zeros where there are no vectors.
fn padded(vectors: &[f32], features: usize, stride: usize) -> Vec<f32> {
    let mut rows = vec![0.0; TILE * stride];
    for (row, vector) in rows.chunks_exact_mut(stride).zip(vectors.chunks_exact(features)) {
        row[..features].copy_from_slice(vector);
    }
    rows
}

/// What `count` columns from `first` on carry.
fn side(first: usize, count: usize, terms: &ContrastTerms) -> Side {
    let each = |filler: f32, value: &dyn Fn(usize) -> f64| {
        let mut all = [filler; TILE];
        for (i, slot) in all[..count].iter_mut().enumerate() {
            *slot = value(first + i) as f32;
        }
        Each(all)
    };
    let anchor = |k: usize| match k < terms.anchors() {
        true => terms.anchor_factor(k) * LOG2_E / terms.temperature,
        false => 0.0,
    };
    Side {
        label: each(-1.0, &|k| f64::from(terms.labels[k])),
        anchor: each(0.0, &anchor),
        contrast: each(0.0, &|k| terms.contrast_factor(k)),
        own: each(EXCLUDED, &|k| terms.bias_own[k] * LOG2_E),
        other: each(EXCLUDED, &|k| terms.bias_other[k] * LOG2_E),
    }
}
