//! The innermost loops, once per instruction set.
//!
//! All work on one image that lies in a padded scratch: `[rows, columns, channels]` without holes, so
//! that the taps of a kernel row are `kernel_width · channels` neighbouring values. What is multiplied
//! comes in words of one f32 or two bf16; what is summed is f32.

// Constant indices into an array of registers; an iterator there keeps the array in memory.
#![allow(clippy::needless_range_loop)]

use super::{
    element::Element,
    simd::{Simd, prefetch},
};

/// Largest tile of [`conv_row`] in pixels.
const TILE: usize = 16;
/// Pixels from which on the sums of [`correlate`] take longer than memory does.
const FAR: usize = 64;

/// One row of outputs of a convolution.
#[derive(Clone, Copy)]
pub(crate) struct ConvRow {
    /// First tap of the first output, in the scratch.
    pub x: *const f32,
    /// Words from one scratch row to the next.
    pub row: usize,
    /// Words from the taps of one output to those of the next: those of stride · channels.
    pub step: usize,
    /// Kernel rows to sum over.
    pub taps_y: usize,
    /// Words of a kernel row: those of kernel width · channels.
    pub taps_x: usize,
    /// Weights `[taps_y, taps_x, block]`.
    pub weights: *const f32,
    /// First output of the block.
    pub out: *mut f32,
    /// Values from one output pixel to the next.
    pub out_step: usize,
    /// Output pixels.
    pub count: usize,
    /// Whether to add to what `out` holds.
    pub accumulate: bool,
}

/// The sums of one kernel row over rows of pixels of an image, for the weights' gradient. A word
/// holds one pixel's value, or those of two neighbours.
#[derive(Clone, Copy)]
pub(crate) struct Correlate {
    /// First tap of the first pixel, in the scratch.
    pub x: *const f32,
    /// Words from the taps of one output row to those of the next.
    pub x_row: usize,
    /// Words from the taps of one output pixel, or pair of them, to those of the next.
    pub x_step: usize,
    /// The output's gradient at its first pixel.
    pub dy: *const f32,
    /// Words from one row of `dy` to the next.
    pub dy_row: usize,
    /// Words from one pixel of `dy`, or pair of them, to the next.
    pub dy_step: usize,
    /// Output rows.
    pub rows: usize,
    /// Output pixels of a row, or pairs of them.
    pub columns: usize,
    /// Taps of a kernel row.
    pub taps: usize,
    /// Gradient `[taps, channels]`.
    pub dw: *mut f32,
    /// Values from one tap of `dw` to the next.
    pub dw_step: usize,
    /// Output channels.
    pub channels: usize,
    /// Whether to add to what `dw` holds.
    pub accumulate: bool,
}

/// Channels that [`conv_row`] makes at once: the width of a block of packed weights.
#[inline(always)]
pub(super) fn block<S: Simd>(channels: usize) -> usize {
    if channels.is_multiple_of(2 * S::LANES) { 2 * S::LANES } else { S::LANES }
}

/// See [`super::path::Kernels::conv_row`].
///
/// # Safety
/// [`Simd`]'s; every address that the fields of `a` describe is valid.
#[inline(always)]
pub(super) unsafe fn conv_row<S: Simd, E: Element>(a: &ConvRow, block: usize) {
    // SAFETY: handed on.
    unsafe { if block == S::LANES { conv_row_of::<S, E, 1>(a) } else { conv_row_of::<S, E, 2>(a) } }
}

/// Pixels of a tile, so that the accumulators, the weights and one value fit the registers.
#[inline(always)]
unsafe fn conv_row_of<S: Simd, E: Element, const KV: usize>(a: &ConvRow) {
    // SAFETY: handed on.
    unsafe {
        match (S::LANES, KV) {
            (16, 1) => tiles::<S, E, 16, KV>(a),
            (16, _) => tiles::<S, E, 8, KV>(a),
            (_, 1) => tiles::<S, E, 8, KV>(a),
            // Two values of a word are taken apart in registers, of which more sums leave too few.
            _ if E::PER_WORD > 1 => tiles::<S, E, 4, KV>(a),
            _ => tiles::<S, E, 6, KV>(a),
        }
    }
}

