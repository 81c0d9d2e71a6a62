//! The same in vectors. A weight of 23 bits is split into two of 12, so that two products of 16 bits are summed at once.

use std::arch::x86_64::*;

use super::{HALF, PRECISION, Rows, Weights, plain};

/// Bits of a weight's lower half.
const LOW: i32 = 11;
/// Outputs that are rounded and stored together.
const AT_ONCE: usize = 4;
/// Bytes that are read for two pixels.
const READ: usize = 8;

/// # Safety
/// The machine must have AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn along_rows(image: Rows<'_>, weights: &Weights, out: &mut [u8]) {
    let pairs = Pairs::of(weights);
    let row = weights.outputs() * 3;
    for (number, rows) in out.chunks_mut(2 * row).enumerate() {
        // Where one row is left it is taken twice.
        let (upper, lower) = match rows.len() == row {
            true => (rows, &mut [][..]),
            false => rows.split_at_mut(row),
        };
        let from = [2 * number, (2 * number + 1).min(image.height - 1)];
        // SAFETY: the caller's duty.
        unsafe { two_rows(image, from, weights, &pairs, [upper, lower]) };
    }
}

/// The halves of the weights of two neighbours in the two halves of an integer.
struct Pairs {
    high: Vec<i32>,
    low: Vec<i32>,
    each: usize,
}

impl Pairs {
    fn of(weights: &Weights) -> Self {
        let pairs = || weights.values.as_chunks::<2>().0.iter();
        let packed = |[left, right]: [i32; 2]| left | right << 16;
        Self {
            high: pairs().map(|pair| packed(pair.map(|weight| weight >> LOW))).collect(),
            low: pairs().map(|pair| packed(pair.map(|weight| weight & ((1 << LOW) - 1)))).collect(),
            each: weights.most / 2,
        }
    }
}

/// Two rows of the image, `from`; the second output may be empty.
///
/// # Safety
/// The machine must have AVX2.
#[target_feature(enable = "avx2")]
unsafe fn two_rows(
    image: Rows<'_>,
    from: [usize; 2],
    weights: &Weights,
    pairs: &Pairs,
    [upper, lower]: [&mut [u8]; 2],
) {
    // What is read for the last inputs may lie behind them, but not behind the image.
    let starts = from.map(|row| row * image.stride);
    let readable = image.bytes.len() - starts[1];
    let reads = |output: usize| 3 * (weights.inputs[output].0 + 2 * pairs.each - 2) + READ;
    let outputs = weights.outputs();
    let mut at = 0;
    while at + AT_ONCE <= outputs && reads(at + AT_ONCE - 1) <= readable {
        let sums: [__m256i; AT_ONCE] = std::array::from_fn(|i| {
            let first = 3 * weights.inputs[at + i].0;
            // SAFETY: the loop's condition says that so many bytes can be read from there on in the lower row, and the
            // upper one stands before it.
            unsafe { sums(image.bytes, starts.map(|start| start + first), pairs, at + i) }
        });
        let bytes = bytes(sums);
        for (half, out) in [&mut *upper, &mut *lower].into_iter().enumerate() {
            if let Some(out) = out.get_mut(3 * at..3 * (at + AT_ONCE)) {
                out.copy_from_slice(&bytes[16 * half..16 * half + 3 * AT_ONCE]);
            }
        }
        at += AT_ONCE;
    }
    for (out, row) in [upper, lower].into_iter().zip(from) {
        let (pixels, _) = image.row(row).as_chunks::<3>();
        let (out, _) = out.as_chunks_mut::<3>();
        for (out, (first, weights)) in out.iter_mut().zip(weights.iter()).skip(at) {
            *out = plain::sum_of_pixels(&pixels[first..], weights);
        }
    }
}

/// The sums of red, green and blue of an output in two rows, one in each half.
///
/// # Safety
/// The machine must have AVX2, and at each start stand [`READ`] bytes and six for each pair but the first.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn sums(bytes: &[u8], starts: [usize; 2], pairs: &Pairs, output: usize) -> __m256i {
    // Two pixels' bytes as words: both reds, both greens, both blues.
    let places = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,
    ));
    let [mut high, mut low] = [_mm256_setzero_si256(); 2];
    for pair in 0..pairs.each {
        // SAFETY: the caller's duty.
        let [upper, lower] = starts
            .map(|start| unsafe { _mm_loadl_epi64(bytes.as_ptr().add(start + 6 * pair).cast()) });
        let pixels = _mm256_shuffle_epi8(_mm256_set_m128i(lower, upper), places);
        let at = output * pairs.each + pair;
        high = _mm256_add_epi32(high, _mm256_madd_epi16(pixels, _mm256_set1_epi32(pairs.high[at])));
        low = _mm256_add_epi32(low, _mm256_madd_epi16(pixels, _mm256_set1_epi32(pairs.low[at])));
    }
    let sum = _mm256_add_epi32(_mm256_slli_epi32::<LOW>(high), low);
    _mm256_srai_epi32::<{ PRECISION as i32 }>(_mm256_add_epi32(sum, _mm256_set1_epi32(HALF)))
}

/// Four outputs of two rows as bytes, 12 for each row from 0 and from 16 on.
#[inline]
#[target_feature(enable = "avx2")]
fn bytes(sums: [__m256i; AT_ONCE]) -> [u8; 32] {
    let [a, b, c, d] = sums;
    let packed = _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    let places = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1,
    ));
    let mut bytes = [0; 32];
    // SAFETY: 32 bytes.
    unsafe {
        _mm256_storeu_si256(bytes.as_mut_ptr().cast(), _mm256_shuffle_epi8(packed, places));
    }
    bytes
}

/// # Safety
/// The machine must have AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn down_columns(image: Rows<'_>, weights: &Weights, out: &mut [u8]) {
    plain::down_columns_inline(image, weights, out);
}
