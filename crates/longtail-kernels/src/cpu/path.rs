//! Which instruction set runs, found out once; and the innermost loops compiled for each.

use std::{
    fmt,
    sync::atomic::{AtomicU8, Ordering},
};

#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512, Avx512Bf16};
use super::{
    element::Element,
    grouped::{self, CorrelateQuads, GroupedRow},
    max_pool::{self, Largest, LargestBackward},
    microkernel::{self, ConvRow, Correlate},
    pixelwise::{self, BatchNormBackward, Moments, Normalise, ReluBackward},
    simd::{Portable, Simd},
    winograd_transform::{self, Data, Gradients, Outputs},
};

/// An implementation of the operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// x86-64 with AVX-512 F and BF16.
    Avx512Bf16,
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
    pub const ALL: [Self; 5] =
        [Self::Avx512Bf16, Self::Avx512, Self::Avx2, Self::Portable, Self::Composed];

    /// Its name: `avx512-bf16`, `avx512`, `avx2`, `portable`, `composed`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512Bf16 => "avx512-bf16",
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
            Self::Avx512Bf16 => {
                is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512Bf16 | Self::Avx512 | Self::Avx2 => false,
            Self::Portable | Self::Composed => true,
        }
    }

    /// The one that runs: what [`force`] or the variable `LONGTAIL_KERNELS` chose, or the fastest.
    pub fn active() -> Self {
        match Self::ALL.get(usize::from(ACTIVE.load(Ordering::Relaxed))) {
            Some(path) => *path,
            None => {
                let path = Self::asked_for().ok().flatten().unwrap_or_else(Self::fastest);
                force(path);
                path
            }
        }
    }

    fn fastest() -> Self {
        Self::ALL.into_iter().find(|path| path.is_available()).unwrap_or(Self::Composed)
    }

    /// The one that the variable `LONGTAIL_KERNELS` names, if it says anything.
    ///
    /// # Errors
    /// [`PathError`] for a name that is none, or of a path that this machine cannot run; the operators then
    /// run on the fastest.
    pub fn asked_for() -> Result<Option<Self>, PathError> {
        let name = std::env::var_os("LONGTAIL_KERNELS").unwrap_or_default();
        if name.is_empty() {
            return Ok(None);
        }
        let known = Self::ALL.into_iter().find(|path| name == path.name());
        match known.filter(|path| path.is_available()) {
            Some(path) => Ok(Some(path)),
            None => Err(PathError { name: name.to_string_lossy().into_owned() }),
        }
    }

    /// Values of a vector on this path; `None` where there are no kernels.
    pub(crate) fn lanes(self) -> Option<usize> {
        match self {
            Self::Avx512Bf16 | Self::Avx512 => Some(16),
            Self::Avx2 | Self::Portable => Some(8),
            Self::Composed => None,
        }
    }
}

/// A path that does not run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathError {
    name: String,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let available = Path::ALL.into_iter().filter(|path| path.is_available()).map(Path::name);
        let available = available.collect::<Vec<_>>().join(", ");
        write!(f, "LONGTAIL_KERNELS={} does not run here: choose one of {available}", self.name)
    }
}

impl std::error::Error for PathError {}

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
///
/// # Safety
/// Every function may only be called on a machine that has the path's instructions, and as the
/// function of the same name says that it calls.
pub(crate) trait Kernels: Sync {
    /// Values of a vector; channels come in multiples of it.
    const LANES: usize;

    /// Channels in one block of packed weights: what [`Kernels::conv_row`] makes at once.
    fn block(channels: usize) -> usize;
    /// Makes one row of outputs, `block` channels wide.
    unsafe fn conv_row<E: Element>(a: &ConvRow, block: usize);
    /// Taps that [`Kernels::correlate`] works on at once, of so many channels.
    fn taps<E: Element>(channels: usize) -> usize;
    /// Adds one kernel row's share of the weights' gradient.
    unsafe fn correlate<E: Element>(a: &Correlate);
    /// See [`pixelwise::store_moments`].
    unsafe fn store_moments<E: Element>(a: &Moments<E>);
    /// See [`pixelwise::normalise`].
    unsafe fn normalise<In: Element, Out: Element>(a: &Normalise<In, Out>);
    /// See [`pixelwise::relu_backward`].
    unsafe fn relu_backward<In: Element, E: Element>(a: &ReluBackward<In, E>);
    /// See [`pixelwise::batch_norm_backward`].
    unsafe fn batch_norm_backward<E: Element, Out: Element>(a: &BatchNormBackward<E, Out>);
    /// See [`pixelwise::interleave`].
    unsafe fn interleave<E: Element>(first: *const E, second: *const E, out: *mut E, count: usize);
    /// See [`pixelwise::add_and_round`].
    unsafe fn add_and_round<E: Element>(
        wide: *const f32,
        other: *const E,
        kept: *mut E,
        count: usize,
    );
    /// See [`grouped::row`].
    unsafe fn grouped_row(a: &GroupedRow, block: usize);
    /// See [`grouped::quads`].
    unsafe fn correlate_quads(a: &CorrelateQuads);
    /// See [`max_pool::row`].
    unsafe fn largest<E: Element>(a: &Largest<E>);
    /// See [`max_pool::backward_row`].
    unsafe fn largest_backward<E: Element>(a: &LargestBackward<E>);
    /// See [`winograd_transform::filters`].
    unsafe fn filters(taps: *const f32, block: usize, out: *mut f32, point: usize);
    /// See [`winograd_transform::data`].
    unsafe fn winograd_data<E: Element>(a: &Data<E>);
    /// See [`winograd_transform::output`].
    unsafe fn winograd_output(a: &Outputs);
    /// See [`winograd_transform::gradient`].
    unsafe fn winograd_gradient(a: &Gradients);
    /// See [`winograd_transform::weights`].
    unsafe fn winograd_weights(points: *const f32, dw: *mut f32, count: usize);
}

