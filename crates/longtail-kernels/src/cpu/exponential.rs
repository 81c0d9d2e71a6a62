//! e^x of many values with the bits of the library's exponential, which is called for the few values alone whose
//! rounding is in doubt.

use std::f64::consts::{LN_2, LOG2_E};

use super::path::Path;

/// Below this e^x is 0 in f32.
const SMALLEST: f32 = -110.0;
/// Relative distance from a power within which the library's power lies before it is rounded: at least 1/256 units of
/// the last place, of which glibc and musl need 1/500, the polynomial below 1/8000.
const DOUBT: f64 = 1.0 / (1_u64 << 31) as f64;
/// Adding it leaves no place for a fraction, and an integer in the lowest bits.
const INTEGERS: f64 = 6_755_399_441_055_744.0;
/// Bits of a mantissa, and the exponent of 1.
const MANTISSA: u32 = 52;
const ONE: u64 = 1023 << MANTISSA;
/// e^r on ±ln 2 / 2 to 2⁻³⁷, from the constant term on.
const SERIES: [f64; 10] = [
    1.0,
    1.0,
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
];
/// Values at a time.
const LANES: usize = 8;

/// Turns every value v into e^(v − max), where no v is above `max`.
pub(super) fn powers_below(values: &mut [f32], max: f32) {
    match Path::active() {
        #[cfg(target_arch = "x86_64")]
        Path::Avx512Bf16 | Path::Avx512 | Path::Avx2 => {
            // SAFETY: the active path's instructions include these, for every path of AVX-512 needs them too.
            unsafe { on_avx2(values, max) }
        }
        // With two values to a vector the library's own is as fast.
        _ => values.iter_mut().for_each(|value| *value = (*value - max).exp()),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn on_avx2(values: &mut [f32], max: f32) {
    in_vectors(values, max);
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn in_vectors(values: &mut [f32], max: f32) {
    let (blocks, rest) = values.as_chunks_mut::<LANES>();
    for block in blocks {
        let x = block.map(|value| value - max);
        let (mut low, mut high) = ([0.0; LANES], [0.0; LANES]);
        for i in 0..LANES {
            let power = power(if x[i] < SMALLEST { SMALLEST } else { x[i] });
            low[i] = (power - power * DOUBT) as f32;
            high[i] = (power + power * DOUBT) as f32;
        }
        *block = low;
        if low != high {
            let doubtful = (0..LANES).filter(|&i| low[i] != high[i]);
            doubtful.for_each(|i| block[i] = x[i].exp());
        }
    }
    rest.iter_mut().for_each(|value| *value = (*value - max).exp());
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn power(x: f32) -> f64 {
    let x = f64::from(x);
    let shifted = x.mul_add(LOG2_E, INTEGERS);
    let r = (shifted - INTEGERS).mul_add(-LN_2, x);
    let [lower @ .., highest] = SERIES;
    let series = lower.into_iter().rev().fold(highest, |sum, term| sum.mul_add(r, term));
    series * f64::from_bits((shifted.to_bits() << MANTISSA).wrapping_add(ONE))
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::{LANES, on_avx2};
    use crate::Path;

    /// All 1.1 · 10⁹ values from −120 on were compared once; here every 997th, and what is special.
    #[test]
    fn powers_have_the_bits_of_the_library() {
        if !Path::Avx2.is_available() {
            println!("skipped: this machine does not run {}", Path::Avx2.name());
            return;
        }
        let below_zero = ((-0.0_f32).to_bits()..(-120.0_f32).to_bits()).step_by(997);
        let special = [0.0, -f32::MIN_POSITIVE, -87.4, -103.9, -104.1, -1e30, f32::NEG_INFINITY];
        let mut x: Vec<f32> = below_zero.map(f32::from_bits).chain(special).collect();
        x.resize(x.len().next_multiple_of(LANES) + 3, -0.5);
        let mut powers = x.clone();
        // SAFETY: the path is available.
        unsafe { on_avx2(&mut powers, 0.0) };
        for (x, power) in x.iter().zip(&powers) {
            assert_eq!(power.to_bits(), x.exp().to_bits(), "{x}");
        }
        let mut none = [f32::NAN; LANES];
        // SAFETY: the path is available.
        unsafe { on_avx2(&mut none, 0.0) };
        assert!(none.iter().all(|power| power.is_nan()));
    }
}
