//! The loops compiled for each instruction set.

use super::{
    multiply::{self, Multiply},
    tile::{self, Cells, Place, Side, Sums, Weigh},
};
#[cfg(target_arch = "x86_64")]
use crate::cpu::simd::{Avx2, Avx512};
use crate::cpu::{
    path::Path,
    simd::{Portable, Simd},
};

/// The loops of one path.
///
/// # Safety of all
/// The machine has the path's instructions, as every table from [`kernels`] of an active path has.
pub(in crate::cpu) struct Table {
    /// Values of a vector.
    pub lanes: usize,
    /// See [`multiply::multiply`].
    pub multiply: unsafe fn(&Multiply),
    /// See [`tile::sum_rows`].
    pub sum_rows: unsafe fn(&Cells, &Side, &Side, Place, &mut Sums),
    /// See [`tile::sum_columns`].
    pub sum_columns: unsafe fn(&Cells, &Side, &Side, &mut Sums),
    /// See [`tile::weigh`].
    pub weigh: unsafe fn(&mut Cells, &Weigh<'_>),
    /// See [`tile::exp2`].
    #[cfg(test)]
    pub exp2: unsafe fn(&mut tile::Each),
}

/// The loops of `path`; the portable ones where it has none, for another thread may have chosen it since this one looked.
pub(in crate::cpu) fn kernels(path: Path) -> &'static Table {
    match path {
        #[cfg(target_arch = "x86_64")]
        Path::Avx512Bf16 | Path::Avx512 => &AVX512,
        #[cfg(target_arch = "x86_64")]
        Path::Avx2 => &AVX2,
        _ => &PORTABLE,
    }
}

macro_rules! table {
    ($table:ident, $module:ident, $simd:ty $(, $feature:literal)?) => {
        mod $module {
            use super::*;

            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn multiply(m: &Multiply) {
                // SAFETY: the caller's duty, stated on what is called.
                unsafe { multiply::multiply::<$simd>(m) }
            }

            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn sum_rows(
                cells: &Cells,
                rows: &Side,
                columns: &Side,
                place: Place,
                sums: &mut Sums,
            ) {
                // SAFETY: the caller's duty, stated on what is called.
                unsafe { tile::sum_rows::<$simd>(cells, rows, columns, place, sums) }
            }

            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn sum_columns(
                cells: &Cells,
                rows: &Side,
                columns: &Side,
                sums: &mut Sums,
            ) {
                // SAFETY: the caller's duty, stated on what is called.
                unsafe { tile::sum_columns::<$simd>(cells, rows, columns, sums) }
            }

            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn weigh(cells: &mut Cells, w: &Weigh<'_>) {
                // SAFETY: the caller's duty, stated on what is called.
                unsafe { tile::weigh::<$simd>(cells, w) }
            }

            #[cfg(test)]
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn exp2(values: &mut tile::Each) {
                // SAFETY: the caller's duty, stated on what is called.
                unsafe { tile::exp2::<$simd>(values) }
            }
        }

        static $table: Table = Table {
            lanes: <$simd as Simd>::LANES,
            multiply: $module::multiply,
            sum_rows: $module::sum_rows,
            sum_columns: $module::sum_columns,
            weigh: $module::weigh,
            #[cfg(test)]
            exp2: $module::exp2,
        };
    };
}

#[cfg(target_arch = "x86_64")]
table!(AVX512, avx512, Avx512, "avx512f");
#[cfg(target_arch = "x86_64")]
table!(AVX2, avx2, Avx2, "avx2,fma");
table!(PORTABLE, portable, Portable);
