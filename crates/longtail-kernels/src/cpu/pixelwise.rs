//! Passes over the pixels of one image, channel by channel; as `micro`, once per instruction set.

// Constant indices into an array of registers; an iterator there keeps the array in memory.
#![allow(clippy::needless_range_loop)]

use super::{
    element::Element,
    simd::{Simd, prefetch},
};

/// Values that are asked for before they are read: across the pages at which the hardware's own
/// prefetching ends.
const AHEAD: usize = 1024;

/// `$work::<..., KV>($a, channel)` for blocks of four, two or one vectors of channels.
macro_rules! each_block {
    ($S:ty, $a:expr, $work:ident::<$($type:tt),*>) => {{
        let vectors = $a.channels / <$S>::LANES;
        if vectors.is_multiple_of(4) {
            for v in (0..vectors).step_by(4) {
                $work::<$($type,)* 4>($a, v * <$S>::LANES);
            }
        } else if vectors.is_multiple_of(2) {
            for v in (0..vectors).step_by(2) {
                $work::<$($type,)* 2>($a, v * <$S>::LANES);
            }
        } else {
            for v in 0..vectors {
                $work::<$($type,)* 1>($a, v * <$S>::LANES);
            }
        }
    }};
}

/// What [`keep`] reads and writes: some pixels of one image, one after the other.
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
pub(super) unsafe fn keep<S: Simd, E: Element>(a: &Moments<E>) {
    // SAFETY: handed on; the channels of all calls are those of the image.
    unsafe { each_block!(S, a, keep_channels::<S, E>) }
}

/// [`keep`] of `KV` vectors of channels, pixel by pixel.
#[inline(always)]
unsafe fn keep_channels<S: Simd, E: Element, const KV: usize>(a: &Moments<E>, channel: usize) {
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
pub(super) unsafe fn normalise<S: Simd, In: Element, Out: Element>(a: &Normalise<In, Out>) {
    // SAFETY: handed on; the channels of all calls are those of the image.
    unsafe {
        if a.residual.is_null() {
            each_block!(S, a, normalise_channels::<S, In, Out, false>);
        } else {
            each_block!(S, a, normalise_channels::<S, In, Out, true>);
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
                prefetch(a.out.wrapping_add(at + AHEAD), S::LANES);
                if ADDED {
                    prefetch(a.residual.wrapping_add(at + AHEAD), S::LANES);
                    value = S::add(value, Out::load::<S>(a.residual.add(at)));
                }
                Out::store::<S>(a.out.add(at), if a.relu { S::relu(value) } else { value });
            }
        }
    }
}

/// What lets a gradient pass.
#[derive(Clone, Copy)]
pub(crate) enum Mask<E> {
    /// Everything.
    Open,
    /// Positive values at this address, one per value.
    Output(*const E),
    /// Positive values of `y · scale + shift`, one of each per channel.
    Affine(*const f32, *const f32),
}

/// What [`gate`] reads and writes: some pixels of one image.
#[derive(Clone, Copy)]
pub(crate) struct Gate<In, E> {
    /// The output's gradient.
    pub grad: *const In,
    /// Where the gated one goes; may be `grad`.
    pub gated: *mut E,
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
pub(super) unsafe fn gate<S: Simd, In: Element, E: Element>(a: &Gate<In, E>) {
    // SAFETY: handed on; the channels of all calls are those of the image.
    unsafe { each_block!(S, a, gate_channels::<S, In, E>) }
}

/// [`gate`] of `KV` vectors of channels, pixel by pixel.
#[inline(always)]
unsafe fn gate_channels<S: Simd, In: Element, E: Element, const KV: usize>(
    a: &Gate<In, E>,
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
                prefetch(a.gated.wrapping_add(at + AHEAD), S::LANES);
                E::store::<S>(a.gated.add(at), g);
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
pub(super) unsafe fn masked<S: Simd, E: Element>(
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
        }
    }
}

/// What [`through_bn`] reads and writes, all of one image.
#[derive(Clone, Copy)]
pub(crate) struct ThroughBn<E, Out> {
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
/// As [`gate`].
#[inline(always)]
pub(super) unsafe fn through_bn<S: Simd, E: Element, Out: Element>(a: &ThroughBn<E, Out>) {
    // SAFETY: handed on; the channels of all calls are those of the image.
    unsafe { each_block!(S, a, through_bn_channels::<S, E, Out>) }
}

/// [`through_bn`] of `KV` vectors of channels, pixel by pixel.
#[inline(always)]
unsafe fn through_bn_channels<S: Simd, E: Element, Out: Element, const KV: usize>(
    a: &ThroughBn<E, Out>,
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
pub(super) unsafe fn round_sum<S: Simd, E: Element>(
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
pub(super) unsafe fn pair<E: Element>(
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
