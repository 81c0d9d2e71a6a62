//! libjpeg's inverse transform in vectors, put in the place of its C code while a header is read.
//!
//! Source: C. Loeffler, A. Ligtenberg, G. S. Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications",
//! ICASSP 1989, with constants of 13 bits.

use std::os::raw::c_int;
#[cfg(target_arch = "x86_64")]
use std::os::raw::c_void;

use mozjpeg_sys::jpeg_common_struct;
#[cfg(target_arch = "x86_64")]
use mozjpeg_sys::{jpeg_component_info, jpeg_decompress_struct};

#[cfg(target_arch = "x86_64")]
use super::window;
#[cfg(target_arch = "x86_64")]
use crate::Path;

/// Who hears what libjpeg says.
pub trait Listener {
    /// A message of this level: -1 for a warning, more for what only traces.
    fn hear(level: c_int);
}

/// What libjpeg calls with its messages.
pub type Emitter = unsafe extern "C-unwind" fn(&mut jpeg_common_struct, c_int);

/// Hands libjpeg's messages on, and gives the decoder that sends them the fastest transform that this machine has.
/// Only libjpeg itself may call it.
pub fn emitter<L: Listener>() -> Emitter {
    hear::<L>
}

/// States of a decoder whose header is being read.
#[cfg(target_arch = "x86_64")]
const IN_HEADER: std::ops::RangeInclusive<c_int> = 200..=202;

#[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables))]
unsafe extern "C-unwind" fn hear<L: Listener>(common: &mut jpeg_common_struct, level: c_int) {
    #[cfg(target_arch = "x86_64")]
    if common.is_decompressor != 0
        && IN_HEADER.contains(&common.global_state)
        && Path::Avx2.is_available()
        && !matches!(Path::active(), Path::Composed | Path::Portable)
    {
        let decoder = std::ptr::from_mut(common).cast();
        // SAFETY: libjpeg hands the beginning of its decoder; it is one, and is created already.
        unsafe { jpeg_set_idct_method_selector(decoder, choose) };
    }
    L::hear(level);
}

/// Transforms one block of coefficients, and writes it to rows of samples from a column on.
#[cfg(target_arch = "x86_64")]
type Transform = unsafe extern "C-unwind" fn(
    *mut jpeg_decompress_struct,
    *mut jpeg_component_info,
    *const i16,
    *const *mut u8,
    u32,
);

#[cfg(target_arch = "x86_64")]
type Chooser = unsafe extern "C-unwind" fn(
    *mut jpeg_decompress_struct,
    *mut jpeg_component_info,
    *mut Transform,
    *mut c_int,
);

#[cfg(target_arch = "x86_64")]
unsafe extern "C-unwind" {
    fn jpeg_set_idct_method_selector(decoder: *mut c_void, chooser: Chooser);
    fn jpeg_idct_islow(
        decoder: *mut jpeg_decompress_struct,
        component: *mut jpeg_component_info,
        coefficients: *const i16,
        rows: *const *mut u8,
        column: u32,
    );
}

/// Puts ours where libjpeg would take its C code: not where it has vectors of its own, or another scale.
#[cfg(target_arch = "x86_64")]
unsafe extern "C-unwind" fn choose(
    _: *mut jpeg_decompress_struct,
    _: *mut jpeg_component_info,
    transform: *mut Transform,
    _: *mut c_int,
) {
    // SAFETY: libjpeg hands the place of its choice.
    unsafe {
        if std::ptr::fn_addr_eq(*transform, jpeg_idct_islow as Transform) {
            *transform = avx2::transform;
        }
    }
}

