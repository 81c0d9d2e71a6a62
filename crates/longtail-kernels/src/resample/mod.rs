//! Pillow's resampling of RGB bytes along one axis, bit for bit: weighted sums with fixed-point weights, each rounded to a
//! byte.
//!
//! Source: Pillow's `Resample.c`, of which the order of operations and the roundings follow.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod plain;

use crate::Path;

/// Bits behind the point in the weights.
const PRECISION: u32 = 32 - 8 - 2;
/// One half, in those weights: sums are rounded.
const HALF: i32 = 1 << (PRECISION - 1);

/// Rows of RGB pixels in a larger image.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    height: usize,
    width: usize,
    /// From the first row's first byte on.
    bytes: &'a [u8],
    /// Bytes from row to row.
    stride: usize,
}

impl<'a> Rows<'a> {
    /// `height` rows of `width` pixels, of which `bytes` hold one each `stride` bytes.
    ///
    /// # Panics
    /// If there is no pixel, or the bytes hold fewer.
    pub fn new([height, width]: [usize; 2], bytes: &'a [u8], stride: usize) -> Self {
        assert!(height > 0 && width > 0 && 3 * width <= stride, "there is nothing to resample");
        assert!(bytes.len() >= (height - 1) * stride + 3 * width, "bytes do not fit the size");
        Self { height, width, bytes, stride }
    }

    /// The bytes of a row.
    fn row(&self, row: usize) -> &'a [u8] {
        &self.bytes[row * self.stride..][..3 * self.width]
    }
}

/// The weights of every output along one axis: a triangle that is two inputs wide where the image grows, and as wide as
/// the outputs lie apart where it shrinks.
#[derive(Debug, Clone)]
pub struct Weights {
    /// Where the inputs of each output start, and how many they are.
    inputs: Vec<(usize, usize)>,
    /// Fixed-point weights, [`Weights::most`] for each output; zeros behind those that it has.
    values: Vec<i32>,
    /// An even number.
    most: usize,
    /// How many inputs there are.
    all: usize,
}

impl Weights {
    /// Of `output` values made of `input` ones.
    ///
    /// # Panics
    /// If either is 0.
    pub fn new(input: usize, output: usize) -> Self {
        assert!(input > 0 && output > 0, "there is nothing to resample");
        let scale = input as f64 / output as f64;
        let reach = scale.max(1.0);
        let most = (reach.ceil() as usize * 2 + 1).next_multiple_of(2);
        let mut inputs = Vec::with_capacity(output);
        let mut values = vec![0; output * most];
        let mut shares = vec![0.0; most];
        for (at, values) in values.chunks_exact_mut(most).enumerate() {
            let centre = (at as f64 + 0.5) * scale;
            let first = (centre - reach + 0.5).max(0.0) as usize;
            let end = ((centre + reach + 0.5) as usize).min(input);
            let shares = &mut shares[..end - first];
            for (i, share) in shares.iter_mut().enumerate() {
                let distance = ((i + first) as f64 - centre + 0.5) * (1.0 / reach);
                *share = (1.0 - distance.abs()).max(0.0);
            }
            let sum: f64 = shares.iter().sum();
            for (value, share) in values.iter_mut().zip(&*shares) {
                *value = (0.5 + share / sum * f64::from(1 << PRECISION)) as i32;
            }
            inputs.push((first, end - first));
        }
        Self { inputs, values, most, all: input }
    }

    /// How many outputs there are.
    pub fn outputs(&self) -> usize {
        self.inputs.len()
    }

    /// First input and weights of every output.
    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let values = self.values.chunks_exact(self.most);
        self.inputs.iter().zip(values).map(|(&(first, count), values)| (first, &values[..count]))
    }
}

