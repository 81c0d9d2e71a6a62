//! Weights at their points, and weights' gradients from them.

use super::points::{A, AT_A, AT_B, B, POINTS, Transform, pairs, power, splat, square, weighted};
use crate::cpu::simd::Simd;

/// `G g`: three weights at six points.
struct WeightsAtPoints;

impl<S: Simd> Transform<S, 3, POINTS> for WeightsAtPoints {
    #[inline(always)]
    unsafe fn along(g: [S::V; 3]) -> [S::V; POINTS] {
        // SAFETY: [`Simd`]'s, handed on.
        unsafe {
            let of = |p: f64, scale: f64| [scale, p * scale, -p * scale, p * p * scale];
            let [a, minus_a] = weights_at::<S>(of(A, AT_A), g);
            let [b, minus_b] = weights_at::<S>(of(B, AT_B), g);
            [g[0], a, minus_a, b, minus_b, g[2]]
        }
    }
}

/// `scale (g[0] ± g[1] p + g[2] p²)`, of `[scale, p scale, −p scale, p² scale]`.
#[inline(always)]
unsafe fn weights_at<S: Simd>(scales: [f64; 4], g: [S::V; 3]) -> [S::V; 2] {
    let [one, p, minus_p, square] = scales;
    // SAFETY: [`Simd`]'s, handed on.
    unsafe {
        let even = weighted::<S>(one, g[0], square, g[2], S::zero());
        [S::mul_add(splat::<S>(p), g[1], even), S::mul_add(splat::<S>(minus_p), g[1], even)]
    }
}

/// Three weights' gradients from the products of inputs and outputs' gradients at six points.
struct WeightsFromPoints;

impl<S: Simd> Transform<S, POINTS, 3> for WeightsFromPoints {
    #[inline(always)]
    unsafe fn along(m: [S::V; POINTS]) -> [S::V; 3] {
        // SAFETY: [`Simd`]'s, handed on.
        unsafe {
            let [[sum_a, apart_a], [sum_b, apart_b]] = pairs::<S>(m);
            let scales = |p| (power(A, p) * AT_A, power(B, p) * AT_B);
            let [(a0, b0), (a1, b1), (a2, b2)] = [scales(0), scales(1), scales(2)];
            [
                weighted::<S>(a0, sum_a, b0, sum_b, m[0]),
                weighted::<S>(a1, apart_a, b1, apart_b, S::zero()),
                weighted::<S>(a2, sum_a, b2, sum_b, m[5]),
            ]
        }
    }
}

/// The weights' gradient `[3, 3, count]` from `[points, count]`.
///
/// # Safety
/// [`Simd`]'s; both addresses are valid for that many values, and `count` is a multiple of
/// [`Simd::LANES`].
#[inline(always)]
pub(in crate::cpu) unsafe fn weights<S: Simd>(points: *const f32, dw: *mut f32, count: usize) {
    for at in (0..count).step_by(S::LANES) {
        // SAFETY: the caller's.
        unsafe {
            let steps = [POINTS * count, count];
            let (from, to) = (points.add(at), dw.add(at));
            square::<S, WeightsFromPoints, POINTS, 3>(from, steps, to, [3 * count, count]);
        }
    }
}

/// Weights at their points, `point` values apart, from nine runs of `block` taps.
///
/// # Safety
/// [`Simd`]'s; both addresses are valid for that many values, and `block` is a multiple of
/// [`Simd::LANES`].
#[inline(always)]
pub(in crate::cpu) unsafe fn filters<S: Simd>(
    taps: *const f32,
    block: usize,
    out: *mut f32,
    point: usize,
) {
    for lane in (0..block).step_by(S::LANES) {
        // SAFETY: the caller's.
        unsafe {
            let (from, to) = (taps.add(lane), out.add(lane));
            let steps = [POINTS * point, point];
            square::<S, WeightsAtPoints, 3, POINTS>(from, [3 * block, block], to, steps);
        }
    }
}
