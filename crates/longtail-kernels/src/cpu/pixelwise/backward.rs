//! The way back: what becomes of a gradient.

// Constant indices into an array of registers; an iterator there keeps the array in memory.
#![allow(clippy::needless_range_loop)]

use super::blocks::each_block;
use crate::cpu::{
    element::Element,
    simd::{AHEAD, Simd, prefetch},
};

/// What lets a gradient pass.
#[derive(Clone, Copy)]
pub(crate) enum Mask<E> {
    /// Everything.
    Open,
    /// Positive values at this address, one per value.
    Output(*const E),
    /// Positive values of `y · scale + shift`, one of each per channel.
    Affine(*const f32, *const f32),
    /// Positive values of `y · scale + shift + residual`, of which the last is one per value.
    Sum(*const f32, *const f32, *const E),
}

/// What [`relu_backward`] reads and writes: some pixels of one image.
#[derive(Clone, Copy)]
pub(crate) struct ReluBackward<In, E> {
    /// The output's gradient.
    pub grad: *const In,
    /// Where the one before the ReLU goes; may be `grad`.
    pub masked: *mut E,
    /// The ReLU.
    pub mask: Mask<E>,
    /// The convolution.
    pub y: *const E,
    /// Its mean per channel.
    pub mean: *const f32,
    /// `Σ g` per channel, added to.
    pub sum: *mut f32,
    /// `Σ g (y − mean)` per channel, added to.
    pub product: *mut f32,
    /// Pixels.
    pub pixels: usize,
    /// Channels.
    pub channels: usize,
}

/// The gradient before the ReLU, and its sums.
///
/// # Safety
/// [`Simd`]'s; every address that the fields of `a` describe is valid, and `channels` is a multiple of
/// [`Simd::LANES`].
#[inline(always)]
pub(in crate::cpu) unsafe fn relu_backward<S: Simd, In: Element, E: Element>(
    a: &ReluBackward<In, E>,
) {
    // SAFETY: handed on; the channels of all calls are those of the image.
    unsafe { each_block!(S, a, relu_backward_channels::<S, In, E>) }
}

/// [`relu_backward`] of `KV` vectors of channels, pixel by pixel.
#[inline(always)]
unsafe fn relu_backward_channels<S: Simd, In: Element, E: Element, const KV: usize>(
    a: &ReluBackward<In, E>,
    channel: usize,
) {
    // SAFETY: every offset is within the image.
    unsafe {
        let (mut sums, mut products) = ([S::zero(); KV], [S::zero(); KV]);
        for pixel in 0..a.pixels {
            for v in 0..KV {
                let channel = channel + v * S::LANES;
                let at = pixel * a.channels + channel;
                let y = E::load::<S>(a.y.add(at));
                let g = In::load::<S>(a.grad.add(at));
                prefetch(a.y.wrapping_add(at + AHEAD), S::LANES);
                let g = masked::<S, E>(g, a.mask, y, at, channel);
                prefetch(a.masked.wrapping_add(at + AHEAD), S::LANES);
                E::store::<S>(a.masked.add(at), g);
                let apart = S::sub(y, S::load(a.mean.add(channel)));
                sums[v] = S::add(sums[v], g);
                products[v] = S::mul_add(g, apart, products[v]);
            }
        }
        for v in 0..KV {
            let (sum, product) =
                (a.sum.add(channel + v * S::LANES), a.product.add(channel + v * S::LANES));
            S::store(sum, S::add(S::load(sum), sums[v]));
            S::store(product, S::add(S::load(product), products[v]));
        }
    }
}

/// The gradient `g` where the mask lets it pass; `y` is the convolution there.
#[inline(always)]
unsafe fn masked<S: Simd, E: Element>(
    g: S::V,
    mask: Mask<E>,
    y: S::V,
    at: usize,
    channel: usize,
) -> S::V {
    // SAFETY: the caller's.
    unsafe {
        match mask {
            Mask::Open => g,
            Mask::Output(output) => {
                prefetch(output.wrapping_add(at + AHEAD), S::LANES);
                S::where_positive(g, E::load::<S>(output.add(at)))
            }
            Mask::Affine(scale, shift) => {
                let (scale, shift) = (scale.add(channel), shift.add(channel));
                S::where_positive(g, S::mul_add(y, S::load(scale), S::load(shift)))
            }
            Mask::Sum(scale, shift, residual) => {
                prefetch(residual.wrapping_add(at + AHEAD), S::LANES);
                let (scale, shift) = (scale.add(channel), shift.add(channel));
                let normalised = S::mul_add(y, S::load(scale), S::load(shift));
                S::where_positive(g, S::add(normalised, E::load::<S>(residual.add(at))))
            }
        }
    }
}

