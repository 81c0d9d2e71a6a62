//! Vectors of f32 as the kernels need them: one source, one instance per instruction set.
//!
//! A vector may also hold words of two bf16 each; [`Simd::dot`] multiplies those.

mod portable;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(super) use portable::Portable;
pub(crate) use vector::{AHEAD, Simd, prefetch};
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512, Avx512Bf16};
