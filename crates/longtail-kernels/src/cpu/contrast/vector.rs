//! What log-sum-exp asks of a vector beyond [`Simd`].

use std::f32::consts::LN_2;

#[cfg(target_arch = "x86_64")]
use crate::cpu::simd::{Avx2, Avx512};
use crate::cpu::simd::{Portable, Simd};

/// Below this 2^x is 0 in f32; all beyond it would leave the integers that make exponents.
const SMALLEST: f32 = -200.0;
/// Above this 2^x has no finite f32.
const LARGEST: f32 = 127.0;
/// 2^f on [−½, ½] to 0.03 units of the last place, from the constant term on; minimax.
const POLYNOMIAL: [f32; 7] =
    [1.0, LN_2, 0.240_226_46, 0.055_503_286, 0.009_618_489, 0.001_339_993, 0.000_153_458_12];

/// Exponential, comparison and reduction.
///
/// # Safety
/// [`Simd`]'s.
pub(super) trait Exponential: Simd {
    /// All lanes `value`.
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::V {
        // SAFETY: the reference is to one value, which is all that is read.
        unsafe { Self::splat_at(&value) }
    }

    /// `a · b`
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// `a` where `a > b`, else `b`: also where either is no number.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// `then` where `a = b`, else `otherwise`.
    unsafe fn where_equal(a: Self::V, b: Self::V, then: Self::V, otherwise: Self::V) -> Self::V;
    /// `v` to the nearest integer; `|v| ≤ 200`.
    unsafe fn round(v: Self::V) -> Self::V;
    /// `v · 2^n` of integers `−200 ≤ n ≤ 127` and `½ < v < 2`; below the normal numbers 0 is as good.
    unsafe fn scale(v: Self::V, n: Self::V) -> Self::V;
    /// The sum of the lanes.
    unsafe fn sum(v: Self::V) -> f32;
    /// The largest lane.
    unsafe fn largest(v: Self::V) -> f32;

    /// 2^x to one unit of the last place for `x ≤ 127`; 2^127 beyond, NaN of NaN.
    #[inline(always)]
    unsafe fn exp2(x: Self::V) -> Self::V {
        // SAFETY: handed on. `max` gives its second argument where that is NaN.
        unsafe {
            let x = Self::max(Self::splat(SMALLEST), x);
            let x = Self::sub(
                Self::zero(),
                Self::max(Self::splat(-LARGEST), Self::sub(Self::zero(), x)),
            );
            let n = Self::round(x);
            let f = Self::sub(x, n);
            let [lower @ .., highest] = POLYNOMIAL;
            let mut p = Self::splat(highest);
            for c in lower.into_iter().rev() {
                p = Self::mul_add(p, f, Self::splat(c));
            }
            Self::scale(p, n)
        }
    }
}

#[inline(always)]
fn map2(a: [f32; 8], b: [f32; 8], f: impl Fn(f32, f32) -> f32) -> [f32; 8] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

// SAFETY of all: nothing but arithmetic on arrays.
impl Exponential for Portable {
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        map2(a, b, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        map2(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    unsafe fn where_equal(a: Self::V, b: Self::V, then: Self::V, otherwise: Self::V) -> Self::V {
        let mut out = otherwise;
        for i in 0..8 {
            out[i] = if a[i] == b[i] { then[i] } else { otherwise[i] };
        }
        out
    }

    #[inline(always)]
    unsafe fn round(v: Self::V) -> Self::V {
        // Adding it leaves no place for a fraction, so the sum is rounded to an integer.
        const INTEGERS: f32 = 12_582_912.0;
        v.map(|v| (v + INTEGERS) - INTEGERS)
    }

    #[inline(always)]
    unsafe fn scale(v: Self::V, n: Self::V) -> Self::V {
        map2(v, n, |v, n| {
            let power = f32::from_bits(((n.max(-127.0) as i32 + 127) as u32) << 23);
            v * power
        })
    }

    #[inline(always)]
    unsafe fn sum(v: Self::V) -> f32 {
        let [a, b, c, d, e, f, g, h] = v;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }

    #[inline(always)]
    unsafe fn largest(v: Self::V) -> f32 {
        v.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Avx2, Avx512, Exponential};

    const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

    // SAFETY of every intrinsic below: the caller's duty, stated on the trait.
    #[allow(clippy::undocumented_unsafe_blocks)]
    impl Exponential for Avx2 {
        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_mul_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_max_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn where_equal(
            a: Self::V,
            b: Self::V,
            then: Self::V,
            otherwise: Self::V,
        ) -> Self::V {
            unsafe { _mm256_blendv_ps(otherwise, then, _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b)) }
        }

        #[inline(always)]
        unsafe fn round(v: Self::V) -> Self::V {
            unsafe { _mm256_round_ps::<NEAREST>(v) }
        }

        #[inline(always)]
        unsafe fn scale(v: Self::V, n: Self::V) -> Self::V {
            unsafe {
                let n = _mm256_cvtps_epi32(_mm256_max_ps(n, _mm256_set1_ps(-127.0)));
                let biased = _mm256_add_epi32(n, _mm256_set1_epi32(127));
                _mm256_mul_ps(v, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased)))
            }
        }

        #[inline(always)]
        unsafe fn sum(v: Self::V) -> f32 {
            unsafe {
                let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
                let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
                _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)))
            }
        }

        #[inline(always)]
        unsafe fn largest(v: Self::V) -> f32 {
            unsafe {
                let v = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
                let v = _mm_max_ps(v, _mm_movehl_ps(v, v));
                _mm_cvtss_f32(_mm_max_ss(v, _mm_movehdup_ps(v)))
            }
        }
    }

    // SAFETY of every intrinsic below: the caller's duty, stated on the trait.
    #[allow(clippy::undocumented_unsafe_blocks)]
    impl Exponential for Avx512 {
        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_mul_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_max_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn where_equal(
            a: Self::V,
            b: Self::V,
            then: Self::V,
            otherwise: Self::V,
        ) -> Self::V {
            unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b), otherwise, then) }
        }

        #[inline(always)]
        unsafe fn round(v: Self::V) -> Self::V {
            unsafe { _mm512_roundscale_ps::<NEAREST>(v) }
        }

        #[inline(always)]
        unsafe fn scale(v: Self::V, n: Self::V) -> Self::V {
            unsafe { _mm512_scalef_ps(v, n) }
        }

        #[inline(always)]
        unsafe fn sum(v: Self::V) -> f32 {
            unsafe { _mm512_reduce_add_ps(v) }
        }

        #[inline(always)]
        unsafe fn largest(v: Self::V) -> f32 {
            unsafe { _mm512_reduce_max_ps(v) }
        }
    }
}
