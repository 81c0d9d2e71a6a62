//! The reference: one output after the other.

use super::{HALF, PRECISION, Rows, Weights};

/// Bytes whose sums are kept in registers while the rows are added.
const LANES: usize = 32;

pub(super) fn along_rows(image: Rows<'_>, weights: &Weights, out: &mut [u8]) {
    for (row, to) in out.chunks_exact_mut(weights.outputs() * 3).enumerate() {
        let (from, _) = image.row(row).as_chunks::<3>();
        let (to, _) = to.as_chunks_mut::<3>();
        for (pixel, (first, weights)) in to.iter_mut().zip(weights.iter()) {
            *pixel = sum_of_pixels(&from[first..], weights);
        }
    }
}

/// The weighted sum of pixels.
#[inline]
pub(super) fn sum_of_pixels(from: &[[u8; 3]], weights: &[i32]) -> [u8; 3] {
    let mut sums = [HALF; 3];
    for (input, weight) in from.iter().zip(weights) {
        (0..3).for_each(|c| sums[c] += i32::from(input[c]) * weight);
    }
    sums.map(level)
}

pub(super) fn down_columns(image: Rows<'_>, weights: &Weights, out: &mut [u8]) {
    down_columns_inline(image, weights, out);
}

/// [`down_columns`] for a caller that has more instructions.
#[inline(always)]
pub(super) fn down_columns_inline(image: Rows<'_>, weights: &Weights, out: &mut [u8]) {
    let bytes = image.width * 3;
    for (to, (first, weights)) in out.chunks_exact_mut(bytes).zip(weights.iter()) {
        let from = &image.bytes[first * image.stride..];
        let Some(last) = bytes.checked_sub(LANES) else {
            let sum = |at| sum_of_rows::<1>(from, image.stride, at, weights)[0];
            to.iter_mut().enumerate().for_each(|(at, to)| *to = sum(at));
            continue;
        };
        // The last bytes once more with some before them, so that all are summed many at a time.
        for at in (0..last).step_by(LANES).chain([last]) {
            let sums = sum_of_rows::<LANES>(from, image.stride, at, weights);
            to[at..][..LANES].copy_from_slice(&sums);
        }
    }
}

/// The weighted sum of rows, of the `N` bytes from `at` on.
#[inline(always)]
fn sum_of_rows<const N: usize>(from: &[u8], stride: usize, at: usize, weights: &[i32]) -> [u8; N] {
    let mut sums = [HALF; N];
    for (row, weight) in weights.iter().enumerate() {
        let bytes = &from[row * stride + at..][..N];
        sums.iter_mut().zip(bytes).for_each(|(sum, byte)| *sum += i32::from(*byte) * weight);
    }
    sums.map(level)
}

#[inline(always)]
fn level(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}
