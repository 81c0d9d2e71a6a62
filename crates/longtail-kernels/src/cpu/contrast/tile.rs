//! One tile of the similarity matrix: its share of every row's log-sum-exp, and its slopes.
//!
//! Exponents are in base 2 throughout: log₂ e is part of what an anchor carries.

use super::vector::Exponential;

/// Rows and columns of a tile.
pub(in crate::cpu) const TILE: usize = 64;

/// The bias of a column that does not count. Finite, so that a row without any column keeps finite
/// sums.
pub(in crate::cpu) const EXCLUDED: f32 = -1e30;

/// One value for each row or column of a tile.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(in crate::cpu) struct Each(pub [f32; TILE]);

impl Each {
    #[inline(always)]
    fn at(&self, index: usize) -> *const f32 {
        self.0[index..].as_ptr()
    }
}

/// The cells of a tile.
#[repr(align(64))]
pub(in crate::cpu) struct Cells(pub [f32; TILE * TILE]);

/// What embeddings carry beside their features.
pub(in crate::cpu) struct Side {
    /// Class; −1 of what only fills a tile.
    pub label: Each,
    /// As an anchor: factor · log₂ e / T.
    pub anchor: Each,
    /// As a contrast: factor.
    pub contrast: Each,
    /// As a contrast: bias for anchors of its own class.
    pub own: Each,
    /// As a contrast: bias for other anchors.
    pub other: Each,
}

/// What anchors gather over the columns.
pub(in crate::cpu) struct Sums {
    /// Largest exponent so far.
    pub max: Each,
    /// Sum of the powers, relative to it.
    pub sum: Each,
    /// Sum over the positives of similarity · the contrast's factor.
    pub attraction: Each,
}

/// How the loss answers to an anchor's exponents.
pub(in crate::cpu) struct Slope {
    /// −log-sum-exp.
    pub shift: Each,
    /// Factor of the softmax.
    pub repel: Each,
    /// Factor of every positive.
    pub attract: Each,
}

/// A tile on the diagonal holds every anchor's similarity to itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) enum Place {
    /// Away from the diagonal.
    Off,
    /// On it, the anchor itself not among the contrasts.
    Diagonal,
    /// On it, the anchor itself among the contrasts, though never a positive.
    DiagonalWithSelf,
}

const IDS: Each = {
    let mut ids = [0.0; TILE];
    let mut i = 0;
    while i < TILE {
        ids[i] = i as f32;
        i += 1;
    }
    Each(ids)
};

/// Adds the tile to the sums of its rows.
///
/// # Safety
/// [`Exponential`]'s.
#[inline(always)]
pub(super) unsafe fn sum_rows<S: Exponential>(
    cells: &Cells,
    rows: &Side,
    columns: &Side,
    place: Place,
    sums: &mut Sums,
) {
    // SAFETY: handed on.
    unsafe {
        match place {
            Place::Off => sum_rows_at::<S, false, false>(cells, rows, columns, sums),
            Place::Diagonal => sum_rows_at::<S, true, false>(cells, rows, columns, sums),
            Place::DiagonalWithSelf => sum_rows_at::<S, true, true>(cells, rows, columns, sums),
        }
    }
}

#[inline(always)]
unsafe fn sum_rows_at<S: Exponential, const DIAGONAL: bool, const WITH_SELF: bool>(
    cells: &Cells,
    rows: &Side,
    columns: &Side,
    sums: &mut Sums,
) {
    let (mut max, mut part) = (Each([0.0; TILE]), Each([0.0; TILE]));
    for i in 0..TILE {
        // SAFETY: whole vectors within a tile, of which the lanes are a divisor.
        unsafe {
            let label = S::splat(rows.label.0[i]);
            let anchor = S::splat(rows.anchor.0[i]);
            let (mut largest, mut pull) = (S::splat(EXCLUDED), S::zero());
            let mut exponents = [S::zero(); TILE / 8];
            for (at, kept) in (0..TILE).step_by(S::LANES).zip(&mut exponents) {
                let cell = S::load(cells.0.as_ptr().add(i * TILE + at));
                let scaled = S::mul(cell, S::load(columns.contrast.at(at)));
                let theirs = S::load(columns.label.at(at));
                let (own, other) = (S::load(columns.own.at(at)), S::load(columns.other.at(at)));
                let bias = S::where_equal(label, theirs, own, other);
                let mut exponent = S::mul_add(scaled, anchor, bias);
                let mut positive = scaled;
                if DIAGONAL {
                    let (id, me) = (S::load(IDS.at(at)), S::splat(IDS.0[i]));
                    // Times 0, so that NaN stays so.
                    let nothing = S::mul(scaled, S::zero());
                    positive = S::where_equal(id, me, nothing, scaled);
                    if !WITH_SELF {
                        exponent = S::where_equal(id, me, S::splat(EXCLUDED), exponent);
                    }
                }
                pull = S::where_equal(label, theirs, S::add(pull, positive), pull);
                largest = S::max(exponent, largest);
                *kept = exponent;
            }
            max.0[i] = sums.max.0[i].max(S::largest(largest));
            let reference = S::splat(max.0[i]);
            let mut sum = S::zero();
            for exponent in &exponents[..TILE / S::LANES] {
                sum = S::add(sum, S::exp2(S::sub(*exponent, reference)));
            }
            part.0[i] = S::sum(sum);
            sums.attraction.0[i] += S::sum(pull);
        }
    }
    // SAFETY: handed on.
    unsafe { rescale::<S>(&max, &part, sums) }
}

