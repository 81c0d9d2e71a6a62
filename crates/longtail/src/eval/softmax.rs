//! Softmax in f64.

/// What all classes of a row of logits share of their probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Softmax {
    max: f64,
    sum: f64,
}

impl Softmax {
    /// Of a row, whose largest logit is subtracted so that none of the exponentials overflows.
    pub fn of<T: Copy + Into<f64>>(logits: &[T]) -> Self {
        let all = || logits.iter().map(|&logit| logit.into());
        let max = all().fold(f64::NEG_INFINITY, f64::max);
        Self { max, sum: all().map(|logit| (logit - max).exp()).sum() }
    }

    /// The probability of the class of this logit.
    pub fn probability(&self, logit: impl Into<f64>) -> f64 {
        (logit.into() - self.max).exp() / self.sum
    }
}

/// Probabilities of one row of logits.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    // In f32, as it was before there was one softmax: so probabilities keep their bits.
    let shifted: Vec<f32> = logits.iter().map(|logit| logit - max).collect();
    let softmax = Softmax::of(&shifted);
    shifted.iter().map(|&logit| softmax.probability(logit) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_add_to_one_also_of_logits_whose_exponentials_are_no_numbers() {
        let logits = [1000.0_f32, 999.0, f32::NEG_INFINITY];
        let expected = 1.0 / (1.0 + (-1.0_f64).exp());
        assert_eq!(Softmax::of(&logits).probability(logits[0]), expected);
        let probabilities = softmax(&logits);
        assert_eq!(probabilities[0], expected as f32);
        assert_eq!(probabilities[2], 0.0);
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
