//! Vectors of f32 as the kernels need them: one source, one instance per instruction set.

/// A vector of [`Simd::LANES`] f32 values.
///
/// # Safety
/// Every method may use instructions of its set: it must only run inside a function compiled for
/// that set, on a machine that has it. Pointers need no alignment, but must be valid for
/// [`Simd::LANES`] values (one value for [`Simd::splat_at`]).
pub(super) trait Simd: Copy {
    /// Values of one vector.
    const LANES: usize;
    /// The vector.
    type V: Copy;

    /// All lanes 0.
    unsafe fn zero() -> Self::V;
    /// All lanes the value at `p`.
    unsafe fn splat_at(p: *const f32) -> Self::V;
    /// The values from `p` on.
    unsafe fn load(p: *const f32) -> Self::V;
    /// Writes the values from `p` on.
    unsafe fn store(p: *mut f32, v: Self::V);
    /// `a · b + c`, rounded once where the set can.
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a + b`
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `a − b`
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// `max(v, 0)`; what is no number stays so.
    unsafe fn relu(v: Self::V) -> Self::V;
    /// `v` where `gate > 0`, else 0.
    unsafe fn where_positive(v: Self::V, gate: Self::V) -> Self::V;
}

/// Arrays that the compiler turns into whatever the target has.
#[derive(Clone, Copy)]
pub(super) struct Portable;

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
            // Without an instruction for it, `mul_add` is a call into the C library.
            out[i] = if cfg!(target_arch = "aarch64") {
                a[i].mul_add(b[i], c[i])
            } else {
                a[i] * b[i] + c[i]
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
    unsafe fn where_positive(v: Self::V, gate: Self::V) -> Self::V {
        Self::map2(v, gate, |v, gate| if gate > 0.0 { v } else { 0.0 })
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Simd;

    /// AVX2 with FMA.
    #[derive(Clone, Copy)]
    pub(in crate::cpu) struct Avx2;

    // SAFETY of every intrinsic below: the caller's duty, stated on the trait.
    #[allow(clippy::undocumented_unsafe_blocks)]
    impl Simd for Avx2 {
        const LANES: usize = 8;
        type V = __m256;

        #[inline(always)]
        unsafe fn zero() -> Self::V {
            unsafe { _mm256_setzero_ps() }
        }

        #[inline(always)]
        unsafe fn splat_at(p: *const f32) -> Self::V {
            unsafe { _mm256_broadcast_ss(&*p) }
        }

        #[inline(always)]
        unsafe fn load(p: *const f32) -> Self::V {
            unsafe { _mm256_loadu_ps(p) }
        }

        #[inline(always)]
        unsafe fn store(p: *mut f32, v: Self::V) {
            unsafe { _mm256_storeu_ps(p, v) }
        }

        #[inline(always)]
        unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }

        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_add_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_sub_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn relu(v: Self::V) -> Self::V {
            unsafe { _mm256_max_ps(_mm256_setzero_ps(), v) }
        }

        #[inline(always)]
        unsafe fn where_positive(v: Self::V, gate: Self::V) -> Self::V {
            unsafe {
                let positive = _mm256_cmp_ps::<_CMP_GT_OQ>(gate, _mm256_setzero_ps());
                _mm256_and_ps(v, positive)
            }
        }
    }

    /// AVX-512 F.
    #[derive(Clone, Copy)]
    pub(in crate::cpu) struct Avx512;

    // SAFETY of every intrinsic below: the caller's duty, stated on the trait.
    #[allow(clippy::undocumented_unsafe_blocks)]
    impl Simd for Avx512 {
        const LANES: usize = 16;
        type V = __m512;

        #[inline(always)]
        unsafe fn zero() -> Self::V {
            unsafe { _mm512_setzero_ps() }
        }

        #[inline(always)]
        unsafe fn splat_at(p: *const f32) -> Self::V {
            unsafe { _mm512_set1_ps(*p) }
        }

        #[inline(always)]
        unsafe fn load(p: *const f32) -> Self::V {
            unsafe { _mm512_loadu_ps(p) }
        }

        #[inline(always)]
        unsafe fn store(p: *mut f32, v: Self::V) {
            unsafe { _mm512_storeu_ps(p, v) }
        }

        #[inline(always)]
        unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }

        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_add_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_sub_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn relu(v: Self::V) -> Self::V {
            unsafe { _mm512_max_ps(_mm512_setzero_ps(), v) }
        }

        #[inline(always)]
        unsafe fn where_positive(v: Self::V, gate: Self::V) -> Self::V {
            unsafe {
                let positive = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(gate, _mm512_setzero_ps());
                _mm512_maskz_mov_ps(positive, v)
            }
        }
    }
}