/// Brings the sums so far to the new references and adds the new ones.
#[inline(always)]
unsafe fn rescale<S: Exponential>(max: &Each, part: &Each, sums: &mut Sums) {
    for at in (0..TILE).step_by(S::LANES) {
        // SAFETY: whole vectors within a tile.
        unsafe {
            let reference = S::load(max.at(at));
            let shrink = S::exp2(S::sub(S::load(sums.max.at(at)), reference));
            let sum = S::mul_add(S::load(sums.sum.at(at)), shrink, S::load(part.at(at)));
            S::store(sums.sum.0[at..].as_mut_ptr(), sum);
            S::store(sums.max.0[at..].as_mut_ptr(), reference);
        }
    }
}

/// Adds the tile, away from the diagonal, to the sums of its columns, which are anchors too.
///
/// # Safety
/// [`Exponential`]'s.
#[inline(always)]
pub(super) unsafe fn sum_columns<S: Exponential>(
    cells: &Cells,
    rows: &Side,
    columns: &Side,
    sums: &mut Sums,
) {
    for at in (0..TILE).step_by(S::LANES) {
        // SAFETY: whole vectors within a tile.
        unsafe {
            let label = S::load(columns.label.at(at));
            let anchor = S::load(columns.anchor.at(at));
            let before = S::load(sums.max.at(at));
            let (mut max, mut pull) = (before, S::load(sums.attraction.at(at)));
            let mut exponents = [S::zero(); TILE];
            for (i, kept) in exponents.iter_mut().enumerate() {
                let cell = S::load(cells.0.as_ptr().add(i * TILE + at));
                let scaled = S::mul(cell, S::splat(rows.contrast.0[i]));
                let theirs = S::splat(rows.label.0[i]);
                let (own, other) = (S::splat(rows.own.0[i]), S::splat(rows.other.0[i]));
                let bias = S::where_equal(label, theirs, own, other);
                let exponent = S::mul_add(scaled, anchor, bias);
                pull = S::where_equal(label, theirs, S::add(pull, scaled), pull);
                max = S::max(exponent, max);
                *kept = exponent;
            }
            let mut sum = S::mul(S::load(sums.sum.at(at)), S::exp2(S::sub(before, max)));
            for exponent in exponents {
                sum = S::add(sum, S::exp2(S::sub(exponent, max)));
            }
            S::store(sums.sum.0[at..].as_mut_ptr(), sum);
            S::store(sums.max.0[at..].as_mut_ptr(), max);
            S::store(sums.attraction.0[at..].as_mut_ptr(), pull);
        }
    }
}

/// Rows and columns of a tile with their slopes; the columns' only where they are anchors too.
pub(in crate::cpu) struct Weigh<'a> {
    pub rows: &'a Side,
    pub columns: &'a Side,
    pub of_rows: &'a Slope,
    pub of_columns: Option<&'a Slope>,
    pub place: Place,
}

