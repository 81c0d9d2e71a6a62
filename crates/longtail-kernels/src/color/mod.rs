//! Pillow's colour operations on RGB bytes, bit for bit: hue turned through its HSV of 8 bits, saturation, and the sum of
//! luma.
//!
//! Source: Pillow's `Convert.c` and `Blend.c`, of which the order of operations and the roundings follow.

mod plain;
mod vectors;

use crate::dispatch::operation;

operation! {
    /// Turns the hue of RGB pixels by `shift` of 256 parts of a turn. Bytes behind the last whole pixel stay.
    ///
    /// ```
    /// // A third of a turn from red is green.
    /// let mut pixels = [255, 0, 0];
    /// longtail_kernels::color::turn_hue(&mut pixels, 85);
    /// assert_eq!(pixels, [0, 255, 0]);
    /// ```
    turn_hue(pixels: &mut [u8], shift: u8), plain::turn_hue, vectors::turn_hue
}

operation! {
    /// Blends RGB pixels with their grey: 0 leaves grey alone, 1 the pixels, more goes beyond them. Bytes behind the last
    /// whole pixel stay. A factor that is no finite number counts as 1.
    ///
    /// ```
    /// let mut pixels = [255, 0, 0];
    /// longtail_kernels::color::saturate(&mut pixels, 0.0);
    /// assert_eq!(pixels, [76; 3]);
    /// ```
    saturate(pixels: &mut [u8], factor: f32), plain::saturate, vectors::saturate
}

operation! {
    /// The sum of the luma of RGB pixels, each rounded to a byte; bytes behind the last whole pixel do not count.
    ///
    /// ```
    /// assert_eq!(longtail_kernels::color::luma_sum(&[255, 0, 0, 255, 255, 255]), 76 + 255);
    /// ```
    luma_sum(pixels: &[u8]) -> u64, plain::luma_sum, vectors::luma_sum
}

/// ITU-R 601 luma of an RGB pixel, as Pillow rounds it.
///
/// ```
/// assert_eq!(longtail_kernels::color::luma([255, 0, 0]), 76);
/// ```
#[inline(always)]
pub fn luma([r, g, b]: [u8; 3]) -> u8 {
    let [r, g, b] = [r, g, b].map(u32::from);
    ((19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every operation, as it runs on this machine and on any, against the reference.
    fn agree(pixels: &[u8], shift: u8, factor: f32) {
        let after = |apply: &dyn Fn(&mut [u8])| {
            let mut pixels = pixels.to_vec();
            apply(&mut pixels);
            pixels
        };
        let expected = after(&|pixels| plain::turn_hue(pixels, shift));
        assert!(after(&|pixels| turn_hue(pixels, shift)) == expected, "hue by {shift}");
        assert!(after(&|pixels| vectors::turn_hue(pixels, shift)) == expected, "hue by {shift}");
        let expected = after(&|pixels| plain::saturate(pixels, factor));
        assert!(after(&|pixels| saturate(pixels, factor)) == expected, "saturation by {factor}");
        assert!(
            after(&|pixels| vectors::saturate(pixels, factor)) == expected,
            "saturation by {factor}"
        );
        let expected = plain::luma_sum(pixels);
        assert_eq!([luma_sum(pixels), vectors::luma_sum(pixels)], [expected; 2]);
    }

    #[test]
    fn every_colour_is_turned_and_saturated_as_by_the_reference() {
        for red in 0..=255_u8 {
            let plane: Vec<u8> =
                (0..=255_u8).flat_map(|g| (0..=255_u8).flat_map(move |b| [red, g, b])).collect();
            agree(&plane, red.wrapping_mul(97).wrapping_add(3), f32::from(red) / 128.0);
        }
    }

    proptest! {
        #[test]
        fn any_number_of_bytes_is_taken(
            pixels in prop::collection::vec(any::<u8>(), 0..700), shift: u8, factor in -1.0_f32..3.0,
        ) {
            agree(&pixels, shift, factor);
        }
    }

    #[test]
    fn a_factor_that_is_no_number_changes_nothing() {
        for factor in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut pixels = [200, 100, 50];
            saturate(&mut pixels, factor);
            assert_eq!(pixels, [200, 100, 50]);
        }
    }
}
