//! The innermost loops, once per instruction set. All read rows that have room around them, so that no kernel has to look
//! where an edge is.

// Constant indices into an array of registers; an iterator there keeps the array in memory.
#![allow(clippy::needless_range_loop)]

use crate::cpu::simd::{Simd, prefetch};

/// Channels of a group that a part of a vector holds: groups as narrow are spread within the vector.
pub(crate) const QUAD: usize = 4;
/// Columns of a kernel whose gradients [`correlate_quads`] sums at once.
const AT_ONCE: usize = 3;

/// Some outputs of a row, of one block of channels.
#[derive(Clone, Copy)]
pub(crate) struct GroupedRow {
    /// First tap of the first output, at the first channel of its slice.
    pub x: *const f32,
    /// Values from one row of taps to the next.
    pub row: usize,
    /// Values from one column of taps to the next.
    pub column: usize,
    /// Values from the taps of one output to those of the next.
    pub step: usize,
    /// Rows and columns of taps.
    pub kernel: [usize; 2],
    /// Channels that every output is summed over; [`QUAD`] are those of its own quarter of 16 bytes.
    pub inputs: usize,
    /// Weights `[rows, columns, inputs, block]`.
    pub weights: *const f32,
    /// First output.
    pub out: *mut f32,
    /// Values from one output to the next.
    pub out_step: usize,
    /// Outputs.
    pub count: usize,
}

/// Makes the outputs, `block` channels wide.
///
/// # Safety
/// [`Simd`]'s; every address that the fields of `a` describe is valid. `block` is one vector or two, and one for
/// [`QUAD`] inputs.
#[inline(always)]
pub(in crate::cpu) unsafe fn grouped_row<S: Simd>(a: &GroupedRow, block: usize) {
    // SAFETY: handed on.
    unsafe {
        match (a.inputs, block / S::LANES, S::LANES) {
            (QUAD, ..) => tiles::<S, 8, 1, true>(a),
            (_, 1, _) => tiles::<S, 8, 1, false>(a),
            (_, _, 16) => tiles::<S, 8, 2, false>(a),
            _ => tiles::<S, 4, 2, false>(a),
        }
    }
}

/// Tiles of `PX` outputs; the last one begins where it just fits, and makes some again. Smaller ones where there are fewer.
#[inline(always)]
unsafe fn tiles<S: Simd, const PX: usize, const KV: usize, const SPREAD: bool>(a: &GroupedRow) {
    // SAFETY: each tile stays within `count`.
    unsafe {
        if a.count >= PX {
            for first in (0..a.count - PX).step_by(PX) {
                tile::<S, PX, KV, SPREAD>(a, first);
            }
            tile::<S, PX, KV, SPREAD>(a, a.count - PX);
        } else if a.count >= 4 {
            tile::<S, 4, KV, SPREAD>(a, 0);
            tile::<S, 4, KV, SPREAD>(a, a.count - 4);
        } else {
            for first in 0..a.count {
                tile::<S, 1, KV, SPREAD>(a, first);
            }
        }
    }
}

#[inline(always)]
unsafe fn tile<S: Simd, const PX: usize, const KV: usize, const SPREAD: bool>(
    a: &GroupedRow,
    first: usize,
) {
    // SAFETY: the caller's `a` covers outputs `first..first + PX`.
    unsafe {
        let out = a.out.add(first * a.out_step);
        for p in 0..PX {
            prefetch(out.wrapping_add(p * a.out_step), KV * S::LANES);
        }
        let mut acc = [[S::zero(); KV]; PX];
        let mut weights = a.weights;
        for row in 0..a.kernel[0] {
            for column in 0..a.kernel[1] {
                let x = a.x.add(row * a.row + column * a.column + first * a.step);
                if SPREAD {
                    spread::<S, PX, KV, 0>(&mut acc, x, a.step, weights);
                    spread::<S, PX, KV, 1>(&mut acc, x, a.step, weights);
                    spread::<S, PX, KV, 2>(&mut acc, x, a.step, weights);
                    spread::<S, PX, KV, 3>(&mut acc, x, a.step, weights);
                    weights = weights.add(QUAD * S::LANES);
                    continue;
                }
                for input in 0..a.inputs {
                    let mut w = [S::zero(); KV];
                    for v in 0..KV {
                        w[v] = S::load(weights.add(v * S::LANES));
                    }
                    for p in 0..PX {
                        let value = S::splat_at(x.add(p * a.step + input));
                        for v in 0..KV {
                            acc[p][v] = S::mul_add(value, w[v], acc[p][v]);
                        }
                    }
                    weights = weights.add(KV * S::LANES);
                }
            }
        }
        for p in 0..PX {
            for v in 0..KV {
                S::store(out.add(p * a.out_step + v * S::LANES), acc[p][v]);
            }
        }
    }
}

