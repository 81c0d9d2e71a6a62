//! The way there: what becomes of a convolution.

// Constant indices into an array of registers; an iterator there keeps the array in memory.
#![allow(clippy::needless_range_loop)]

use super::blocks::each_block;
use crate::cpu::{
    element::Element,
    simd::{AHEAD, Simd, prefetch},
};

/// What [`store_moments`] reads and writes: some pixels of one image, one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Moments<E> {
    /// The convolution in f32.
    pub y: *const f32,
    /// Where it is kept; may be `y`.
    pub kept: *mut E,
    /// The image's first pixel as it is kept.
    pub first: *const E,
    /// `Σ (y − first)` per channel of what is kept, added to; for the last pixels `Σ y` of the image.
    pub sum: *mut f32,
    /// `Σ (y − first)²` per channel of what is kept, added to; for the last pixels `Σ (y − mean)²` of the
    /// image.
    pub square: *mut f32,
    /// Pixels.
    pub pixels: usize,
    /// Pixels of the image.
    pub of_image: usize,
    /// Whether these are the image's last.
    pub is_last: bool,
    /// Channels.
    pub channels: usize,
}

/// Keeps a convolution, and its moments over the image: first around its first pixel, since the mean is not
/// known yet, and around 0 the squares could cancel.
///
/// # Safety
/// [`Simd`]'s; every address that the fields of `a` describe is valid, and `channels` is a multiple of
/// [`Simd::LANES`].
#[inline(always)]
pub(in crate::cpu) unsafe fn store_moments<S: Simd, E: Element>(a: &Moments<E>) {
    // SAFETY: handed on; the channels of all calls are those of the image.
    unsafe { each_block!(S, a, store_moments_channels::<S, E>) }
}

/// [`store_moments`] of `KV` vectors of channels, pixel by pixel.
#[inline(always)]
unsafe fn store_moments_channels<S: Simd, E: Element, const KV: usize>(
    a: &Moments<E>,
    channel: usize,
) {
    // SAFETY: every offset is within the pixels.
    unsafe {
        let (mut sums, mut squares) = ([S::zero(); KV], [S::zero(); KV]);
        let mut first = [S::zero(); KV];
        for v in 0..KV {
            let at = channel + v * S::LANES;
            if a.first == a.kept.cast_const() {
                E::store::<S>(a.kept.add(at), S::load(a.y.add(at)));
            }
            first[v] = E::load::<S>(a.first.add(at));
            sums[v] = S::load(a.sum.add(at));
            squares[v] = S::load(a.square.add(at));
        }
        for pixel in 0..a.pixels {
            for v in 0..KV {
                let at = pixel * a.channels + channel + v * S::LANES;
                let wide = S::load(a.y.add(at));
                prefetch(a.kept.wrapping_add(at + AHEAD), S::LANES);
                E::store::<S>(a.kept.add(at), wide);
                let value = if E::PER_WORD == 1 { wide } else { E::load::<S>(a.kept.add(at)) };
                let apart = S::sub(value, first[v]);
                sums[v] = S::add(sums[v], apart);
                squares[v] = S::mul_add(apart, apart, squares[v]);
            }
        }
        let (count, minus_inverse) = (a.of_image as f32, -1.0 / a.of_image as f32);
        for v in 0..KV {
            let at = channel + v * S::LANES;
            if a.is_last {
                let minus_mean = S::mul_add(sums[v], S::splat_at(&minus_inverse), S::zero());
                squares[v] = S::relu(S::mul_add(sums[v], minus_mean, squares[v]));
                sums[v] = S::mul_add(first[v], S::splat_at(&count), sums[v]);
            }
            S::store(a.sum.add(at), sums[v]);
            S::store(a.square.add(at), squares[v]);
        }
    }
}

/// What [`normalise`] reads and writes.
#[derive(Clone, Copy)]
pub(crate) struct Normalise<In, Out> {
    /// The convolution.
    pub y: *const In,
    /// What is added before the ReLU; null for nothing.
    pub residual: *const Out,
    /// Factor per channel.
    pub scale: *const f32,
    /// Summand per channel.
    pub shift: *const f32,
    /// Whether negative results become 0.
    pub relu: bool,
    /// Where the result goes; may be `y`.
    pub out: *mut Out,
    /// Whether it goes past the caches ([`Simd::stream`]).
    pub stream: bool,
    /// Pixels.
    pub pixels: usize,
    /// Channels.
    pub channels: usize,
}

/// `out = [relu](y · scale + shift [+ residual])`.
///
/// # Safety
/// [`Simd`]'s; every address that the fields of `a` describe is valid, and `channels` is a multiple of
/// [`Simd::LANES`].
#[inline(always)]
pub(in crate::cpu) unsafe fn normalise<S: Simd, In: Element, Out: Element>(a: &Normalise<In, Out>) {
    // SAFETY: handed on; the channels of all calls are those of the image.
    unsafe {
        match (a.residual.is_null(), a.stream) {
            (true, false) => each_block!(S, a, normalise_channels::<S, In, Out, false, false>),
            (false, false) => each_block!(S, a, normalise_channels::<S, In, Out, true, false>),
            (true, true) => each_block!(S, a, normalise_channels::<S, In, Out, false, true>),
            (false, true) => each_block!(S, a, normalise_channels::<S, In, Out, true, true>),
        }
        if a.stream {
            S::fence();
        }
    }
}

/// [`normalise`] of `KV` vectors of channels, pixel by pixel, with a residual if `ADDED`.
#[inline(always)]
unsafe fn normalise_channels<
    S: Simd,
    In: Element,
    Out: Element,
    const ADDED: bool,
    const STREAM: bool,
    const KV: usize,
>(
    a: &Normalise<In, Out>,
    channel: usize,
) {
    // SAFETY: every offset is within the pixels.
    unsafe {
        let (mut scale, mut shift) = ([S::zero(); KV], [S::zero(); KV]);
        for v in 0..KV {
            scale[v] = S::load(a.scale.add(channel + v * S::LANES));
            shift[v] = S::load(a.shift.add(channel + v * S::LANES));
        }
        for pixel in 0..a.pixels {
            for v in 0..KV {
                let at = pixel * a.channels + channel + v * S::LANES;
                let mut value = S::mul_add(In::load::<S>(a.y.add(at)), scale[v], shift[v]);
                prefetch(a.y.wrapping_add(at + AHEAD), S::LANES);
                if !STREAM {
                    prefetch(a.out.wrapping_add(at + AHEAD), S::LANES);
                }
                if ADDED {
                    prefetch(a.residual.wrapping_add(at + AHEAD), S::LANES);
                    value = S::add(value, Out::load::<S>(a.residual.add(at)));
                }
                let value = if a.relu { S::relu(value) } else { value };
                match STREAM {
                    true => Out::stream::<S>(a.out.add(at), value),
                    false => Out::store::<S>(a.out.add(at), value),
                }
            }
        }
    }
}