/// Turns similarities into the loss's slopes by them, both directions summed.
///
/// # Safety
/// [`Exponential`]'s.
#[inline(always)]
pub(super) unsafe fn weigh<S: Exponential>(cells: &mut Cells, w: &Weigh<'_>) {
    // SAFETY: handed on.
    unsafe {
        match (w.place, w.of_columns) {
            (_, None) => weigh_at::<S, false, false, false>(cells, w, w.of_rows),
            (Place::Off, Some(back)) => weigh_at::<S, true, false, false>(cells, w, back),
            (Place::Diagonal, Some(back)) => weigh_at::<S, true, true, false>(cells, w, back),
            (Place::DiagonalWithSelf, Some(back)) => {
                weigh_at::<S, true, true, true>(cells, w, back)
            }
        }
    }
}

#[inline(always)]
unsafe fn weigh_at<
    S: Exponential,
    const BACK: bool,
    const DIAGONAL: bool,
    const WITH_SELF: bool,
>(
    cells: &mut Cells,
    w: &Weigh<'_>,
    back: &Slope,
) {
    let (rows, columns, of_rows) = (w.rows, w.columns, w.of_rows);
    for i in 0..TILE {
        for at in (0..TILE).step_by(S::LANES) {
            // SAFETY: whole vectors within a tile.
            unsafe {
                let place = cells.0[i * TILE + at..].as_mut_ptr();
                let cell = S::load(place);
                let (mine, theirs) = (S::splat(rows.label.0[i]), S::load(columns.label.at(at)));
                let selves = (S::splat(IDS.0[i]), S::load(IDS.at(at)));
                let forward = Direction::<S> {
                    contrast: S::load(columns.contrast.at(at)),
                    anchor: S::splat(rows.anchor.0[i]),
                    own: S::load(columns.own.at(at)),
                    other: S::load(columns.other.at(at)),
                    shift: S::splat(of_rows.shift.0[i]),
                    repel: S::splat(of_rows.repel.0[i]),
                    attract: S::splat(of_rows.attract.0[i]),
                };
                let mut slope = forward.slope::<DIAGONAL, WITH_SELF>(cell, mine, theirs, selves);
                if BACK {
                    let backward = Direction::<S> {
                        contrast: S::splat(rows.contrast.0[i]),
                        anchor: S::load(columns.anchor.at(at)),
                        own: S::splat(rows.own.0[i]),
                        other: S::splat(rows.other.0[i]),
                        shift: S::load(back.shift.at(at)),
                        repel: S::load(back.repel.at(at)),
                        attract: S::load(back.attract.at(at)),
                    };
                    let backward =
                        backward.slope::<DIAGONAL, WITH_SELF>(cell, mine, theirs, selves);
                    slope = S::add(slope, backward);
                }
                S::store(place, slope);
            }
        }
    }
}

/// A vector of anchors, or of contrasts, facing the others.
struct Direction<S: Exponential> {
    contrast: S::V,
    anchor: S::V,
    own: S::V,
    other: S::V,
    shift: S::V,
    repel: S::V,
    attract: S::V,
}

impl<S: Exponential> Direction<S> {
    /// (softmax · repel − [positive] · attract) · contrast
    ///
    /// # Safety
    /// [`Exponential`]'s.
    #[inline(always)]
    unsafe fn slope<const DIAGONAL: bool, const WITH_SELF: bool>(
        &self,
        cell: S::V,
        mine: S::V,
        theirs: S::V,
        (me, id): (S::V, S::V),
    ) -> S::V {
        // SAFETY: handed on.
        unsafe {
            let bias = S::where_equal(mine, theirs, self.own, self.other);
            let bias = S::add(bias, self.shift);
            let exponent = S::mul_add(S::mul(cell, self.contrast), self.anchor, bias);
            let mut repelled = S::mul(S::exp2(exponent), self.repel);
            if DIAGONAL && !WITH_SELF {
                repelled = S::where_equal(me, id, S::zero(), repelled);
            }
            let mut positive = S::sub(repelled, self.attract);
            if DIAGONAL {
                positive = S::where_equal(me, id, repelled, positive);
            }
            S::mul(self.contrast, S::where_equal(mine, theirs, positive, repelled))
        }
    }
}

/// 2^x of every value, for the test of its error.
///
/// # Safety
/// [`Exponential`]'s.
#[cfg(test)]
#[inline(always)]
pub(super) unsafe fn exp2<S: Exponential>(values: &mut Each) {
    for at in (0..TILE).step_by(S::LANES) {
        // SAFETY: whole vectors within a tile.
        unsafe {
            let power = S::exp2(S::load(values.at(at)));
            S::store(values.0[at..].as_mut_ptr(), power);
        }
    }
}