/// Adds what channel `I` of every quad gives.
#[inline(always)]
unsafe fn spread<S: Simd, const PX: usize, const KV: usize, const I: usize>(
    acc: &mut [[S::V; KV]; PX],
    x: *const f32,
    step: usize,
    weights: *const f32,
) {
    // SAFETY: the caller's.
    unsafe {
        let w = S::load(weights.add(I * S::LANES));
        for p in 0..PX {
            acc[p][0] = S::mul_add(S::quads::<I>(x.add(p * step)), w, acc[p][0]);
        }
    }
}

/// The weights' gradient of one row of taps, of a vector of channels in quads.
#[derive(Clone, Copy)]
pub(crate) struct CorrelateQuads {
    /// First tap of the first output.
    pub x: *const f32,
    /// Values from the taps of one row of outputs to those of the next.
    pub x_row: usize,
    /// Values from one column of taps to the next.
    pub x_column: usize,
    /// Values from the taps of one output to those of the next.
    pub x_step: usize,
    /// The gradient of the first output.
    pub dy: *const f32,
    /// Values from one row of `dy` to the next.
    pub dy_row: usize,
    /// Values from one output of `dy` to the next.
    pub dy_step: usize,
    /// Rows and columns of outputs.
    pub outputs: [usize; 2],
    /// Columns of taps.
    pub columns: usize,
    /// Gradient `[columns, QUAD, vector]`, added to.
    pub dw: *mut f32,
}

/// Adds the sums over the outputs.
///
/// # Safety
/// [`Simd`]'s; every address that the fields of `a` describe is valid.
#[inline(always)]
pub(in crate::cpu) unsafe fn correlate_quads<S: Simd>(a: &CorrelateQuads) {
    let mut column = 0;
    // SAFETY: the columns stay within those of `a`.
    unsafe {
        while a.columns - column >= AT_ONCE {
            correlate_columns::<S, AT_ONCE>(a, column);
            column += AT_ONCE;
        }
        while column < a.columns {
            correlate_columns::<S, 1>(a, column);
            column += 1;
        }
    }
}

#[inline(always)]
unsafe fn correlate_columns<S: Simd, const COLUMNS: usize>(a: &CorrelateQuads, column: usize) {
    // SAFETY: the caller's `a` covers these columns for every output.
    unsafe {
        let mut acc = [[S::zero(); QUAD]; COLUMNS];
        for row in 0..a.outputs[0] {
            let mut x = a.x.add(row * a.x_row + column * a.x_column);
            let mut dy = a.dy.add(row * a.dy_row);
            for _ in 0..a.outputs[1] {
                let g = S::load(dy);
                for c in 0..COLUMNS {
                    let x = x.add(c * a.x_column);
                    acc[c][0] = S::mul_add(S::quads::<0>(x), g, acc[c][0]);
                    acc[c][1] = S::mul_add(S::quads::<1>(x), g, acc[c][1]);
                    acc[c][2] = S::mul_add(S::quads::<2>(x), g, acc[c][2]);
                    acc[c][3] = S::mul_add(S::quads::<3>(x), g, acc[c][3]);
                }
                // After the last column they may point beyond what there is.
                x = x.wrapping_add(a.x_step);
                dy = dy.wrapping_add(a.dy_step);
            }
        }
        for c in 0..COLUMNS {
            for i in 0..QUAD {
                let at = a.dw.add(((column + c) * QUAD + i) * S::LANES);
                S::store(at, S::add(S::load(at), acc[c][i]));
            }
        }
    }
}