/// What [`batch_norm_backward`] reads and writes, all of one image.
#[derive(Clone, Copy)]
pub(crate) struct BatchNormBackward<E, Out> {
    /// The gradient before the ReLU.
    pub grad: *const E,
    /// The convolution.
    pub y: *const E,
    /// Coefficient of the gradient per channel.
    pub of_grad: *const f32,
    /// Coefficient of the convolution per channel.
    pub of_y: *const f32,
    /// Constant per channel.
    pub constant: *const f32,
    /// First pixel of the convolution's gradient.
    pub dy: *mut Out,
    /// Values from one row of `dy` to the next.
    pub dy_row: usize,
    /// Values from one pixel of `dy` to the next.
    pub dy_step: usize,
    /// Rows.
    pub rows: usize,
    /// Pixels of a row.
    pub columns: usize,
    /// Channels.
    pub channels: usize,
}

/// `dy = of_grad · g + of_y · y + constant`: the gradient before the batch norm.
///
/// # Safety
/// As [`relu_backward`].
#[inline(always)]
pub(in crate::cpu) unsafe fn batch_norm_backward<S: Simd, E: Element, Out: Element>(
    a: &BatchNormBackward<E, Out>,
) {
    // SAFETY: handed on; the channels of all calls are those of the image.
    unsafe { each_block!(S, a, batch_norm_backward_channels::<S, E, Out>) }
}

/// [`batch_norm_backward`] of `KV` vectors of channels, pixel by pixel.
#[inline(always)]
unsafe fn batch_norm_backward_channels<S: Simd, E: Element, Out: Element, const KV: usize>(
    a: &BatchNormBackward<E, Out>,
    channel: usize,
) {
    // SAFETY: every offset is within the image or the scratch.
    unsafe {
        let [mut of_grad, mut of_y, mut constant] = [[S::zero(); KV]; 3];
        for v in 0..KV {
            let channel = channel + v * S::LANES;
            of_grad[v] = S::load(a.of_grad.add(channel));
            of_y[v] = S::load(a.of_y.add(channel));
            constant[v] = S::load(a.constant.add(channel));
        }
        for row in 0..a.rows {
            for column in 0..a.columns {
                let pixel = (row * a.columns + column) * a.channels + channel;
                let to = row * a.dy_row + column * a.dy_step + channel;
                for v in 0..KV {
                    let at = pixel + v * S::LANES;
                    prefetch(a.y.wrapping_add(at + AHEAD), S::LANES);
                    prefetch(a.grad.wrapping_add(at + AHEAD), S::LANES);
                    let y = S::mul_add(E::load::<S>(a.y.add(at)), of_y[v], constant[v]);
                    let dy = S::mul_add(E::load::<S>(a.grad.add(at)), of_grad[v], y);
                    Out::store::<S>(a.dy.add(to + v * S::LANES), dy);
                }
            }
        }
    }
}

/// `kept = wide + other`, rounded; `other` may be null for nothing.
///
/// # Safety
/// [`Simd`]'s; every address that is not null is valid for `count` values.
#[inline(always)]
pub(in crate::cpu) unsafe fn add_and_round<S: Simd, E: Element>(
    wide: *const f32,
    other: *const E,
    kept: *mut E,
    count: usize,
) {
    let whole = count / S::LANES * S::LANES;
    // SAFETY: every offset is below `count`.
    unsafe {
        for at in (0..whole).step_by(S::LANES) {
            let mut v = S::load(wide.add(at));
            prefetch(kept.wrapping_add(at + AHEAD), S::LANES);
            if !other.is_null() {
                prefetch(other.wrapping_add(at + AHEAD), S::LANES);
                v = S::add(v, E::load::<S>(other.add(at)));
            }
            E::store::<S>(kept.add(at), v);
        }
        for at in whole..count {
            let other = if other.is_null() { 0.0 } else { (*other.add(at)).widen() };
            *kept.add(at) = E::round(*wide.add(at) + other);
        }
    }
}

/// Two runs of `count` values, value by value side by side.
///
/// # Safety
/// `first` and `second` are valid for `count` values and `out` for twice as many.
#[inline(always)]
pub(in crate::cpu) unsafe fn interleave<E: Element>(
    first: *const E,
    second: *const E,
    out: *mut E,
    count: usize,
) {
    for i in 0..count {
        // SAFETY: `i` is below `count`.
        unsafe {
            *out.add(2 * i) = *first.add(i);
            *out.add(2 * i + 1) = *second.add(i);
        }
    }
}
