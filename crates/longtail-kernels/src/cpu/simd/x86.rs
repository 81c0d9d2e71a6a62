//! The instruction sets of x86-64.

use std::arch::x86_64::*;

use burn::tensor::bf16;

use super::vector::Simd;

/// AVX2 with FMA.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Avx2;

// SAFETY: the caller's duty.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Avx2 {
    /// The values in bf16, ties to even.
    ///
    /// # Safety
    /// [`Simd`]'s.
    #[inline(always)]
    unsafe fn rounded(v: __m256) -> __m128i {
        unsafe {
            let bits = _mm256_castps_si256(v);
            let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
            let up = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
            let rounded = _mm256_srli_epi32::<16>(_mm256_add_epi32(bits, up));
            // Rounding could carry what is no number into infinity.
            let quiet = _mm256_or_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(0x40));
            let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(v, v));
            let words = _mm256_blendv_epi8(rounded, quiet, nan);
            let packed = _mm256_packus_epi32(words, words);
            let ordered = _mm256_permute4x64_epi64::<0b1000>(packed);
            _mm256_castsi256_si128(ordered)
        }
    }
}

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
    unsafe fn stream(p: *mut f32, v: Self::V) {
        unsafe { _mm256_stream_ps(p, v) }
    }

    #[inline(always)]
    unsafe fn fence() {
        unsafe { _mm_sfence() }
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
    unsafe fn where_positive(v: Self::V, mask: Self::V) -> Self::V {
        unsafe {
            let positive = _mm256_cmp_ps::<_CMP_GT_OQ>(mask, _mm256_setzero_ps());
            _mm256_and_ps(v, positive)
        }
    }

    #[inline(always)]
    unsafe fn load_bf16(p: *const bf16) -> Self::V {
        unsafe {
            let halves = _mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(halves))
        }
    }

    #[inline(always)]
    unsafe fn store_bf16(p: *mut bf16, v: Self::V) {
        unsafe { _mm_storeu_si128(p.cast(), Self::rounded(v)) }
    }

    #[inline(always)]
    unsafe fn stream_bf16(p: *mut bf16, v: Self::V) {
        unsafe { _mm_stream_si128(p.cast(), Self::rounded(v)) }
    }

    #[inline(always)]
    unsafe fn dot(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        unsafe {
            let low = |v| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_castps_si256(v)));
            let mask = _mm256_castsi256_ps(_mm256_set1_epi32(-0x1_0000));
            let high = |v| _mm256_and_ps(v, mask);
            let sum = _mm256_fmadd_ps(low(a), low(b), c);
            _mm256_fmadd_ps(high(a), high(b), sum)
        }
    }

    #[inline(always)]
    unsafe fn quads<const I: usize>(p: *const f32) -> Self::V {
        unsafe {
            let v = Self::load(p);
            match I {
                0 => _mm256_permute_ps::<0b00_00_00_00>(v),
                1 => _mm256_permute_ps::<0b01_01_01_01>(v),
                2 => _mm256_permute_ps::<0b10_10_10_10>(v),
                _ => _mm256_permute_ps::<0b11_11_11_11>(v),
            }
        }
    }

    #[inline(always)]
    unsafe fn larger(first: (Self::V, Self::V), second: (Self::V, Self::V)) -> (Self::V, Self::V) {
        unsafe {
            let greater = _mm256_cmp_ps::<_CMP_GT_OQ>(second.0, first.0);
            let nan = _mm256_cmp_ps::<_CMP_UNORD_Q>(second.0, second.0);
            let wins = _mm256_or_ps(greater, nan);
            let of = |first, second| _mm256_blendv_ps(first, second, wins);
            (of(first.0, second.0), of(first.1, second.1))
        }
    }

    #[inline(always)]
    unsafe fn kept_where_equal(v: Self::V, a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm256_and_ps(v, _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b)) }
    }

    #[inline(always)]
    unsafe fn load_bytes(p: *const u8) -> Self::V {
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(p.cast()))) }
    }

    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, v: Self::V) {
        unsafe {
            let words = _mm256_cvtps_epi32(v);
            let [low, high] = [_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words)];
            let halves = _mm_packus_epi32(low, high);
            _mm_storel_epi64(p.cast(), _mm_packus_epi16(halves, halves));
        }
    }
}

/// AVX-512 F.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Avx512;

