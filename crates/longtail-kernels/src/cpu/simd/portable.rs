use burn::tensor::bf16;

use super::vector::Simd;

/// Arrays that the compiler turns into whatever the target has.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Portable;

impl Portable {
    #[inline(always)]
    fn map2(a: [f32; 8], b: [f32; 8], f: impl Fn(f32, f32) -> f32) -> [f32; 8] {
        let mut out = [0.0; 8];
        for i in 0..8 {
            out[i] = f(a[i], b[i]);
        }
        out
    }
}

// SAFETY of the pointer accesses below: the caller's duty, stated on the trait.
impl Simd for Portable {
    const LANES: usize = 8;
    type V = [f32; 8];

    #[inline(always)]
    unsafe fn zero() -> Self::V {
        [0.0; 8]
    }

    #[inline(always)]
    unsafe fn splat_at(p: *const f32) -> Self::V {
        // SAFETY: see the trait.
        [unsafe { *p }; 8]
    }

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self::V {
        // SAFETY: see the trait; arrays of f32 have the alignment of f32.
        unsafe { p.cast::<[f32; 8]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(p: *mut f32, v: Self::V) {
        // SAFETY: see the trait.
        unsafe { p.cast::<[f32; 8]>().write_unaligned(v) }
    }

    #[inline(always)]
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        let mut out = c;
        for i in 0..8 {
            // Without an instruction for it, `mul_add` is a call into the C library; in f64 the product is exact, so that
            // the sum is rounded as the other paths round it, but for ties.
            out[i] = if cfg!(target_arch = "aarch64") {
                a[i].mul_add(b[i], c[i])
            } else {
                (f64::from(a[i]) * f64::from(b[i]) + f64::from(c[i])) as f32
            };
        }
        out
    }

    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        Self::map2(a, b, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        Self::map2(a, b, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn relu(v: Self::V) -> Self::V {
        Self::map2(v, v, |v, _| if v < 0.0 { 0.0 } else { v })
    }

    #[inline(always)]
    unsafe fn where_positive(v: Self::V, mask: Self::V) -> Self::V {
        Self::map2(v, mask, |v, mask| if mask > 0.0 { v } else { 0.0 })
    }

    #[inline(always)]
    unsafe fn load_bf16(p: *const bf16) -> Self::V {
        // SAFETY: see the trait; arrays of bf16 have the alignment of bf16.
        unsafe { p.cast::<[bf16; 8]>().read_unaligned() }.map(bf16::to_f32)
    }

    #[inline(always)]
    unsafe fn store_bf16(p: *mut bf16, v: Self::V) {
        // SAFETY: see the trait.
        unsafe { p.cast::<[bf16; 8]>().write_unaligned(v.map(bf16::from_f32)) }
    }

    #[inline(always)]
    unsafe fn dot(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        let low = |v: f32| f32::from_bits(v.to_bits() << 16);
        let high = |v: f32| f32::from_bits(v.to_bits() & 0xffff_0000);
        let mut out = c;
        for i in 0..8 {
            out[i] += low(a[i]) * low(b[i]) + high(a[i]) * high(b[i]);
        }
        out
    }

    #[inline(always)]
    unsafe fn quads<const I: usize>(p: *const f32) -> Self::V {
        // SAFETY: see the trait.
        let v = unsafe { Self::load(p) };
        let (low, high) = (v[I], v[4 + I]);
        [low, low, low, low, high, high, high, high]
    }

    #[inline(always)]
    unsafe fn larger(
        mut first: (Self::V, Self::V),
        second: (Self::V, Self::V),
    ) -> (Self::V, Self::V) {
        for i in 0..8 {
            if second.0[i] > first.0[i] || second.0[i].is_nan() {
                (first.0[i], first.1[i]) = (second.0[i], second.1[i]);
            }
        }
        first
    }

    #[inline(always)]
    unsafe fn kept_where_equal(v: Self::V, a: Self::V, b: Self::V) -> Self::V {
        let mut out = v;
        for i in 0..8 {
            out[i] = if a[i] == b[i] { v[i] } else { 0.0 };
        }
        out
    }

    #[inline(always)]
    unsafe fn load_bytes(p: *const u8) -> Self::V {
        // SAFETY: see the trait.
        unsafe { p.cast::<[u8; 8]>().read() }.map(f32::from)
    }

    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, v: Self::V) {
        // SAFETY: see the trait.
        unsafe { p.cast::<[u8; 8]>().write(v.map(|value| value as u8)) }
    }
}
