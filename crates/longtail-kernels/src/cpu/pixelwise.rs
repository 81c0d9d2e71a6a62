//! Passes over the pixels of one image, channel by channel; as `micro`, once per instruction set.

use super::simd::Simd;

/// `Σ y` and then `Σ (y − mean)²` of every channel over the pixels of one image.
///
/// # Safety
/// [`Simd`]'s; `y` holds `pixels · channels` values, `sum` and `square` hold `channels`, which is a
/// multiple of [`Simd::LANES`].
#[inline(always)]
pub(super) unsafe fn moments<S: Simd>(
    y: *const f32,
    pixels: usize,
    channels: usize,
    sum: *mut f32,
    square: *mut f32,
) {
    let inverse = 1.0 / pixels as f32;
    for channel in (0..channels).step_by(S::LANES) {
        // SAFETY: `channel` is below `channels`, and so is its vector.
        unsafe {
            let y = y.add(channel);
            let total = sum_over::<S, false>(y, pixels, channels, S::zero());
            S::store(sum.add(channel), total);
            let mean = S::mul_add(total, S::splat_at(&inverse), S::zero());
            S::store(square.add(channel), sum_over::<S, true>(y, pixels, channels, mean));
        }
    }
}

/// `Σ y`, or `Σ (y − mean)²` if `SQUARE`, over the pixels, in four sums so that one does not wait for
/// the other.
#[inline(always)]
unsafe fn sum_over<S: Simd, const SQUARE: bool>(
    y: *const f32,
    pixels: usize,
    channels: usize,
    mean: S::V,
) -> S::V {
    // SAFETY: handed on.
    unsafe {
        let mut sums = [S::zero(); 4];
        let mut pixel = 0;
        while pixel < pixels {
            // A constant number of sums, so that they stay in registers.
            for (lane, sum) in sums.iter_mut().enumerate() {
                if pixel + lane < pixels {
                    let v = S::load(y.add((pixel + lane) * channels));
                    let d = S::sub(v, mean);
                    *sum = if SQUARE { S::mul_add(d, d, *sum) } else { S::add(*sum, v) };
                }
            }
            pixel += 4;
        }
        S::add(S::add(sums[0], sums[1]), S::add(sums[2], sums[3]))
    }
}

/// `out = [relu](y · scale + shift [+ residual])`; `out` may be `y`.
///
/// # Safety
/// [`Simd`]'s; `y`, `out` and a `residual` that is not null hold `pixels · channels` values, `scale`
/// and `shift` hold `channels`, a multiple of [`Simd::LANES`].
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(super) unsafe fn normalise<S: Simd>(
    y: *const f32,
    residual: *const f32,
    scale: *const f32,
    shift: *const f32,
    relu: bool,
    out: *mut f32,
    pixels: usize,
    channels: usize,
) {
    for pixel in 0..pixels {
        for channel in (0..channels).step_by(S::LANES) {
            let at = pixel * channels + channel;
            // SAFETY: `at` is within the image.
            unsafe {
                let (a, b) = (S::load(scale.add(channel)), S::load(shift.add(channel)));
                let mut v = S::mul_add(S::load(y.add(at)), a, b);
                if !residual.is_null() {
                    v = S::add(v, S::load(residual.add(at)));
                }
                S::store(out.add(at), if relu { S::relu(v) } else { v });
            }
        }
    }
}

/// What lets a gradient pass.
#[derive(Clone, Copy)]
pub(crate) enum Mask {
    /// Everything.
    Open,
    /// Positive values at this address, one per value.
    Output(*const f32),
    /// Positive values of `y · scale + shift`, one of each per channel.
    Affine(*const f32, *const f32),
}

/// What [`gate`] reads and writes, all of one image.
#[derive(Clone, Copy)]
pub(crate) struct Gate {
    /// The output's gradient, and where the gated one goes.
    pub grad: *mut f32,
    /// The ReLU.
    pub mask: Mask,
    /// The convolution.
    pub y: *const f32,
    /// Its mean per channel.
    pub mean: *const f32,
    /// `Σ g` per channel, written.
    pub sum: *mut f32,
    /// `Σ g (y − mean)` per channel, written.
    pub product: *mut f32,
    /// Pixels of the image.
    pub pixels: usize,
    /// Channels.
    pub channels: usize,
}

/// The gradient before the ReLU, in place, and its sums.
///
/// # Safety
/// [`Simd`]'s; every address that the fields of `a` describe is valid, and `channels` is a multiple of
/// [`Simd::LANES`].
#[inline(always)]
pub(super) unsafe fn gate<S: Simd>(a: &Gate) {
    for channel in (0..a.channels).step_by(S::LANES) {
        // SAFETY: every offset is within the image, every channel below `channels`.
        unsafe {
            let mean = S::load(a.mean.add(channel));
            let (mut sum, mut product) = (S::zero(), S::zero());
            for pixel in 0..a.pixels {
                let at = pixel * a.channels + channel;
                let y = S::load(a.y.add(at));
                let g = S::load(a.grad.add(at));
                let g = match a.mask {
                    Mask::Open => g,
                    Mask::Output(output) => S::where_positive(g, S::load(output.add(at))),
                    Mask::Affine(scale, shift) => {
                        let (scale, shift) = (scale.add(channel), shift.add(channel));
                        S::where_positive(g, S::mul_add(y, S::load(scale), S::load(shift)))
                    }
                };
                S::store(a.grad.add(at), g);
                sum = S::add(sum, g);
                product = S::mul_add(g, S::sub(y, mean), product);
            }
            S::store(a.sum.add(channel), sum);
            S::store(a.product.add(channel), product);
        }
    }
}

/// What [`through_bn`] reads and writes, all of one image.
#[derive(Clone, Copy)]
pub(crate) struct ThroughBn {
    /// The gradient before the ReLU.
    pub grad: *const f32,
    /// The convolution.
    pub y: *const f32,
    /// Coefficient of the gradient per channel.
    pub of_grad: *const f32,
    /// Coefficient of the convolution per channel.
    pub of_y: *const f32,
    /// Constant per channel.
    pub constant: *const f32,
    /// First pixel of the convolution's gradient.
    pub dy: *mut f32,
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
pub(super) unsafe fn through_bn<S: Simd>(a: &ThroughBn) {
    for row in 0..a.rows {
        for column in 0..a.columns {
            for channel in (0..a.channels).step_by(S::LANES) {
                let at = (row * a.columns + column) * a.channels + channel;
                // SAFETY: every offset is within the image or the scratch.
                unsafe {
                    let constant = S::load(a.constant.add(channel));
                    let y =
                        S::mul_add(S::load(a.y.add(at)), S::load(a.of_y.add(channel)), constant);
                    let g = S::load(a.grad.add(at));
                    let dy = S::mul_add(g, S::load(a.of_grad.add(channel)), y);
                    S::store(a.dy.add(row * a.dy_row + column * a.dy_step + channel), dy);
                }
            }
        }
    }
}
