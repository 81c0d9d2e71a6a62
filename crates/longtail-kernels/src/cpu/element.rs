//! The types that activations are stored in.

use burn::tensor::{Element as BurnElement, bf16};

use super::simd::Simd;

/// A stored activation. Products are summed in f32 whatever it is.
///
/// # Safety
/// [`Element::PER_WORD`] values fill the four bytes of a word, and every bit pattern is a value.
pub(crate) unsafe trait Element:
    BurnElement + bytemuck::Pod + Send + Sync + 'static
{
    /// Values in a word of 32 bits: what the innermost loops take at once.
    const PER_WORD: usize;

    /// The nearest value.
    fn round(value: f32) -> Self;
    /// The value.
    fn widen(self) -> f32;
    /// The image itself where it holds f32, to be written to without a detour.
    fn as_f32(image: &mut [Self]) -> Option<&mut [f32]>;

    /// The values from `p` on.
    ///
    /// # Safety
    /// [`Simd`]'s.
    unsafe fn load<S: Simd>(p: *const Self) -> S::V;
    /// Writes rounded values from `p` on.
    ///
    /// # Safety
    /// [`Simd`]'s.
    unsafe fn store<S: Simd>(p: *mut Self, v: S::V);
    /// As [`Element::store`] past the caches, where the instruction set can.
    ///
    /// # Safety
    /// [`Simd::stream`]'s.
    unsafe fn stream<S: Simd>(p: *mut Self, v: S::V);
    /// `c` plus the products of the values of every word of `a` and `b`.
    ///
    /// # Safety
    /// [`Simd`]'s.
    unsafe fn multiply_add<S: Simd>(a: S::V, b: S::V, c: S::V) -> S::V;
}

// SAFETY: one f32 is four bytes.
unsafe impl Element for f32 {
    const PER_WORD: usize = 1;

    fn round(value: f32) -> Self {
        value
    }

    fn widen(self) -> f32 {
        self
    }

    fn as_f32(image: &mut [Self]) -> Option<&mut [f32]> {
        Some(image)
    }

    #[inline(always)]
    unsafe fn load<S: Simd>(p: *const Self) -> S::V {
        // SAFETY: the caller's.
        unsafe { S::load(p) }
    }

    #[inline(always)]
    unsafe fn store<S: Simd>(p: *mut Self, v: S::V) {
        // SAFETY: the caller's.
        unsafe { S::store(p, v) }
    }

    #[inline(always)]
    unsafe fn stream<S: Simd>(p: *mut Self, v: S::V) {
        // SAFETY: the caller's.
        unsafe { S::stream(p, v) }
    }

    #[inline(always)]
    unsafe fn multiply_add<S: Simd>(a: S::V, b: S::V, c: S::V) -> S::V {
        // SAFETY: the caller's.
        unsafe { S::mul_add(a, b, c) }
    }
}

// SAFETY: two bf16 are four bytes.
unsafe impl Element for bf16 {
    const PER_WORD: usize = 2;

    fn round(value: f32) -> Self {
        Self::from_f32(value)
    }

    fn widen(self) -> f32 {
        self.to_f32()
    }

    fn as_f32(_: &mut [Self]) -> Option<&mut [f32]> {
        None
    }

    #[inline(always)]
    unsafe fn load<S: Simd>(p: *const Self) -> S::V {
        // SAFETY: the caller's.
        unsafe { S::load_bf16(p) }
    }

    #[inline(always)]
    unsafe fn store<S: Simd>(p: *mut Self, v: S::V) {
        // SAFETY: the caller's.
        unsafe { S::store_bf16(p, v) }
    }

    #[inline(always)]
    unsafe fn stream<S: Simd>(p: *mut Self, v: S::V) {
        // SAFETY: the caller's.
        unsafe { S::stream_bf16(p, v) }
    }

    #[inline(always)]
    unsafe fn multiply_add<S: Simd>(a: S::V, b: S::V, c: S::V) -> S::V {
        // SAFETY: the caller's.
        unsafe { S::dot(a, b, c) }
    }
}