/// Tiles of `PX` pixels, then smaller ones.
#[inline(always)]
unsafe fn tiles<S: Simd, E: Element, const PX: usize, const KV: usize>(a: &ConvRow) {
    let mut done = 0;
    // SAFETY: `done` pixels are behind, and each tile stays within `count`.
    unsafe {
        while a.count - done >= PX {
            // Constant steps become addresses; a variable one takes a register per pixel.
            match a.step {
                8 => tile::<S, E, PX, KV, 8>(a, done),
                16 => tile::<S, E, PX, KV, 16>(a, done),
                32 => tile::<S, E, PX, KV, 32>(a, done),
                64 => tile::<S, E, PX, KV, 64>(a, done),
                3 => tile::<S, E, PX, KV, 3>(a, done),
                576 => tile::<S, E, PX, KV, 576>(a, done),
                1152 => tile::<S, E, PX, KV, 1152>(a, done),
                2304 => tile::<S, E, PX, KV, 2304>(a, done),
                _ => tile::<S, E, PX, KV, 0>(a, done),
            }
            done += PX;
        }
        // One smaller tile for the rest: its sums go on side by side, where those of one pixel wait for one another.
        while done < a.count {
            done += match a.count - done {
                1 => rest::<S, E, 1, KV>(a, done),
                2 => rest::<S, E, 2, KV>(a, done),
                3 => rest::<S, E, 3, KV>(a, done),
                4 => rest::<S, E, 4, KV>(a, done),
                5 => rest::<S, E, 5, KV>(a, done),
                6 | 7 => rest::<S, E, 6, KV>(a, done),
                _ => rest::<S, E, 8, KV>(a, done),
            };
        }
    }
}

/// A tile of a size that no loop repeats; gives that size.
#[inline(always)]
unsafe fn rest<S: Simd, E: Element, const PX: usize, const KV: usize>(
    a: &ConvRow,
    first: usize,
) -> usize {
    // SAFETY: handed on.
    unsafe { tile::<S, E, PX, KV, 0>(a, first) };
    PX
}

#[inline(always)]
unsafe fn tile<S: Simd, E: Element, const PX: usize, const KV: usize, const STEP: usize>(
    a: &ConvRow,
    first: usize,
) {
    const { assert!(PX <= TILE) };
    let step = if STEP == 0 { a.step } else { STEP };
    // SAFETY: the caller's `a` covers pixels `first..first + PX`.
    unsafe {
        let out = a.out.add(first * a.out_step);
        // The next tile's outputs: stores that miss the first cache wait for one another.
        for p in 0..PX {
            prefetch(out.wrapping_add((PX + p) * a.out_step), KV * S::LANES);
        }
        let mut acc = [[S::zero(); KV]; PX];
        if a.accumulate {
            for p in 0..PX {
                for v in 0..KV {
                    acc[p][v] = S::load(out.add(p * a.out_step + v * S::LANES));
                }
            }
        }
        let mut weights = a.weights;
        for tap_y in 0..a.taps_y {
            let mut x = a.x.add(tap_y * a.row + first * step);
            for _ in 0..a.taps_x {
                let mut w = [S::zero(); KV];
                for v in 0..KV {
                    w[v] = S::load(weights.add(v * S::LANES));
                }
                for p in 0..PX {
                    let value = S::splat_at(x.add(p * step));
                    for v in 0..KV {
                        acc[p][v] = E::multiply_add::<S>(value, w[v], acc[p][v]);
                    }
                }
                x = x.add(1);
                weights = weights.add(KV * S::LANES);
            }
        }
        for p in 0..PX {
            for v in 0..KV {
                S::store(out.add(p * a.out_step + v * S::LANES), acc[p][v]);
            }
        }
    }
}

