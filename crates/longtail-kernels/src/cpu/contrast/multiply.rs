//! Products of tiles: similarities, and what slopes send back to the embeddings.

use super::{tile::TILE, vector::Exponential};

/// `out[r, v] (+)= Σ_s a[r, s] · b[s, v]`
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Multiply {
    /// First value of the left factor.
    pub a: *const f32,
    /// Values from one of its rows to the next.
    pub a_row: usize,
    /// Values from one of its columns to the next.
    pub a_step: usize,
    /// The right factor, in blocks of [`block`] columns.
    pub b: *const f32,
    /// Values from one of its rows to the next.
    pub b_step: usize,
    /// Values from one block to the next.
    pub b_block: usize,
    /// The product.
    pub out: *mut f32,
    /// Values from one of its rows to the next.
    pub out_row: usize,
    /// Its rows, a multiple of [`ROWS`].
    pub rows: usize,
    /// Its columns, a multiple of the lanes.
    pub columns: usize,
    /// Terms of the sum.
    pub steps: usize,
    /// Whether to add to what `out` holds.
    pub accumulate: bool,
}

/// What the rows made at once divide on every path.
pub(super) const ROWS: usize = 8;

/// Columns made at once.
#[inline(always)]
pub(super) const fn block<S: Exponential>() -> usize {
    2 * S::LANES
}

/// Runs `m`.
///
/// # Safety
/// [`Exponential`]'s; every address that the fields of `m` describe is valid.
#[inline(always)]
pub(super) unsafe fn multiply<S: Exponential>(m: &Multiply) {
    let blocks = m.columns / block::<S>();
    for index in 0..=blocks {
        let first = index * block::<S>();
        // SAFETY: both pointers stay within what `m` describes, by the caller's promise.
        unsafe {
            let m = Multiply {
                b: m.b.wrapping_add(index * m.b_block),
                out: m.out.wrapping_add(first),
                ..*m
            };
            match (m.columns - first) / S::LANES {
                0 => {}
                1 => rows::<S, 1>(&m),
                _ => rows::<S, 2>(&m),
            }
        }
    }
}

#[inline(always)]
unsafe fn rows<S: Exponential, const VECTORS: usize>(m: &Multiply) {
    // SAFETY: handed on. Constant steps become addresses.
    unsafe {
        match (S::LANES, m.a_row, m.a_step) {
            (16, TILE, 1) => rows_of::<S, 8, VECTORS, TILE, 1>(m),
            (16, 1, TILE) => rows_of::<S, 8, VECTORS, 1, TILE>(m),
            (16, ..) => rows_of::<S, 8, VECTORS, 0, 1>(m),
            (_, TILE, 1) => rows_of::<S, 4, VECTORS, TILE, 1>(m),
            (_, 1, TILE) => rows_of::<S, 4, VECTORS, 1, TILE>(m),
            _ => rows_of::<S, 4, VECTORS, 0, 1>(m),
        }
    }
}

// Indices over registers, which iterators would hide.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
unsafe fn rows_of<
    S: Exponential,
    const ROWS: usize,
    const VECTORS: usize,
    const A_ROW: usize,
    const A_STEP: usize,
>(
    m: &Multiply,
) {
    const { assert!(super::multiply::ROWS.is_multiple_of(ROWS)) };
    let a_row = if A_ROW == 0 { m.a_row } else { A_ROW };
    for row in (0..m.rows).step_by(ROWS) {
        // SAFETY: `ROWS` divides the rows, and `m` describes them all.
        unsafe {
            let out = m.out.add(row * m.out_row);
            let mut acc = [[S::zero(); VECTORS]; ROWS];
            if m.accumulate {
                for r in 0..ROWS {
                    for v in 0..VECTORS {
                        acc[r][v] = S::load(out.add(r * m.out_row + v * S::LANES));
                    }
                }
            }
            let (mut a, mut b) = (m.a.add(row * a_row), m.b);
            for _ in 0..m.steps {
                let mut right = [S::zero(); VECTORS];
                for v in 0..VECTORS {
                    right[v] = S::load(b.add(v * S::LANES));
                }
                for r in 0..ROWS {
                    let left = S::splat_at(a.add(r * a_row));
                    for v in 0..VECTORS {
                        acc[r][v] = S::mul_add(left, right[v], acc[r][v]);
                    }
                }
                a = a.wrapping_add(A_STEP);
                b = b.wrapping_add(m.b_step);
            }
            for r in 0..ROWS {
                for v in 0..VECTORS {
                    S::store(out.add(r * m.out_row + v * S::LANES), acc[r][v]);
                }
            }
        }
    }
}
