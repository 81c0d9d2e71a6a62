//! The points, and what the transforms to and from them share.
//!
//! Six points: 0, ±[`A`], ±[`B`] and infinity. `A · B = 1` makes the outermost coefficients of the
//! data's transform 1. Of five such pairs this one lost least in f32 over convolution and weights'
//! gradient together, emulated on normal inputs and weights of 64 channels: 2.3 times the error of direct
//! convolution, where the usual 1 and 2 lose 4.7 times.

// Constant indices into an array of registers; an iterator there keeps the array in memory.
#![allow(clippy::needless_range_loop)]

use crate::cpu::simd::Simd;

/// Output pixels of a tile, in either direction.
pub(in crate::cpu) const TILE: usize = 4;
/// Input pixels of a tile, and points, in either direction.
pub(in crate::cpu) const POINTS: usize = 6;
/// Points of a tile.
pub(in crate::cpu) const ALL_POINTS: usize = POINTS * POINTS;
/// Weights of a kernel.
pub(in crate::cpu) const TAPS: usize = 9;
/// The finite points beside 0.
pub(super) const A: f64 = 0.625;
/// See [`A`].
pub(super) const B: f64 = 1.6;
/// Weights' scale at ±[`A`]: one over the product of its distances to the other finite points.
pub(super) const AT_A: f64 = 1.0 / (2.0 * A * A * (A * A - B * B));
/// Weights' scale at ±[`B`].
pub(super) const AT_B: f64 = 1.0 / (2.0 * B * B * (B * B - A * A));

/// A constant in every lane.
#[inline(always)]
pub(super) unsafe fn splat<S: Simd>(value: f64) -> S::V {
    // SAFETY: [`Simd`]'s, handed on.
    unsafe { S::splat_at(&(value as f32)) }
}

/// A transform of `IN` values into `OUT`.
pub(super) trait Transform<S: Simd, const IN: usize, const OUT: usize> {
    /// # Safety
    /// [`Simd`]'s.
    unsafe fn along(values: [S::V; IN]) -> [S::V; OUT];
}

/// Both axes of a square of vectors transformed by `T`: `IN · IN` of them, whose rows and columns lie `from_steps`
/// values apart, into `OUT · OUT`, `to_steps` apart.
///
/// # Safety
/// [`Simd`]'s; the vectors at those places are valid.
#[inline(always)]
pub(super) unsafe fn square<
    S: Simd,
    T: Transform<S, IN, OUT>,
    const IN: usize,
    const OUT: usize,
>(
    from: *const f32,
    from_steps: [usize; 2],
    to: *mut f32,
    to_steps: [usize; 2],
) {
    // SAFETY: the caller's.
    unsafe {
        let mut rows = [[S::zero(); IN]; OUT];
        for j in 0..IN {
            let mut column = [S::zero(); IN];
            for i in 0..IN {
                column[i] = S::load(from.add(i * from_steps[0] + j * from_steps[1]));
            }
            let values = T::along(column);
            for i in 0..OUT {
                rows[i][j] = values[i];
            }
        }
        for i in 0..OUT {
            let values = T::along(rows[i]);
            for j in 0..OUT {
                S::store(to.add(i * to_steps[0] + j * to_steps[1]), values[j]);
            }
        }
    }
}

/// `x` to the power of `p`.
#[inline(always)]
pub(super) const fn power(x: f64, p: usize) -> f64 {
    match p {
        0 => 1.0,
        1 => x,
        2 => x * x,
        _ => x * x * x,
    }
}

/// Sums and differences of the values at ±[`A`] and ±[`B`]: `[[sum, difference]; 2]`.
#[inline(always)]
pub(super) unsafe fn pairs<S: Simd>(m: [S::V; POINTS]) -> [[S::V; 2]; 2] {
    // SAFETY: [`Simd`]'s, handed on.
    unsafe { [[S::add(m[1], m[2]), S::sub(m[1], m[2])], [S::add(m[3], m[4]), S::sub(m[3], m[4])]] }
}

/// `rest + a · of_a + b · of_b`
#[inline(always)]
pub(super) unsafe fn weighted<S: Simd>(a: f64, of_a: S::V, b: f64, of_b: S::V, rest: S::V) -> S::V {
    // SAFETY: [`Simd`]'s, handed on.
    unsafe { S::mul_add(splat::<S>(a), of_a, S::mul_add(splat::<S>(b), of_b, rest)) }
}
