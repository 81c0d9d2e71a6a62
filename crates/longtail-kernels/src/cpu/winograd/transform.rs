//! The transforms between images and points; as `micro`, once per instruction set.
//!
//! Six points: 0, ±[`A`], ±[`B`] and infinity. `A · B = 1` makes the outermost coefficients of the
//! data's transform 1. Of five such pairs this one lost least in f32 over convolution and weights'
//! gradient together, emulated on normal inputs and weights of 64 channels: 2.3 times the error of direct
//! convolution, where the usual 1 and 2 lose 4.7 times.

// Constant indices into an array of registers; an iterator there keeps the array in memory.
#![allow(clippy::needless_range_loop)]

use super::super::{
    element::Element,
    simd::{Simd, prefetch},
};

/// Output pixels of a tile, in either direction.
pub(crate) const TILE: usize = 4;
/// Input pixels of a tile, and points, in either direction.
pub(crate) const POINTS: usize = 6;
/// The finite points beside 0.
const A: f64 = 0.625;
/// See [`A`].
const B: f64 = 1.6;
/// Weights' scale at ±[`A`]: one over the product of its distances to the other finite points.
const AT_A: f64 = 1.0 / (2.0 * A * A * (A * A - B * B));
/// Weights' scale at ±[`B`].
const AT_B: f64 = 1.0 / (2.0 * B * B * (B * B - A * A));

/// The tiles of one image of inputs.
#[derive(Clone, Copy)]
pub(crate) struct Data<E> {
    /// The image, `[4 · tiles, 4 · tiles, channels]`; around it, as everywhere here, one pixel of
    /// zeros is meant.
    pub x: *const E,
    /// Factor and summand per channel of the `relu(x · scale + shift)` that is transformed; null for
    /// `x` itself.
    pub scale: *const f32,
    /// See `scale`.
    pub shift: *const f32,
    /// Tiles from top to bottom and from left to right.
    pub tiles: [usize; 2],
    /// Channels.
    pub channels: usize,
    /// Room for `[6, 4 · tiles + 2, channels]`.
    pub band: *mut f32,
    /// The first tile: `[tiles, points, channels]`.
    pub out: *mut f32,
}

