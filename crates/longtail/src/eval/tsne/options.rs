use super::super::EvalError;

/// How [`tsne`](super::tsne) embeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TsneOptions {
    /// How many neighbours count, smoothly; at least 1. More than a third of the other rows are lowered to that.
    pub perplexity: f64,
    /// Factor on the attraction during the early iterations; at least 1.
    pub early_exaggeration: f64,
    /// Iterations with early exaggeration.
    pub early_iterations: usize,
    /// Iterations after them.
    pub iterations: usize,
    /// Of the noise on the first coordinates.
    pub seed: u64,
}

impl Default for TsneOptions {
    /// Perplexity 30, 250 iterations with exaggeration 12 and 750 after them, as scikit-learn has them.
    fn default() -> Self {
        Self {
            perplexity: 30.0,
            early_exaggeration: 12.0,
            early_iterations: 250,
            iterations: 750,
            seed: 0,
        }
    }
}

impl TsneOptions {
    pub(super) fn check(&self) -> Result<(), EvalError> {
        let at_least_1 =
            [("perplexity", self.perplexity), ("early_exaggeration", self.early_exaggeration)];
        match at_least_1.into_iter().find(|(_, value)| !(1.0..f64::INFINITY).contains(value)) {
            Some((option, value)) => {
                Err(EvalError::TsneOption { option, value, range: "a number from 1 on" })
            }
            None => Ok(()),
        }
    }
}