/// Most that the coefficients of a block may have together, so that no sum of the transform leaves 32 bits: each of
/// two passes multiplies by at most √2, and by 2¹³; two bits stay between them.
#[cfg(target_arch = "x86_64")]
const MOST: i32 = 32_000;

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::{arch::x86_64::*, os::raw::c_int};

    use super::{MOST, jpeg_component_info, jpeg_decompress_struct, jpeg_idct_islow, window};

    /// [`super::Transform`] on a machine with AVX2.
    pub(super) unsafe extern "C-unwind" fn transform(
        decoder: *mut jpeg_decompress_struct,
        component: *mut jpeg_component_info,
        coefficients: *const i16,
        rows: *const *mut u8,
        column: u32,
    ) {
        // SAFETY: libjpeg hands its component, a block of coefficients and eight rows with room for eight samples
        // from the column on; it has this function only on a machine with AVX2.
        unsafe {
            if !is_needed(&*decoder, &*component, column as usize) {
                return;
            }
            let table = (*component).quant_table.as_ref();
            let samples = table.and_then(|table| samples(&*coefficients.cast(), &table.quantval));
            let Some(samples) = samples else {
                return jpeg_idct_islow(decoder, component, coefficients, rows, column);
            };
            for (at, samples) in samples.iter().enumerate() {
                (*rows.add(at)).add(column as usize).cast::<[u8; 8]>().write_unaligned(*samples);
            }
        }
    }

    /// Whether anybody asks for pixels of the block at this column of its component's samples.
    fn is_needed(
        decoder: &jpeg_decompress_struct,
        component: &jpeg_component_info,
        column: usize,
    ) -> bool {
        let pixels = |most: c_int, own: c_int| (most / own.max(1)) as usize;
        let across = pixels(decoder.max_h_samp_factor, component.h_samp_factor);
        // All blocks of an interleaved row: which one it is, libjpeg does not tell.
        let rows = 8 * decoder.max_v_samp_factor as usize;
        let top = decoder.output_iMCU_row as usize * rows;
        window::needs([top, across * column], [rows, 8 * across])
    }

    /// The samples of a block; none where they could leave 32 bits.
    #[target_feature(enable = "avx2")]
    pub(super) fn samples(coefficients: &[i16; 64], table: &[u16; 64]) -> Option<[[u8; 8]; 8]> {
        let mut rows = [_mm256_setzero_si256(); 8];
        let (mut sum, mut any) = (_mm256_setzero_si256(), _mm256_setzero_si256());
        for (at, row) in rows.iter_mut().enumerate() {
            // SAFETY: eight of 64 values from the place on.
            let (values, factors) = unsafe {
                let values = _mm_loadu_si128(coefficients.as_ptr().add(8 * at).cast());
                (values, _mm_loadu_si128(table.as_ptr().add(8 * at).cast()))
            };
            *row =
                _mm256_mullo_epi32(_mm256_cvtepi16_epi32(values), _mm256_cvtepu16_epi32(factors));
            // One of them alone may be too large.
            sum = _mm256_add_epi32(
                sum,
                _mm256_min_epu32(_mm256_abs_epi32(*row), _mm256_set1_epi32(MOST + 1)),
            );
            any = _mm256_or_si256(
                any,
                if at == 0 { _mm256_and_si256(*row, without_first()) } else { *row },
            );
        }
        if total(sum) > MOST {
            return None;
        }
        if _mm256_testz_si256(any, any) == 1 {
            let mean = _mm256_extract_epi32::<0>(rows[0]);
            // As both passes round it.
            let value = (((mean << 2) + 16) >> 5) << 22 >> 22;
            return Some([[(value + 128).clamp(0, 255) as u8; 8]; 8]);
        }
        let between = transposed(pass::<11>(rows));
        Some(bytes(transposed(pass::<18>(between))))
    }

    #[target_feature(enable = "avx2")]
    fn without_first() -> __m256i {
        _mm256_setr_epi32(0, -1, -1, -1, -1, -1, -1, -1)
    }

    #[target_feature(enable = "avx2")]
    fn total(sums: __m256i) -> i32 {
        let four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
        let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
        _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
    }

    /// Eight transforms of eight values side by side, rounded to `BITS` less.
    #[target_feature(enable = "avx2")]
    fn pass<const BITS: i32>(v: [__m256i; 8]) -> [__m256i; 8] {
        let add = |a, b| _mm256_add_epi32(a, b);
        let sub = |a, b| _mm256_sub_epi32(a, b);
        let times = |a, factor: i32| _mm256_mullo_epi32(a, _mm256_set1_epi32(factor));
        // The even ones: a rotation and a butterfly.
        let turned = times(add(v[2], v[6]), 4433);
        let (low, high) = (add(turned, times(v[6], -15137)), add(turned, times(v[2], 6270)));
        let half = _mm256_set1_epi32(1 << (BITS - 1));
        let whole = |a| add(_mm256_slli_epi32::<13>(a), half);
        let (sum, difference) = (whole(add(v[0], v[4])), whole(sub(v[0], v[4])));
        let even = [add(sum, high), add(difference, low), sub(difference, low), sub(sum, high)];
        // The odd ones: four values, each with a share of its own and two shares of sums.
        let all = times(add(add(v[7], v[3]), add(v[5], v[1])), 9633);
        let outer = times(add(v[7], v[1]), -7373);
        let inner = times(add(v[5], v[3]), -20995);
        let first = add(times(add(v[7], v[3]), -16069), all);
        let second = add(times(add(v[5], v[1]), -3196), all);
        let odd = [
            add(times(v[1], 12299), add(outer, second)),
            add(times(v[3], 25172), add(inner, first)),
            add(times(v[5], 16819), add(inner, second)),
            add(times(v[7], 2446), add(outer, first)),
        ];
        let less = |a| _mm256_srai_epi32::<BITS>(a);
        let up = |at: usize| less(add(even[at], odd[at]));
        let down = |at: usize| less(sub(even[at], odd[at]));
        [up(0), up(1), up(2), up(3), down(3), down(2), down(1), down(0)]
    }

    #[target_feature(enable = "avx2")]
    fn transposed(v: [__m256i; 8]) -> [__m256i; 8] {
        let pair = |at: usize| {
            let (low, high) = (
                [
                    _mm256_unpacklo_epi32(v[at], v[at + 1]),
                    _mm256_unpacklo_epi32(v[at + 2], v[at + 3]),
                ],
                [
                    _mm256_unpackhi_epi32(v[at], v[at + 1]),
                    _mm256_unpackhi_epi32(v[at + 2], v[at + 3]),
                ],
            );
            [
                _mm256_unpacklo_epi64(low[0], low[1]),
                _mm256_unpackhi_epi64(low[0], low[1]),
                _mm256_unpacklo_epi64(high[0], high[1]),
                _mm256_unpackhi_epi64(high[0], high[1]),
            ]
        };
        let (upper, lower) = (pair(0), pair(4));
        let left = |at: usize| _mm256_permute2x128_si256::<0x20>(upper[at], lower[at]);
        let right = |at: usize| _mm256_permute2x128_si256::<0x31>(upper[at], lower[at]);
        [left(0), left(1), left(2), left(3), right(0), right(1), right(2), right(3)]
    }

    /// Rows as samples: of ten bits, as libjpeg takes them, around 128, and no less than 0 nor more than 255.
    #[target_feature(enable = "avx2")]
    fn bytes(rows: [__m256i; 8]) -> [[u8; 8]; 8] {
        let ten = |v| {
            let signed = _mm256_srai_epi32::<22>(_mm256_slli_epi32::<22>(v));
            _mm256_add_epi32(signed, _mm256_set1_epi32(128))
        };
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        let mut out = [[0; 8]; 8];
        for (rows, out) in rows.as_chunks::<4>().0.iter().zip(out.as_chunks_mut::<4>().0) {
            let [a, b, c, d] = rows.map(&ten);
            let packed = _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
            let ordered = _mm256_permutevar8x32_epi32(packed, order);
            // SAFETY: 32 bytes into four rows of eight.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), ordered) };
        }
        out
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One transform of eight values, as far as it is shared by rows and columns.
    fn pass(v: [i64; 8], bits: u32) -> [i64; 8] {
        let turned = (v[2] + v[6]) * 4433;
        let (low, high) = (turned - v[6] * 15137, turned + v[2] * 6270);
        let (sum, difference) = ((v[0] + v[4]) << 13, (v[0] - v[4]) << 13);
        let even = [sum + high, difference + low, difference - low, sum - high];
        let all = (v[7] + v[3] + v[5] + v[1]) * 9633;
        let (outer, inner) = ((v[7] + v[1]) * -7373, (v[5] + v[3]) * -20995);
        let (first, second) = ((v[7] + v[3]) * -16069 + all, (v[5] + v[1]) * -3196 + all);
        let odd = [
            v[1] * 12299 + outer + second,
            v[3] * 25172 + inner + first,
            v[5] * 16819 + inner + second,
            v[7] * 2446 + outer + first,
        ];
        let less = |value: i64| (value + (1 << (bits - 1))) >> bits;
        std::array::from_fn(|at| match at {
            0..4 => less(even[at] + odd[at]),
            _ => less(even[7 - at] - odd[7 - at]),
        })
    }

    /// The reference, in 64 bits.
    fn samples(coefficients: &[i16; 64], table: &[u16; 64]) -> [[u8; 8]; 8] {
        let value = |at: usize| i64::from(coefficients[at]) * i64::from(table[at]);
        let columns: [[i64; 8]; 8] = std::array::from_fn(|column| {
            pass(std::array::from_fn(|row| value(8 * row + column)), 11)
        });
        std::array::from_fn(|row| {
            pass(std::array::from_fn(|column| columns[column][row]), 18)
                .map(|value| ((value << 54 >> 54) + 128).clamp(0, 255) as u8)
        })
    }

    fn check(coefficients: &[i16; 64], table: &[u16; 64]) -> bool {
        // SAFETY: only called on such a machine.
        let made = unsafe { avx2::samples(coefficients, table) };
        let total: i64 =
            coefficients.iter().zip(table).map(|(c, t)| i64::from(*c).abs() * i64::from(*t)).sum();
        assert_eq!(made.is_none(), total > i64::from(MOST), "{total}");
        made.is_none_or(|made| made == samples(coefficients, table))
    }

    proptest! {
        #[test]
        fn blocks_come_out_as_the_reference_makes_them(
            coefficients in prop::collection::vec(-300_i16..300, 64),
            kept in prop::collection::vec(0..4_u8, 64),
            factor in 1..20_u16,
            thin in any::<bool>(),
        ) {
            if Path::Avx2.is_available() {
                let mut values = [0; 64];
                for (at, value) in values.iter_mut().enumerate() {
                    *value = if thin && kept[at] > 0 { 0 } else { coefficients[at] };
                }
                let table = std::array::from_fn(|at| factor + (at % 3) as u16);
                prop_assert!(check(&values, &table));
            }
        }

        #[test]
        fn blocks_of_any_values_are_exact_or_left_to_libjpeg(
            values in prop::collection::vec((0..64_usize, any::<i16>(), any::<u16>()), 0..5),
        ) {
            if Path::Avx2.is_available() {
                let (mut coefficients, mut table) = ([0; 64], [1; 64]);
                for (at, value, factor) in values {
                    (coefficients[at], table[at]) = (value, factor);
                    prop_assert!(check(&coefficients, &table));
                    (coefficients[at], table[at]) = (value, 1);
                    prop_assert!(check(&coefficients, &table));
                }
            }
        }
    }

    #[test]
    fn every_mean_and_the_largest_blocks_are_exact() {
        if !Path::Avx2.is_available() {
            return;
        }
        for mean in -32_000..=32_000 {
            let mut coefficients = [0; 64];
            coefficients[0] = mean;
            assert!(check(&coefficients, &[1; 64]), "{mean}");
        }
        // The sum that may be, on one coefficient or shared by two that add up.
        for (one, other) in (0..64).flat_map(|one| (0..64).map(move |other| (one, other))) {
            let mut coefficients = [0_i16; 64];
            coefficients[one] += 16_000;
            coefficients[other] += if one == other { 16_000 } else { -16_000 };
            assert!(check(&coefficients, &[1; 64]), "{one} {other}");
        }
    }
}