/// See [`super::path::Kernels::correlate`].
///
/// # Safety
/// [`Simd`]'s; every address that the fields of `a` describe is valid.
#[inline(always)]
pub(super) unsafe fn correlate<S: Simd, E: Element>(a: &Correlate) {
    // SAFETY: handed on.
    unsafe {
        let is_wide = a.channels.is_multiple_of(2 * S::LANES);
        match (taps_at_once::<S, E>(a.channels), is_wide) {
            (4, _) => taps::<S, E, 4, 2>(a),
            (6, _) => taps::<S, E, 6, 2>(a),
            (8, true) => taps::<S, E, 8, 2>(a),
            (8, false) => taps::<S, E, 8, 1>(a),
            _ => taps::<S, E, 16, 1>(a),
        }
    }
}

/// Taps that [`correlate`] works on at once, of so many channels.
#[inline(always)]
pub(super) fn taps_at_once<S: Simd, E: Element>(channels: usize) -> usize {
    match (S::LANES, channels.is_multiple_of(2 * S::LANES)) {
        (16, true) => 8,
        (16, false) => 16,
        (_, true) if E::PER_WORD > 1 => 4,
        (_, true) => 6,
        (_, false) => 8,
    }
}

/// Blocks of `TAPS` taps, then smaller ones.
#[inline(always)]
unsafe fn taps<S: Simd, E: Element, const TAPS: usize, const KV: usize>(a: &Correlate) {
    for channel in (0..a.channels).step_by(KV * S::LANES) {
        let mut tap = 0;
        // SAFETY: blocks stay within `taps` and `channels`.
        unsafe {
            while a.taps - tap >= TAPS {
                tap_block::<S, E, TAPS, KV>(a, tap, channel);
                tap += TAPS;
            }
            while tap < a.taps {
                tap += match a.taps - tap {
                    1 => rest_of_taps::<S, E, 1, KV>(a, tap, channel),
                    2 => rest_of_taps::<S, E, 2, KV>(a, tap, channel),
                    3 => rest_of_taps::<S, E, 3, KV>(a, tap, channel),
                    4 => rest_of_taps::<S, E, 4, KV>(a, tap, channel),
                    5 => rest_of_taps::<S, E, 5, KV>(a, tap, channel),
                    6 | 7 => rest_of_taps::<S, E, 6, KV>(a, tap, channel),
                    _ => rest_of_taps::<S, E, 8, KV>(a, tap, channel),
                };
            }
        }
    }
}

/// A block of a size that no loop repeats; gives that size.
#[inline(always)]
unsafe fn rest_of_taps<S: Simd, E: Element, const TAPS: usize, const KV: usize>(
    a: &Correlate,
    tap: usize,
    channel: usize,
) -> usize {
    // SAFETY: handed on.
    unsafe { tap_block::<S, E, TAPS, KV>(a, tap, channel) };
    TAPS
}

#[inline(always)]
unsafe fn tap_block<S: Simd, E: Element, const TAPS: usize, const KV: usize>(
    a: &Correlate,
    tap: usize,
    channel: usize,
) {
    // SAFETY: the caller's `a` covers these taps and channels for every pixel.
    unsafe {
        let to = a.dw.wrapping_add(tap * a.dw_step + channel);
        // The sums take longer than the way of what they are added to.
        if a.rows * a.columns >= FAR {
            for t in 0..TAPS {
                prefetch(to.wrapping_add(t * a.dw_step), KV * S::LANES);
            }
        }
        let mut acc = [[S::zero(); KV]; TAPS];
        for row in 0..a.rows {
            let mut x = a.x.add(row * a.x_row + tap);
            let mut dy = a.dy.add(row * a.dy_row + channel);
            for _ in 0..a.columns {
                let mut g = [S::zero(); KV];
                for v in 0..KV {
                    g[v] = S::load(dy.add(v * S::LANES));
                }
                for t in 0..TAPS {
                    let value = S::splat_at(x.add(t));
                    for v in 0..KV {
                        acc[t][v] = E::multiply_add::<S>(value, g[v], acc[t][v]);
                    }
                }
                // After the last column they may point beyond what there is.
                x = x.wrapping_add(a.x_step);
                dy = dy.wrapping_add(a.dy_step);
            }
        }
        for t in 0..TAPS {
            for v in 0..KV {
                let at = to.add(t * a.dw_step + v * S::LANES);
                let before = if a.accumulate { S::load(at) } else { S::zero() };
                S::store(at, S::add(before, acc[t][v]));
            }
        }
    }
}