/// Brings `image`, `[height, width, 3]`, to as many columns as there are weights, in `out`, `[height, columns, 3]`.
///
/// # Panics
/// If `out` has another length, or the weights are of another width.
pub fn along_rows(image: Rows<'_>, weights: &Weights, out: &mut [u8]) {
    assert_eq!(out.len(), image.height * weights.outputs() * 3, "the output does not fit");
    assert_eq!(weights.all, image.width, "the weights do not fit");
    match Path::active() {
        #[cfg(target_arch = "x86_64")]
        Path::Avx512Bf16 | Path::Avx512 | Path::Avx2 if Path::Avx2.is_available() => {
            // SAFETY: the guard says that the machine has the instructions.
            unsafe { avx2::along_rows(image, weights, out) }
        }
        _ => plain::along_rows(image, weights, out),
    }
}

/// Brings `image`, `[height, width, 3]`, to as many rows as there are weights, in `out`, `[rows, width, 3]`.
///
/// # Panics
/// If `out` has another length, or the weights are of another height.
pub fn down_columns(image: Rows<'_>, weights: &Weights, out: &mut [u8]) {
    assert_eq!(out.len(), image.width * weights.outputs() * 3, "the output does not fit");
    assert_eq!(weights.all, image.height, "the weights do not fit");
    match Path::active() {
        #[cfg(target_arch = "x86_64")]
        Path::Avx512Bf16 | Path::Avx512 | Path::Avx2 if Path::Avx2.is_available() => {
            // SAFETY: the guard says that the machine has the instructions.
            unsafe { avx2::down_columns(image, weights, out) }
        }
        _ => plain::down_columns(image, weights, out),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Pass = fn(Rows<'_>, &Weights, &mut [u8]);

    /// The implementations beside the plain ones.
    fn others() -> Vec<[Pass; 2]> {
        let mut others: Vec<[Pass; 2]> = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if Path::Avx2.is_available() {
            // SAFETY: the machine has the instructions.
            let rows: Pass = |image, weights, out| unsafe { avx2::along_rows(image, weights, out) };
            // SAFETY: as above.
            let columns: Pass =
                |image, weights, out| unsafe { avx2::down_columns(image, weights, out) };
            others.push([rows, columns]);
        }
        others.push([along_rows, down_columns]);
        others
    }

    fn check(size: [usize; 2], padding: usize, to: usize, mut byte: impl FnMut() -> u8) {
        let stride = 3 * size[1] + padding;
        // No byte behind the last pixel, which none may be read of.
        let bytes: Vec<u8> = (0..(size[0] - 1) * stride + 3 * size[1]).map(|_| byte()).collect();
        let image = Rows::new(size, &bytes, stride);
        let plain: [Pass; 2] = [plain::along_rows, plain::down_columns];
        for (axis, lengths) in [(0, [size[1], size[0]]), (1, size)] {
            let weights = Weights::new(lengths[0], to);
            let mut expected = vec![0; 3 * to * lengths[1]];
            plain[axis](image, &weights, &mut expected);
            for other in others() {
                let mut made = vec![7; expected.len()];
                other[axis](image, &weights, &mut made);
                assert!(made == expected, "{size:?} to {to} along {axis}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_implementation_gives_the_same_bits(
            height in 1_usize..40,
            width in 1_usize..90,
            padding in 0_usize..9,
            to in 1_usize..70,
            seed in any::<u64>(),
            extreme in any::<bool>(),
        ) {
            let mut state = seed | 1;
            check([height, width], padding, to, || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let byte = (state >> 56) as u8;
                if extreme { if byte < 128 { 0 } else { 255 } } else { byte }
            });
        }
    }

    #[test]
    fn a_large_image_shrinks_to_a_few_pixels_and_white_stays_white() {
        for to in [1, 2, 7] {
            check([3, 2_000], 0, to, || 255);
            check([2_000, 3], 0, to, || 255);
        }
        let (white, mut out) = ([255; 3 * 2_000], [0; 6]);
        along_rows(Rows::new([1, 2_000], &white, 6_000), &Weights::new(2_000, 2), &mut out);
        assert_eq!(out, [255; 6]);
    }

    #[test]
    #[should_panic(expected = "bytes do not fit")]
    fn rows_that_are_not_there_are_refused() {
        Rows::new([2, 2], &[0; 11], 6);
    }
}
