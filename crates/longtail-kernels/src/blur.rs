//! One row or column of Pillow's box blur of bytes, bit for bit.
//!
//! Source: Pillow's `BoxBlur.c`, of which the roundings follow.

use crate::dispatch::operation;

/// Fixed-point weights of a box, of [`Weights::BITS`] bits behind the point: of the taps within it, and of the two at its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights {
    /// Of each tap but the ends.
    pub inner: u32,
    /// Of the first and the last.
    pub outer: u32,
}

impl Weights {
    /// Bits behind the point.
    pub const BITS: u32 = 24;

    #[inline(always)]
    fn level(self, inside: u32, ends: u32) -> u8 {
        let sum = inside.wrapping_mul(self.inner).wrapping_add(ends.wrapping_mul(self.outer));
        (sum.wrapping_add(1 << (Self::BITS - 1)) >> Self::BITS) as u8
    }
}

operation! {
    /// The weighted sum of `taps`, rounded to bytes: `out[i]` of the bytes `taps[..][i]`. Of fewer than three taps nothing is
    /// made, and weights of a sum above one wrap.
    ///
    /// ```
    /// use longtail_kernels::blur::{Weights, box_sum};
    ///
    /// let third = Weights { inner: (1 << 24) / 3, outer: (1 << 24) / 3 };
    /// let mut out = [0; 2];
    /// box_sum(&[&[0, 90], &[30, 90], &[60, 90]], third, &mut out);
    /// assert_eq!(out, [30, 90]);
    /// ```
    ///
    /// # Panics
    /// If a tap is shorter than `out`.
    box_sum(taps: &[&[u8]], weights: Weights, out: &mut [u8]), one_by_one, in_loops
}

/// The reference.
fn one_by_one(taps: &[&[u8]], weights: Weights, out: &mut [u8]) {
    let [first, inner @ .., last] = taps else { return };
    if inner.is_empty() {
        return;
    }
    for (i, v) in out.iter_mut().enumerate() {
        let inside = inner.iter().map(|tap| u32::from(tap[i])).sum();
        *v = weights.level(inside, u32::from(first[i]) + u32::from(last[i]));
    }
}

/// With the numbers of taps that blurs of small images have written out.
#[inline(always)]
fn in_loops(taps: &[&[u8]], weights: Weights, out: &mut [u8]) {
    let count = out.len();
    let wide = |v: u8| u32::from(v);
    match *taps {
        [a, b, c] => {
            let (a, b, c) = (&a[..count], &b[..count], &c[..count]);
            for (i, v) in out.iter_mut().enumerate() {
                *v = weights.level(wide(b[i]), wide(a[i]) + wide(c[i]));
            }
        }
        [a, b, c, d, e] => {
            let (a, b, c) = (&a[..count], &b[..count], &c[..count]);
            let (d, e) = (&d[..count], &e[..count]);
            for (i, v) in out.iter_mut().enumerate() {
                let inside = wide(b[i]) + wide(c[i]) + wide(d[i]);
                *v = weights.level(inside, wide(a[i]) + wide(e[i]));
            }
        }
        _ => one_by_one(taps, weights, out),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sums_are_those_of_the_reference(
            width in 0_usize..100, taps in 0_usize..9, seed: u64, share in 0.0_f64..1.0,
        ) {
            let byte = |i: usize| (seed.wrapping_mul(2 * i as u64 + 1) >> 29) as u8;
            let bytes: Vec<u8> = (0..width * taps.max(1)).map(byte).collect();
            let rows: Vec<&[u8]> = (0..taps).map(|tap| &bytes[tap * width..][..width]).collect();
            let inner = (f64::from(1 << Weights::BITS) * share / taps.max(1) as f64) as u32;
            let weights = Weights { inner, outer: inner / 2 };
            let made = |with: &dyn Fn(&mut [u8])| {
                let mut out = vec![7; width];
                with(&mut out);
                out
            };
            let expected = made(&|out| one_by_one(&rows, weights, out));
            prop_assert_eq!(&made(&|out| box_sum(&rows, weights, out)), &expected);
            prop_assert_eq!(&made(&|out| in_loops(&rows, weights, out)), &expected);
        }
    }
}