/// One row of tiles of outputs.
#[derive(Clone, Copy)]
pub(crate) struct Outputs {
    /// The first tile's first point.
    pub points: *const f32,
    /// Values from one point to the next; tiles lie `channels` apart.
    pub point: usize,
    /// Tiles from left to right.
    pub tiles: usize,
    /// Four rows of pixels: `[4, 4 · tiles, channels]`.
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

/// A constant in every lane.
#[inline(always)]
unsafe fn splat<S: Simd>(value: f64) -> S::V {
    // SAFETY: [`Simd`]'s, handed on.
    unsafe { S::splat_at(&(value as f32)) }
}

/// A transform of `IN` values into `OUT`.
trait Transform<S: Simd, const IN: usize, const OUT: usize> {
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
unsafe fn square<S: Simd, T: Transform<S, IN, OUT>, const IN: usize, const OUT: usize>(
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

/// `Bᵀ d`: six inputs at six points.
#[inline(always)]
unsafe fn at_points<S: Simd>(d: [S::V; POINTS]) -> [S::V; POINTS] {
    // SAFETY: [`Simd`]'s, handed on.
    unsafe {
        let [a, b] = [splat::<S>(A), splat::<S>(B)];
        let [minus_a, minus_b] = [splat::<S>(-A), splat::<S>(-B)];
        let [of_a, of_b] = [splat::<S>(-A * A), splat::<S>(-B * B)];
        let both = splat::<S>(-A * A - B * B);
        let [even_a, odd_a] = [S::mul_add(of_b, d[2], d[4]), S::mul_add(of_b, d[1], d[3])];
        let [even_b, odd_b] = [S::mul_add(of_a, d[2], d[4]), S::mul_add(of_a, d[1], d[3])];
        [
            S::mul_add(both, d[2], S::add(d[0], d[4])),
            S::mul_add(a, odd_a, even_a),
            S::mul_add(minus_a, odd_a, even_a),
            S::mul_add(b, odd_b, even_b),
            S::mul_add(minus_b, odd_b, even_b),
            S::mul_add(both, d[3], S::add(d[1], d[5])),
        ]
    }
}

/// `x` to the power of `p`.
#[inline(always)]
const fn power(x: f64, p: usize) -> f64 {
    match p {
        0 => 1.0,
        1 => x,
        2 => x * x,
        _ => x * x * x,
    }
}

/// Sums and differences of the values at ±[`A`] and ±[`B`]: `[[sum, difference]; 2]`.
#[inline(always)]
unsafe fn pairs<S: Simd>(m: [S::V; POINTS]) -> [[S::V; 2]; 2] {
    // SAFETY: [`Simd`]'s, handed on.
    unsafe { [[S::add(m[1], m[2]), S::sub(m[1], m[2])], [S::add(m[3], m[4]), S::sub(m[3], m[4])]] }
}

/// `rest + a · of_a + b · of_b`
#[inline(always)]
unsafe fn weighted<S: Simd>(a: f64, of_a: S::V, b: f64, of_b: S::V, rest: S::V) -> S::V {
    // SAFETY: [`Simd`]'s, handed on.
    unsafe { S::mul_add(splat::<S>(a), of_a, S::mul_add(splat::<S>(b), of_b, rest)) }
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

/// Four outputs' gradients at six points, but for [`AT_A`] and [`AT_B`].
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

/// Three weights' gradients from the products of [`at_points`] and [`GradientAtPoints`].
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

/// Every tile of an image at its points.
///
/// # Safety
/// [`Simd`]'s; every address that the fields of `a` describe is valid, and `channels` is a multiple
/// of [`Simd::LANES`].
#[inline(always)]
pub(in super::super) unsafe fn data<S: Simd, E: Element>(a: &Data<E>) {
    let columns = TILE * a.tiles[1] + 2;
    // SAFETY: offsets stay within the band, the image and the tiles.
    unsafe {
        for row in 0..POINTS {
            for column in [0, columns - 1] {
                for channel in (0..a.channels).step_by(S::LANES) {
                    let at = (row * columns + column) * a.channels + channel;
                    S::store(a.band.add(at), S::zero());
                }
            }
        }
        for tile_row in 0..a.tiles[0] {
            match (tile_row == 0, tile_row + 1 == a.tiles[0], a.scale.is_null()) {
                (false, false, true) => down::<S, E, 0, 6, false>(a, tile_row),
                (true, false, true) => down::<S, E, 1, 6, false>(a, tile_row),
                (false, true, true) => down::<S, E, 0, 5, false>(a, tile_row),
                (true, true, true) => down::<S, E, 1, 5, false>(a, tile_row),
                (false, false, false) => down::<S, E, 0, 6, true>(a, tile_row),
                (true, false, false) => down::<S, E, 1, 6, true>(a, tile_row),
                (false, true, false) => down::<S, E, 0, 5, true>(a, tile_row),
                (true, true, false) => down::<S, E, 1, 5, true>(a, tile_row),
            }
            across::<S, E>(a, tile_row);
        }
    }
}

/// The columns of one row of tiles, of which the pixels `FIRST..LAST` lie in the image, into the band.
#[inline(always)]
unsafe fn down<
    S: Simd,
    E: Element,
    const FIRST: usize,
    const LAST: usize,
    const NORMALISED: bool,
>(
    a: &Data<E>,
    tile_row: usize,
) {
    let (width, columns) = (TILE * a.tiles[1], TILE * a.tiles[1] + 2);
    let row = width * a.channels;
    // SAFETY: the caller's.
    unsafe {
        let x = a.x.add((TILE * tile_row + FIRST - 1) * row);
        for column in 0..width {
            for channel in (0..a.channels).step_by(S::LANES) {
                let at = column * a.channels + channel;
                let mut d = [S::zero(); POINTS];
                for i in FIRST..LAST {
                    let v = E::load::<S>(x.add((i - FIRST) * row + at));
                    d[i] = if NORMALISED {
                        let scale = S::load(a.scale.add(channel));
                        S::relu(S::mul_add(v, scale, S::load(a.shift.add(channel))))
                    } else {
                        v
                    };
                }
                let points = at_points::<S>(d);
                for i in 0..POINTS {
                    S::store(a.band.add(i * columns * a.channels + a.channels + at), points[i]);
                }
            }
        }
    }
}

/// The rows of the band's tiles.
#[inline(always)]
unsafe fn across<S: Simd, E: Element>(a: &Data<E>, tile_row: usize) {
    let columns = TILE * a.tiles[1] + 2;
    let row = TILE * a.tiles[1] * a.channels;
    for tile in 0..a.tiles[1] {
        for ahead in 0..TILE {
            // The next row of tiles, or the next image.
            let next = a.x.wrapping_add((TILE * (tile_row + 1) + 1 + ahead) * row);
            let next = next.wrapping_add(TILE * tile * a.channels);
            prefetch(next, TILE * a.channels);
        }
        for row in 0..POINTS {
            for channel in (0..a.channels).step_by(S::LANES) {
                // SAFETY: the caller's.
                unsafe {
                    let from = (row * columns + TILE * tile) * a.channels + channel;
                    let mut d = [S::zero(); POINTS];
                    for j in 0..POINTS {
                        d[j] = S::load(a.band.add(from + j * a.channels));
                    }
                    let points = at_points::<S>(d);
                    let to = (tile_row * a.tiles[1] + tile) * POINTS * POINTS + row * POINTS;
                    for j in 0..POINTS {
                        S::store(a.out.add((to + j) * a.channels + channel), points[j]);
                    }
                }
            }
        }
    }
}

/// A row of tiles from the products at its points.
///
/// # Safety
/// As [`data`].
#[inline(always)]
pub(in super::super) unsafe fn output<S: Simd>(a: &Outputs) {
    let row = TILE * a.tiles * a.channels;
    for tile in 0..a.tiles {
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
/// As [`data`].
#[inline(always)]
pub(in super::super) unsafe fn gradient<S: Simd>(a: &Gradients) {
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

/// The weights' gradient `[3, 3, count]` from `[points, count]`.
///
/// # Safety
/// [`Simd`]'s; both addresses are valid for that many values, and `count` is a multiple of
/// [`Simd::LANES`].
#[inline(always)]
pub(in super::super) unsafe fn weights<S: Simd>(points: *const f32, dw: *mut f32, count: usize) {
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
pub(in super::super) unsafe fn filters<S: Simd>(
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
