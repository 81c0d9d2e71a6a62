//! From values to heights: linear and logarithmic axes with round ticks.

/// An axis from its lowest to its highest value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
    /// Where lines and labels stand.
    pub ticks: Vec<f64>,
}

impl Scale {
    /// A linear axis that holds `low` and `high` and ends on round values.
    pub fn linear(low: f64, high: f64) -> Self {
        let (low, high) = if high > low { (low, high) } else { (low, low + spread(low)) };
        let step = round_step((high - low) / 5.0);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        let ticks = (0..=(last - first) as usize).map(|tick| (first + tick as f64) * step);
        Self { low: first * step, high: last * step, logarithmic: false, ticks: ticks.collect() }
    }

    /// A logarithmic axis over positive values, with ticks at powers of ten.
    pub fn logarithmic(low: f64, high: f64) -> Self {
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let ticks = (first..=last).map(|power| 10_f64.powi(power));
        let ticks = ticks.filter(|tick| (low..=high).contains(tick)).collect();
        Self { low, high, logarithmic: true, ticks }
    }

    /// Where `value` stands between the axis' ends, 0 at the bottom and 1 at the top.
    pub fn height(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// How far an axis reaches where all values are `value`.
fn spread(value: f64) -> f64 {
    if value == 0.0 { 1.0 } else { value.abs() * 0.5 }
}

/// The smallest of 1, 2, 5 times a power of ten that is not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let factor = factors.into_iter().find(|factor| factor * power >= step * 0.999);
    factor.unwrap_or(10.0) * power
}

/// `value` with as many digits as tell ticks apart, such as `0.25`, `12` or `3e-5`.
pub(super) fn tick_label(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-3 {
        let text = format!("{value:.2e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'));
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_axes_hold_their_values_and_end_on_ticks() {
        for (low, high) in [(0.0, 1.0), (0.13, 0.71), (2.31, 2.32), (-1.0, 4.0), (3.0, 3.0)] {
            let scale = Scale::linear(low, high);
            assert!(scale.ticks.len() >= 3 && scale.ticks.len() <= 8, "{scale:?}");
            assert!(scale.low <= low && scale.high >= high, "{scale:?}");
            assert_eq!(scale.height(scale.low), 0.0);
            assert_eq!(scale.height(*scale.ticks.last().unwrap()), 1.0);
        }
        assert_eq!(Scale::linear(0.0, 1.0).ticks.len(), 6);
    }

    #[test]
    fn logarithmic_axes_give_equal_room_to_equal_factors() {
        let scale = Scale::logarithmic(1.0, 1000.0);
        assert_eq!(scale.ticks, [1.0, 10.0, 100.0, 1000.0]);
        assert!((scale.height(10.0) - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(scale.height(0.0), 0.0);
    }

    #[test]
    fn ticks_are_labelled_without_noise() {
        let labels = [0.0, 0.25, 0.1 + 0.2, 12.0, 5000.0, 3e-5, 0.00015, 0.0002].map(tick_label);
        assert_eq!(labels, ["0", "0.25", "0.3", "12", "5000", "3e-5", "1.5e-4", "2e-4"]);
    }
}
