use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::data::{ClassCounts, ClassCountsError};

/// β of [`Sampling::EffectiveNumber`] where none is said: that of kaidic's LDAM-DRW.
const BETA: f64 = 0.9999;
/// The name of [`Sampling::EffectiveNumber`].
const EFFECTIVE_NUMBER: &str = "effective-number";

/// How often each class is drawn, n_c being its training images.
///
/// ```
/// use longtail::{batch::Sampling, data::ClassCounts};
///
/// let counts = ClassCounts::new(vec![16, 4])?;
/// let of = |sampling: Sampling| sampling.class_probabilities(&counts, 0, 1);
/// assert_eq!(of(Sampling::Instance), [0.8, 0.2]);
/// assert_eq!(of(Sampling::ClassBalanced), [0.5, 0.5]);
/// assert_eq!(of(Sampling::Reversed), [0.2, 0.8]);
/// assert_eq!("effective-number:0.99".parse(), Ok(Sampling::EffectiveNumber { beta: 0.99 }));
/// # Ok::<(), longtail::data::ClassCountsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Sampling {
    /// Every image with the same probability: p_c ∝ n_c (Kang et al. 2020, q = 1).
    #[default]
    Instance,
    /// Every class with the same probability: p_c ∝ 1 (Kang et al. 2020, q = 0).
    ClassBalanced,
    /// p_c ∝ √n_c (Kang et al. 2020, q = 1/2).
    SquareRoot,
    /// From instance to class-balanced: (1 − t/T) · instance + t/T · class-balanced (Kang et al. 2020).
    ///
    /// As in the authors' code (`ClassPrioritySampler`, `linspace(0, 1, epochs)`), t/T is 0 in the first epoch and 1 in
    /// the last.
    ProgressivelyBalanced,
    /// The rare classes most: p_c ∝ n_max / n_c (Zhou et al. 2020, BBN).
    Reversed,
    /// Every image has the weight 1 / E_c of its class, so that p_c ∝ n_c / E_c, with the effective number
    /// E_c = (1 − β^n_c) / (1 − β) of Cui et al. 2019.
    ///
    /// They weight the losses of images by 1 / E_c. To draw images with that weight instead is LDAM-DRW's
    /// `--train_rule Resample` (`ImbalancedDatasetSampler`, β .9999). β = 0 is instance, β → 1 class-balanced.
    EffectiveNumber {
        /// β, in [0, 1).
        beta: f64,
    },
}

/// Sampling that has no meaning, or none for these images.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SamplingError {
    /// No such name.
    #[error(
        "there is no sampling \"{0}\"; there are {names}, and effective-number:BETA",
        names = Sampling::ALL.map(Sampling::name).join(", ")
    )]
    Unknown(String),
    /// β of the effective number.
    #[error("beta {0} of the effective number must be a number from 0 to below 1")]
    Beta(f64),
    /// An image of no known class.
    #[error("image {0} has no label")]
    Label(u32),
    /// The images are those of no training set.
    #[error(transparent)]
    Counts(#[from] ClassCountsError),
}

impl Sampling {
    /// All of them, the last with the β that is usual.
    pub const ALL: [Self; 6] = [
        Self::Instance,
        Self::ClassBalanced,
        Self::SquareRoot,
        Self::ProgressivelyBalanced,
        Self::Reversed,
        Self::EffectiveNumber { beta: BETA },
    ];

    /// Its name, without β.
    pub fn name(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::ClassBalanced => "class-balanced",
            Self::SquareRoot => "square-root",
            Self::ProgressivelyBalanced => "progressively-balanced",
            Self::Reversed => "reversed",
            Self::EffectiveNumber { .. } => EFFECTIVE_NUMBER,
        }
    }

    /// The probability of every class, in the 0-based `epoch` of `epochs`.
    pub fn class_probabilities(
        self,
        counts: &ClassCounts,
        epoch: usize,
        epochs: usize,
    ) -> Vec<f64> {
        let n = || counts.counts().iter().map(|&count| count as f64);
        let max = counts.max() as f64;
        normalised(match self {
            Self::Instance => n().collect(),
            Self::ClassBalanced => n().map(|_| 1.0).collect(),
            Self::SquareRoot => n().map(f64::sqrt).collect(),
            Self::Reversed => n().map(|count| max / count).collect(),
            Self::EffectiveNumber { beta } => {
                n().zip(counts.effective_numbers(beta)).map(|(count, e)| count / e).collect()
            }
            Self::ProgressivelyBalanced => {
                let last = epochs.saturating_sub(1).max(1) as f64;
                let done = (epoch as f64 / last).min(1.0);
                let (total, classes) = (counts.total() as f64, counts.classes() as f64);
                n().map(|count| (1.0 - done) * count / total + done / classes).collect()
            }
        })
    }

    /// Whether the reference code draws images with replacement: those of square-root, reversed and effective-number
    /// sampling do; class-aware samplers go through all images of a class before one comes again.
    pub fn with_replacement(self) -> bool {
        matches!(self, Self::SquareRoot | Self::Reversed | Self::EffectiveNumber { .. })
    }

    /// Refuses a β without meaning.
    pub(super) fn check(self) -> Result<(), SamplingError> {
        match self {
            Self::EffectiveNumber { beta } if !(0.0..1.0).contains(&beta) => {
                Err(SamplingError::Beta(beta))
            }
            _ => Ok(()),
        }
    }
}