macro_rules! kernels {
    ($(#[$meta:meta])* $name:ident, $simd:ty $(, $feature:literal)?) => {
        $(#[$meta])*
        pub(crate) struct $name;

        // SAFETY of all: the caller's duty, stated on what they call.
        #[allow(clippy::undocumented_unsafe_blocks)]
        impl Kernels for $name {
            const LANES: usize = <$simd as Simd>::LANES;

            fn block(channels: usize) -> usize {
                microkernel::block::<$simd>(channels)
            }

            fn taps<E: Element>(channels: usize) -> usize {
                microkernel::taps_at_once::<$simd, E>(channels)
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn conv_row<E: Element>(a: &ConvRow, block: usize) {
                unsafe { microkernel::conv_row::<$simd, E>(a, block) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn correlate<E: Element>(a: &Correlate) {
                unsafe { microkernel::correlate::<$simd, E>(a) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn store_moments<E: Element>(a: &Moments<E>) {
                unsafe { pixelwise::store_moments::<$simd, E>(a) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn normalise<In: Element, Out: Element>(a: &Normalise<In, Out>) {
                unsafe { pixelwise::normalise::<$simd, In, Out>(a) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn relu_backward<In: Element, E: Element>(a: &ReluBackward<In, E>) {
                unsafe { pixelwise::relu_backward::<$simd, In, E>(a) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn batch_norm_backward<E: Element, Out: Element>(a: &BatchNormBackward<E, Out>) {
                unsafe { pixelwise::batch_norm_backward::<$simd, E, Out>(a) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn interleave<E: Element>(first: *const E, second: *const E, out: *mut E, count: usize) {
                unsafe { pixelwise::interleave(first, second, out, count) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn add_and_round<E: Element>(
                wide: *const f32,
                other: *const E,
                kept: *mut E,
                count: usize,
            ) {
                unsafe { pixelwise::add_and_round::<$simd, E>(wide, other, kept, count) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn grouped_row(a: &GroupedRow, block: usize) {
                unsafe { grouped::row::<$simd>(a, block) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn correlate_quads(a: &CorrelateQuads) {
                unsafe { grouped::quads::<$simd>(a) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn largest<E: Element>(a: &Largest<E>) {
                unsafe { max_pool::row::<$simd, E>(a) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn largest_backward<E: Element>(a: &LargestBackward<E>) {
                unsafe { max_pool::backward_row::<$simd, E>(a) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn filters(taps: *const f32, block: usize, out: *mut f32, point: usize) {
                unsafe { winograd_transform::filters::<$simd>(taps, block, out, point) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn winograd_data<E: Element>(a: &Data<E>) {
                unsafe { winograd_transform::data::<$simd, E>(a) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn winograd_output(a: &Outputs) {
                unsafe { winograd_transform::output::<$simd>(a) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn winograd_gradient(a: &Gradients) {
                unsafe { winograd_transform::gradient::<$simd>(a) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn winograd_weights(points: *const f32, dw: *mut f32, count: usize) {
                unsafe { winograd_transform::weights::<$simd>(points, dw, count) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
kernels!(
    /// [`Path::Avx512Bf16`]
    OnAvx512Bf16,
    Avx512Bf16,
    "avx512f,avx512bf16"
);
#[cfg(target_arch = "x86_64")]
kernels!(
    /// [`Path::Avx512`]
    OnAvx512,
    Avx512,
    "avx512f"
);
#[cfg(target_arch = "x86_64")]
kernels!(
    /// [`Path::Avx2`]
    OnAvx2,
    Avx2,
    "avx2,fma"
);
kernels!(
    /// [`Path::Portable`]
    OnPortable,
    Portable
);

/// `$body` with `$K` the kernels of the active path, which [`force`] or the detection has made sure
/// that the machine can run.
macro_rules! with_kernels {
    ($K:ident => $body:expr) => {
        match $crate::cpu::Path::active() {
            #[cfg(target_arch = "x86_64")]
            $crate::cpu::Path::Avx512Bf16 => {
                type $K = $crate::cpu::OnAvx512Bf16;
                $body
            }
            #[cfg(target_arch = "x86_64")]
            $crate::cpu::Path::Avx512 => {
                type $K = $crate::cpu::OnAvx512;
                $body
            }
            #[cfg(target_arch = "x86_64")]
            $crate::cpu::Path::Avx2 => {
                type $K = $crate::cpu::OnAvx2;
                $body
            }
            _ => {
                type $K = $crate::cpu::OnPortable;
                $body
            }
        }
    };
}
pub(crate) use with_kernels;
