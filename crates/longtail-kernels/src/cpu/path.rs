//! Which instruction set runs, found out once; and the innermost loops compiled for each.

use std::sync::atomic::{AtomicU8, Ordering};

#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};
use super::{
    micro::{self, ConvRow, Correlate},
    pixelwise::{self, Gate, ThroughBn},
    simd::{Portable, Simd},
};

/// An implementation of the operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// x86-64 with AVX-512 F.
    Avx512,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// Any CPU.
    Portable,
    /// Burn's own operators, one after the other.
    Composed,
}

impl Path {
    /// All, the fastest first.
    pub const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::Portable, Self::Composed];

    /// Its name: `avx512`, `avx2`, `portable`, `composed`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
            Self::Composed => "composed",
        }
    }

    /// Whether this machine can run it.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512 | Self::Avx2 => false,
            Self::Portable | Self::Composed => true,
        }
    }

    /// The one that runs: what [`force`] or the variable `LONGTAIL_KERNELS` chose, or the fastest.
    pub fn active() -> Self {
        match Self::ALL.get(usize::from(ACTIVE.load(Ordering::Relaxed))) {
            Some(path) => *path,
            None => {
                let path = Self::from_environment().unwrap_or_else(Self::fastest);
                force(path);
                path
            }
        }
    }

    fn fastest() -> Self {
        Self::ALL.into_iter().find(|path| path.is_available()).unwrap_or(Self::Composed)
    }

    fn from_environment() -> Option<Self> {
        let name = std::env::var("LONGTAIL_KERNELS").ok()?;
        Self::ALL.into_iter().find(|path| path.name() == name && path.is_available())
    }

    pub(crate) fn kernels(self) -> Option<&'static Kernels> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Some(&AVX512),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Some(&AVX2),
            Self::Portable => Some(&PORTABLE),
            _ => None,
        }
    }
}

/// Index into [`Path::ALL`]; anything past its end: not chosen yet.
static ACTIVE: AtomicU8 = AtomicU8::new(u8::MAX);

/// Makes every operator run on `path` from now on, in the whole process; for tests and benches.
///
/// # Panics
/// If this machine cannot run it.
pub fn force(path: Path) {
    assert!(path.is_available(), "this machine cannot run {}", path.name());
    let index = Path::ALL.iter().position(|known| *known == path).unwrap_or_default();
    ACTIVE.store(index as u8, Ordering::Relaxed);
}

/// The innermost loops of one path.
pub(crate) struct Kernels {
    /// Values of a vector; channels come in multiples of it.
    pub lanes: usize,
    /// Channels in one block of packed weights.
    pub block: fn(channels: usize) -> usize,
    /// Makes one row of outputs, `block` channels wide.
    pub conv_row: unsafe fn(&ConvRow, block: usize),
    /// Adds one kernel row's share of the weights' gradient of one image.
    pub correlate: unsafe fn(&Correlate),
    /// See [`pixelwise::moments`].
    pub moments: unsafe fn(*const f32, usize, usize, *mut f32, *mut f32),
    /// See [`pixelwise::normalise`].
    pub normalise:
        unsafe fn(*const f32, *const f32, *const f32, *const f32, bool, *mut f32, usize, usize),
    /// See [`pixelwise::gate`].
    pub gate: unsafe fn(&Gate),
    /// See [`pixelwise::through_bn`].
    pub through_bn: unsafe fn(&ThroughBn),
}

macro_rules! kernels {
    ($table:ident, $module:ident, $simd:ty $(, $feature:literal)?) => {
        // SAFETY of all: the caller's duty, stated on what they call.
        #[allow(clippy::undocumented_unsafe_blocks)]
        mod $module {
            use super::*;

            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn conv_row(a: &ConvRow, block: usize) {
                unsafe { micro::conv_row::<$simd>(a, block) }
            }

            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn correlate(a: &Correlate) {
                unsafe { micro::correlate::<$simd>(a) }
            }

            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn moments(
                y: *const f32,
                pixels: usize,
                channels: usize,
                sum: *mut f32,
                square: *mut f32,
            ) {
                unsafe { pixelwise::moments::<$simd>(y, pixels, channels, sum, square) }
            }

            $(#[target_feature(enable = $feature)])?
            #[allow(clippy::too_many_arguments)]
            pub(super) unsafe fn normalise(
                y: *const f32,
                residual: *const f32,
                scale: *const f32,
                shift: *const f32,
                relu: bool,
                out: *mut f32,
                pixels: usize,
                channels: usize,
            ) {
                unsafe {
                    pixelwise::normalise::<$simd>(
                        y, residual, scale, shift, relu, out, pixels, channels,
                    )
                }
            }

            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn gate(a: &Gate) {
                unsafe { pixelwise::gate::<$simd>(a) }
            }

            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn through_bn(a: &ThroughBn) {
                unsafe { pixelwise::through_bn::<$simd>(a) }
            }
        }

        static $table: Kernels = Kernels {
            lanes: <$simd as Simd>::LANES,
            block: micro::block::<$simd>,
            conv_row: $module::conv_row,
            correlate: $module::correlate,
            moments: $module::moments,
            normalise: $module::normalise,
            gate: $module::gate,
            through_bn: $module::through_bn,
        };
    };
}

#[cfg(target_arch = "x86_64")]
kernels!(AVX512, avx512, Avx512, "avx512f");
#[cfg(target_arch = "x86_64")]
kernels!(AVX2, avx2, Avx2, "avx2,fma");
kernels!(PORTABLE, portable, Portable);
