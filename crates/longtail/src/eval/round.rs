/// Digits of the figures in files.
const DIGITS: i32 = 12;

/// At most 12 significant digits: such a number is read back exactly even by JSON parsers that round twice, and the last
/// bits, which the order of a sum decides, are gone. What is no number stays so.
pub(super) fn significant(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let place = DIGITS - 1 - value.abs().log10().floor() as i32;
    // Powers of ten up to 22 are exact in f64; of others the text is.
    match place {
        0..=22 => (value * 10_f64.powi(place)).round() / 10_f64.powi(place),
        _ => format!("{value:.*e}", DIGITS as usize - 1).parse().unwrap_or(value),
    }
}

#[cfg(test)]
mod tests {
    use super::significant;

    #[test]
    fn twelve_digits_are_left() {
        let of = [1.0 / 3.0, -2.0 / 3.0e6, 19.36100455863278, 1e20 / 3.0, 1e-20 / 3.0, 0.0, 1.0];
        let short = [
            0.333333333333,
            -6.66666666667e-7,
            19.3610045586,
            33333333333300000000.0,
            3.33333333333e-21,
            0.0,
            1.0,
        ];
        assert_eq!(of.map(significant), short);
        assert!(significant(f64::NAN).is_nan());
    }
}
