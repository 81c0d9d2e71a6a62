//! Outputs from their points, and outputs' gradients at them.

use super::points::{A, B, POINTS, TILE, Transform, pairs, power, splat, square, weighted};
use crate::cpu::simd::Simd;

/// One row of tiles of outputs.
#[derive(Clone, Copy)]
pub(crate) struct Outputs {
    /// The first tile's first point.
    pub points: *const f32,
    /// Values from one point to the next; tiles lie `channels` apart.
    pub point: usize,
    /// Pixels from left to right; the last tile may reach beyond them.
    pub width: usize,
    /// Four rows of pixels, `[4, width, channels]`, and room for three more.
    pub out: *mut f32,
    /// Channels.
    pub channels: usize,
}

/// The tiles of one image of outputs' gradients.
#[derive(Clone, Copy)]
pub(crate) struct Gradients {
    /// The image, `[4 · tiles, 4 · tiles, channels]`.
    pub image: *const f32,
    /// Tiles from top to bottom and from left to right.
    pub tiles: [usize; 2],
    /// Channels.
    pub channels: usize,
    /// The first tile: `[tiles, points, channels]`.
    pub out: *mut f32,
}

/// `Aᵀ m`: four outputs from their products at six points.
struct FromPoints;

impl<S: Simd> Transform<S, POINTS, TILE> for FromPoints {
    #[inline(always)]
    unsafe fn along(m: [S::V; POINTS]) -> [S::V; TILE] {
        // SAFETY: [`Simd`]'s, handed on.
        unsafe {
            let [[sum_a, apart_a], [sum_b, apart_b]] = pairs::<S>(m);
            [
                S::add(m[0], S::add(sum_a, sum_b)),
                weighted::<S>(A, apart_a, B, apart_b, S::zero()),
                weighted::<S>(power(A, 2), sum_a, power(B, 2), sum_b, S::zero()),
                weighted::<S>(power(A, 3), apart_a, power(B, 3), apart_b, m[5]),
            ]
        }
    }
}

/// Four outputs' gradients at six points, but for the weights' scales there.
struct GradientAtPoints;

impl<S: Simd> Transform<S, TILE, POINTS> for GradientAtPoints {
    #[inline(always)]
    unsafe fn along(d: [S::V; TILE]) -> [S::V; POINTS] {
        // SAFETY: [`Simd`]'s, handed on.
        unsafe {
            let [a, minus_a] = both_signs::<S>(A, d);
            let [b, minus_b] = both_signs::<S>(B, d);
            [d[0], a, minus_a, b, minus_b, d[3]]
        }
    }
}

/// `d[0] + d[1] p + d[2] p² + d[3] p³` at `p` and `−p`.
#[inline(always)]
unsafe fn both_signs<S: Simd>(p: f64, d: [S::V; TILE]) -> [S::V; 2] {
    // SAFETY: [`Simd`]'s, handed on.
    unsafe {
        let square = splat::<S>(p * p);
        let (even, odd) = (S::mul_add(square, d[2], d[0]), S::mul_add(square, d[3], d[1]));
        [S::mul_add(splat::<S>(p), odd, even), S::mul_add(splat::<S>(-p), odd, even)]
    }
}

/// A row of tiles from the products at its points.
///
/// # Safety
/// [`Simd`]'s; every address that the fields of `a` describe is valid, and `channels` is a multiple
/// of [`Simd::LANES`].
#[inline(always)]
pub(in crate::cpu) unsafe fn output<S: Simd>(a: &Outputs) {
    let row = a.width * a.channels;
    // From right to left: what the last tile has beyond a row is where the first tile's next row will be.
    for tile in (0..a.width.div_ceil(TILE)).rev() {
        for channel in (0..a.channels).step_by(S::LANES) {
            // SAFETY: the caller's: both belong to one tile.
            unsafe {
                let points = a.points.add(tile * a.channels + channel);
                let out = a.out.add(TILE * tile * a.channels + channel);
                let steps = [POINTS * a.point, a.point];
                square::<S, FromPoints, POINTS, TILE>(points, steps, out, [row, a.channels]);
            }
        }
    }
}

/// Every tile of an output's gradient at its points.
///
/// # Safety
/// [`Simd`]'s; every address that the fields of `a` describe is valid, and `channels` is a multiple
/// of [`Simd::LANES`].
#[inline(always)]
pub(in crate::cpu) unsafe fn gradient<S: Simd>(a: &Gradients) {
    let row = TILE * a.tiles[1] * a.channels;
    for tile_row in 0..a.tiles[0] {
        for tile in 0..a.tiles[1] {
            let to = (tile_row * a.tiles[1] + tile) * POINTS * POINTS * a.channels;
            let from = TILE * tile_row * row + TILE * tile * a.channels;
            for channel in (0..a.channels).step_by(S::LANES) {
                // SAFETY: the caller's: both belong to one tile.
                unsafe {
                    let (image, out) = (a.image.add(from + channel), a.out.add(to + channel));
                    let steps = [POINTS * a.channels, a.channels];
                    square::<S, GradientAtPoints, TILE, POINTS>(
                        image,
                        [row, a.channels],
                        out,
                        steps,
                    );
                }
            }
        }
    }
}
