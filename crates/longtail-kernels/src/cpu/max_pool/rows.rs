//! One row of outputs, and one row of the input's gradient; once per instruction set.

use crate::cpu::{
    element::Element,
    simd::{AHEAD, Simd, prefetch},
};

/// Numbers of a window's pixels, in vectors.
const TAPS: [f32; 9] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];

/// What [`largest`] reads and writes.
#[derive(Clone, Copy)]
pub(crate) struct Largest<E> {
    /// First row of the windows that there is.
    pub x: *const E,
    /// Rows of the windows that there are.
    pub rows: usize,
    /// Which of a window's rows the first of them is.
    pub first_row: usize,
    /// Pixels of a row of the input.
    pub width: usize,
    /// Outputs.
    pub columns: usize,
    /// Channels.
    pub channels: usize,
    /// Outputs, one pixel after the other.
    pub out: *mut E,
    /// Which of the window's nine pixels each is; null for nothing.
    pub taps: *mut u8,
}

/// The largest of every window, pixel by pixel.
///
/// # Safety
/// [`Simd`]'s; every address that the fields of `a` describe is valid, and `channels` is a multiple of
/// [`Simd::LANES`].
#[inline(always)]
pub(in crate::cpu) unsafe fn largest<S: Simd, E: Element>(a: &Largest<E>) {
    let row = a.width * a.channels;
    for column in 0..a.columns {
        let (first, last) = ((2 * column).saturating_sub(1), (2 * column + 1).min(a.width - 1));
        let first_tap = 3 * a.first_row + first + 1 - 2 * column;
        for channel in (0..a.channels).step_by(S::LANES) {
            // SAFETY: the window's pixels are in its rows, and the output in its own.
            unsafe {
                let x = a.x.add(first * a.channels + channel);
                let mut best = (E::load::<S>(x), S::splat_at(&TAPS[first_tap]));
                for down in 0..a.rows {
                    prefetch(x.wrapping_add(down * row + AHEAD), S::LANES);
                    for across in 0..=last - first {
                        let value = E::load::<S>(x.add(down * row + across * a.channels));
                        let tap = S::splat_at(&TAPS[first_tap + 3 * down + across]);
                        best = S::larger(best, (value, tap));
                    }
                }
                let to = column * a.channels + channel;
                prefetch(a.out.wrapping_add(to + AHEAD), S::LANES);
                E::store::<S>(a.out.add(to), best.0);
                if !a.taps.is_null() {
                    S::store_bytes(a.taps.add(to), best.1);
                }
            }
        }
    }
}

/// What [`largest_backward`] reads and writes.
#[derive(Clone, Copy)]
pub(crate) struct LargestBackward<E> {
    /// The gradient of the first row of windows that have these pixels.
    pub grad: *const E,
    /// Which of a window's nine pixels its maximum is.
    pub taps: *const u8,
    /// Rows of such windows: one or two.
    pub rows: usize,
    /// Which row of the first of them these pixels are; two less of the second.
    pub tap_row: usize,
    /// Windows of a row.
    pub columns: usize,
    /// Pixels.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// The pixels' gradient.
    pub dx: *mut E,
}

/// The gradient of a row of the input, pixel by pixel.
///
/// # Safety
/// As [`largest`].
#[inline(always)]
pub(in crate::cpu) unsafe fn largest_backward<S: Simd, E: Element>(a: &LargestBackward<E>) {
    let row = a.columns * a.channels;
    for column in 0..a.width {
        let (first, last) = (column / 2, column.div_ceil(2).min(a.columns - 1));
        let first_tap = 3 * a.tap_row + 1 + column - 2 * first;
        for channel in (0..a.channels).step_by(S::LANES) {
            // SAFETY: the windows are in their rows, and the pixel in its own.
            unsafe {
                let from = first * a.channels + channel;
                let mut sum = S::zero();
                for down in 0..a.rows {
                    prefetch(a.grad.wrapping_add(from + down * row + AHEAD), S::LANES);
                    for across in 0..=last - first {
                        let at = from + down * row + across * a.channels;
                        let tap = S::splat_at(&TAPS[first_tap - 6 * down - 2 * across]);
                        let taps = S::load_bytes(a.taps.add(at));
                        let grad = E::load::<S>(a.grad.add(at));
                        sum = S::add(sum, S::kept_where_equal(grad, taps, tap));
                    }
                }
                let to = column * a.channels + channel;
                prefetch(a.dx.wrapping_add(to + AHEAD), S::LANES);
                E::store::<S>(a.dx.add(to), sum);
            }
        }
    }
}
