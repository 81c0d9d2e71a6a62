use burn::tensor::bf16;

/// A vector of [`Simd::LANES`] f32 values.
///
/// # Safety
/// Every method may use instructions of its set: it must only run inside a function compiled for
/// that set, on a machine that has it. Pointers need no alignment, but must be valid for
/// [`Simd::LANES`] values (one value for [`Simd::splat_at`]).
pub(crate) trait Simd: Copy {
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
    /// As [`Simd::store`] past the caches, to an address that is a multiple of what is written; [`Simd::fence`] has to
    /// follow before another thread reads it.
    unsafe fn stream(p: *mut f32, v: Self::V) {
        // SAFETY: the caller's.
        unsafe { Self::store(p, v) }
    }
    /// Lets others see what was streamed.
    unsafe fn fence() {}
    /// `a · b + c`, rounded once where the set can.
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a + b`
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `a − b`
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// `max(v, 0)`; what is no number stays so.
    unsafe fn relu(v: Self::V) -> Self::V;
    /// `v` where `mask > 0`, else 0.
    unsafe fn where_positive(v: Self::V, mask: Self::V) -> Self::V;
    /// The bf16 values from `p` on.
    unsafe fn load_bf16(p: *const bf16) -> Self::V;
    /// Writes values rounded to bf16 from `p` on, ties to even.
    unsafe fn store_bf16(p: *mut bf16, v: Self::V);
    /// As [`Simd::store_bf16`] in the way of [`Simd::stream`].
    unsafe fn stream_bf16(p: *mut bf16, v: Self::V) {
        // SAFETY: the caller's.
        unsafe { Self::store_bf16(p, v) }
    }
    /// `c` plus, for every word, the sum of the products of its two bf16 in `a` and `b`.
    unsafe fn dot(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// In every four lanes the value of lane `I` of those four, of the values from `p` on.
    unsafe fn quads<const I: usize>(p: *const f32) -> Self::V;
    /// Of two values, each with what goes with it, the larger one; the first of equal ones, and the second if it is no number.
    unsafe fn larger(first: (Self::V, Self::V), second: (Self::V, Self::V)) -> (Self::V, Self::V);
    /// `v` where `a = b`, else 0.
    unsafe fn kept_where_equal(v: Self::V, a: Self::V, b: Self::V) -> Self::V;
    /// The bytes from `p` on.
    unsafe fn load_bytes(p: *const u8) -> Self::V;
    /// Writes values that are bytes from `p` on.
    unsafe fn store_bytes(p: *mut u8, v: Self::V);
}

/// Values that are asked for before they are read: across the pages at which the hardware's own
/// prefetching ends.
pub(crate) const AHEAD: usize = 1024;

/// Asks for `count` values from `p` on, which need not be anybody's.
#[inline(always)]
pub(crate) fn prefetch<T>(p: *const T, count: usize) {
    for at in (0..count * size_of::<T>()).step_by(64) {
        #[cfg(not(target_arch = "x86_64"))]
        let _nowhere = (p, at);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the instruction is part of x86-64 and reads nothing.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(p.cast::<i8>().wrapping_add(at));
        }
    }
}
