//! Inputs at their points.

// Constant indices into an array of registers; an iterator there keeps the array in memory.
#![allow(clippy::needless_range_loop)]

use super::points::{A, B, POINTS, TILE, splat};
use crate::cpu::{
    element::Element,
    simd::{Simd, prefetch},
};

/// The tiles of one image of inputs.
#[derive(Clone, Copy)]
pub(crate) struct Data<E> {
    /// The image, `[height, width, channels]`; around it, as everywhere here, zeros are meant.
    pub x: *const E,
    /// Factor and summand per channel of the `relu(x · scale + shift)` that is transformed; null for
    /// `x` itself.
    pub scale: *const f32,
    /// See `scale`.
    pub shift: *const f32,
    /// Pixels from top to bottom and from left to right, at least those of a tile.
    pub size: [usize; 2],
    /// Channels.
    pub channels: usize,
    /// Room for `[6, 4 · tiles + 2, channels]`.
    pub band: *mut f32,
    /// The first row of tiles, and how many.
    pub rows: [usize; 2],
    /// Its first tile: `[tiles, points, channels]`.
    pub out: *mut f32,
}

impl<E> Data<E> {
    /// Tiles from top to bottom and from left to right, of which the last may reach beyond the image.
    #[inline(always)]
    fn tiles(&self) -> [usize; 2] {
        [self.size[0].div_ceil(TILE), self.size[1].div_ceil(TILE)]
    }

    /// Columns of the band.
    #[inline(always)]
    fn columns(&self) -> usize {
        TILE * self.tiles()[1] + 2
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

/// Some rows of tiles of an image at their points.
///
/// # Safety
/// [`Simd`]'s; every address that the fields of `a` describe is valid, and `channels` is a multiple
/// of [`Simd::LANES`].
#[inline(always)]
pub(in crate::cpu) unsafe fn data<S: Simd, E: Element>(a: &Data<E>) {
    let columns = a.columns();
    // SAFETY: offsets stay within the band, the image and the tiles.
    unsafe {
        for row in 0..POINTS {
            for column in std::iter::once(0).chain(a.size[1] + 1..columns) {
                for channel in (0..a.channels).step_by(S::LANES) {
                    let at = (row * columns + column) * a.channels + channel;
                    S::store(a.band.add(at), S::zero());
                }
            }
        }
        let [first, count] = a.rows;
        for tile_row in first..first + count {
            match a.scale.is_null() {
                true => tile_row_down::<S, E, false>(a, tile_row),
                false => tile_row_down::<S, E, true>(a, tile_row),
            }
            across::<S, E>(a, tile_row);
        }
    }
}

/// The columns of one row of tiles into the band.
#[inline(always)]
unsafe fn tile_row_down<S: Simd, E: Element, const NORMALISED: bool>(a: &Data<E>, tile_row: usize) {
    // Rows of the tile that the image has, the one above it included.
    let last = a.size[0] + 1 - TILE * tile_row;
    // SAFETY: the caller's; the image has those rows.
    unsafe {
        match (tile_row == 0, last) {
            (true, 5) => down::<S, E, 1, 5, NORMALISED>(a, tile_row),
            (true, _) => down::<S, E, 1, 6, NORMALISED>(a, tile_row),
            (false, 2) => down::<S, E, 0, 2, NORMALISED>(a, tile_row),
            (false, 3) => down::<S, E, 0, 3, NORMALISED>(a, tile_row),
            (false, 4) => down::<S, E, 0, 4, NORMALISED>(a, tile_row),
            (false, 5) => down::<S, E, 0, 5, NORMALISED>(a, tile_row),
            (false, _) => down::<S, E, 0, 6, NORMALISED>(a, tile_row),
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
    let (width, columns) = (a.size[1], a.columns());
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
    let (columns, tiles) = (a.columns(), a.tiles()[1]);
    let row = a.size[1] * a.channels;
    for tile in 0..tiles {
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
                    let to =
                        ((tile_row - a.rows[0]) * tiles + tile) * POINTS * POINTS + row * POINTS;
                    for j in 0..POINTS {
                        S::store(a.out.add((to + j) * a.channels + channel), points[j]);
                    }
                }
            }
        }
    }
}