// SAFETY: the caller's duty.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Avx512 {
    /// As [`Avx2::rounded`].
    ///
    /// # Safety
    /// [`Simd`]'s.
    #[inline(always)]
    unsafe fn rounded(v: __m512) -> __m256i {
        unsafe {
            let bits = _mm512_castps_si512(v);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let up = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
            let rounded = _mm512_srli_epi32::<16>(_mm512_add_epi32(bits, up));
            // Rounding could carry what is no number into infinity.
            let quiet = _mm512_or_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(0x40));
            let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(v, v);
            let words = _mm512_mask_mov_epi32(rounded, nan, quiet);
            _mm512_cvtepi32_epi16(words)
        }
    }
}

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
    unsafe fn stream(p: *mut f32, v: Self::V) {
        unsafe { _mm512_stream_ps(p, v) }
    }

    #[inline(always)]
    unsafe fn fence() {
        unsafe { _mm_sfence() }
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
    unsafe fn where_positive(v: Self::V, mask: Self::V) -> Self::V {
        unsafe {
            let positive = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(mask, _mm512_setzero_ps());
            _mm512_maskz_mov_ps(positive, v)
        }
    }

    #[inline(always)]
    unsafe fn load_bf16(p: *const bf16) -> Self::V {
        unsafe {
            let halves = _mm512_cvtepu16_epi32(_mm256_loadu_si256(p.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(halves))
        }
    }

    #[inline(always)]
    unsafe fn store_bf16(p: *mut bf16, v: Self::V) {
        unsafe { _mm256_storeu_si256(p.cast(), Self::rounded(v)) }
    }

    #[inline(always)]
    unsafe fn stream_bf16(p: *mut bf16, v: Self::V) {
        unsafe { _mm256_stream_si256(p.cast(), Self::rounded(v)) }
    }

    #[inline(always)]
    unsafe fn dot(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        unsafe {
            let low = |v| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_castps_si512(v)));
            let mask = _mm512_set1_epi32(-0x1_0000);
            let high = |v| _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(v), mask));
            let sum = _mm512_fmadd_ps(low(a), low(b), c);
            _mm512_fmadd_ps(high(a), high(b), sum)
        }
    }

    #[inline(always)]
    unsafe fn quads<const I: usize>(p: *const f32) -> Self::V {
        unsafe {
            let v = Self::load(p);
            match I {
                0 => _mm512_permute_ps::<0b00_00_00_00>(v),
                1 => _mm512_permute_ps::<0b01_01_01_01>(v),
                2 => _mm512_permute_ps::<0b10_10_10_10>(v),
                _ => _mm512_permute_ps::<0b11_11_11_11>(v),
            }
        }
    }

    #[inline(always)]
    unsafe fn larger(first: (Self::V, Self::V), second: (Self::V, Self::V)) -> (Self::V, Self::V) {
        unsafe {
            let greater = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(second.0, first.0);
            let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(second.0, second.0);
            let of = |first, second| _mm512_mask_mov_ps(first, greater | nan, second);
            (of(first.0, second.0), of(first.1, second.1))
        }
    }

    #[inline(always)]
    unsafe fn kept_where_equal(v: Self::V, a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b), v) }
    }

    #[inline(always)]
    unsafe fn load_bytes(p: *const u8) -> Self::V {
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(p.cast()))) }
    }

    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, v: Self::V) {
        unsafe { _mm_storeu_si128(p.cast(), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v))) }
    }
}

/// AVX-512 F and BF16.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Avx512Bf16;

/// Words as the pairs of bf16 that they hold.
#[inline(always)]
fn as_pairs(words: __m512) -> __m512bh {
    // SAFETY: both are 64 bytes of which every pattern is a value.
    unsafe { std::mem::transmute::<__m512, __m512bh>(words) }
}

/// What both sets share.
macro_rules! as_avx512 {
    ($($name:ident($($arg:ident: $ty:ty),*) $(-> $out:ty)?;)*) => {
        $(
            #[inline(always)]
            unsafe fn $name($($arg: $ty),*) $(-> $out)? {
                unsafe { Avx512::$name($($arg),*) }
            }
        )*
    };
}

// SAFETY: the caller's duty.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Avx512Bf16 {
    /// As [`Avx2::rounded`], by an instruction.
    ///
    /// # Safety
    /// [`Simd`]'s.
    #[inline(always)]
    unsafe fn rounded(v: __m512) -> __m256i {
        unsafe { std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(v)) }
    }
}

// SAFETY of every intrinsic below: the caller's duty, stated on the trait.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Avx512Bf16 {
    const LANES: usize = 16;
    type V = __m512;

    as_avx512! {
        zero() -> Self::V;
        splat_at(p: *const f32) -> Self::V;
        load(p: *const f32) -> Self::V;
        store(p: *mut f32, v: Self::V);
        mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
        add(a: Self::V, b: Self::V) -> Self::V;
        sub(a: Self::V, b: Self::V) -> Self::V;
        relu(v: Self::V) -> Self::V;
        where_positive(v: Self::V, mask: Self::V) -> Self::V;
        load_bf16(p: *const bf16) -> Self::V;
        larger(first: (Self::V, Self::V), second: (Self::V, Self::V)) -> (Self::V, Self::V);
        kept_where_equal(v: Self::V, a: Self::V, b: Self::V) -> Self::V;
        load_bytes(p: *const u8) -> Self::V;
        store_bytes(p: *mut u8, v: Self::V);
    }

    #[inline(always)]
    unsafe fn quads<const I: usize>(p: *const f32) -> Self::V {
        unsafe { Avx512::quads::<I>(p) }
    }

    #[inline(always)]
    unsafe fn store_bf16(p: *mut bf16, v: Self::V) {
        unsafe { _mm256_storeu_si256(p.cast(), Self::rounded(v)) }
    }

    #[inline(always)]
    unsafe fn stream_bf16(p: *mut bf16, v: Self::V) {
        unsafe { _mm256_stream_si256(p.cast(), Self::rounded(v)) }
    }

    #[inline(always)]
    unsafe fn dot(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        unsafe {
            let (a, b): (__m512bh, __m512bh) = (as_pairs(a), as_pairs(b));
            _mm512_dpbf16_ps(c, a, b)
        }
    }
}