fn normalised(weights: Vec<f64>) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

impl fmt::Display for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EffectiveNumber { beta } if *beta != BETA => {
                write!(f, "{EFFECTIVE_NUMBER}:{beta}")
            }
            other => f.write_str(other.name()),
        }
    }
}

impl FromStr for Sampling {
    type Err = SamplingError;

    fn from_str(text: &str) -> Result<Self, SamplingError> {
        if let Some(sampling) = Self::ALL.into_iter().find(|sampling| sampling.name() == text) {
            return Ok(sampling);
        }
        let beta = text.strip_prefix(EFFECTIVE_NUMBER).and_then(|rest| rest.strip_prefix(':'));
        let beta = beta.and_then(|beta| beta.parse().ok());
        let beta = beta.ok_or_else(|| SamplingError::Unknown(text.to_owned()))?;
        let sampling = Self::EffectiveNumber { beta };
        sampling.check().map(|()| sampling)
    }
}

impl TryFrom<String> for Sampling {
    type Error = SamplingError;

    fn try_from(text: String) -> Result<Self, SamplingError> {
        text.parse()
    }
}

impl From<Sampling> for String {
    fn from(sampling: Sampling) -> Self {
        sampling.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-12, "{found:?} is not {expected:?}");
        }
    }

    #[test]
    fn probabilities_are_the_papers() {
        let counts = ClassCounts::new(vec![100, 25, 4]).unwrap();
        let of = |sampling: Sampling, epoch| sampling.class_probabilities(&counts, epoch, 11);
        let instance = [100.0 / 129.0, 25.0 / 129.0, 4.0 / 129.0];
        close(&of(Sampling::Instance, 3), &instance);
        close(&of(Sampling::ClassBalanced, 3), &[1.0 / 3.0; 3]);
        close(&of(Sampling::SquareRoot, 3), &[10.0 / 17.0, 5.0 / 17.0, 2.0 / 17.0]);
        close(&of(Sampling::Reversed, 3), &[1.0 / 30.0, 4.0 / 30.0, 25.0 / 30.0]);
        let progressive = |epoch| of(Sampling::ProgressivelyBalanced, epoch);
        close(&progressive(0), &instance);
        close(&progressive(10), &[1.0 / 3.0; 3]);
        close(&progressive(5), &instance.map(|p| p / 2.0 + 1.0 / 6.0));
        let of_beta = |beta| of(Sampling::EffectiveNumber { beta }, 3);
        close(&of_beta(0.0), &instance);
        // E_c = 1.75 of 3 images, 1 of one, at β = 1/2.
        let two = ClassCounts::new(vec![3, 1]).unwrap();
        let found = Sampling::EffectiveNumber { beta: 0.5 }.class_probabilities(&two, 0, 1);
        let weights = [3.0 / 1.75, 1.0];
        close(&found, &weights.map(|w| w / (3.0 / 1.75 + 1.0)));
        assert!((of_beta(0.999_999_9)[2] - 1.0 / 3.0).abs() < 1e-4);
    }

    #[test]
    fn names_parse_back() {
        let other = Sampling::EffectiveNumber { beta: 0.9 };
        for sampling in Sampling::ALL.into_iter().chain([other]) {
            assert_eq!(sampling.to_string().parse(), Ok(sampling));
            let json = serde_json::to_string(&sampling).unwrap();
            assert_eq!(json, format!("\"{sampling}\""));
            assert_eq!(serde_json::from_str::<Sampling>(&json).unwrap(), sampling);
        }
        for wrong in ["", "balanced", "effective-number:", "effective-number:1", "instance:1"] {
            assert!(wrong.parse::<Sampling>().is_err(), "{wrong}");
        }
    }
}
