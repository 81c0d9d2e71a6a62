use serde::{Deserialize, Serialize};

/// What the harmonic mean does with a class of zero accuracy (`eval.harmonic_zero`).
///
/// The paper does not say; whatever is chosen, the number of such classes is reported beside it.
///
/// ```
/// use longtail::eval::HarmonicZero;
///
/// let accuracies = [0.5, 0.25, 0.0];
/// assert_eq!(HarmonicZero::Strict.mean(accuracies), 0.0);
/// assert_eq!(HarmonicZero::Drop.mean(accuracies), 2.0 / (2.0 + 4.0));
/// assert_eq!(HarmonicZero::Floor(0.125).mean(accuracies), 3.0 / (2.0 + 4.0 + 8.0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HarmonicZero {
    /// One such class makes the mean 0, as the definition has it.
    #[default]
    Strict,
    /// Accuracies below this value count as this value.
    Floor(f64),
    /// Such classes are left out.
    Drop,
}

impl HarmonicZero {
    /// C / Σ 1/acc_c over `accuracies` in [0, 1]; 0 where no class is left.
    pub fn mean(self, accuracies: impl IntoIterator<Item = f64>) -> f64 {
        let (mut classes, mut sum) = (0_usize, 0.0);
        for accuracy in accuracies {
            let accuracy = match self {
                Self::Drop if accuracy == 0.0 => continue,
                Self::Floor(floor) => accuracy.max(floor),
                Self::Strict | Self::Drop => accuracy,
            };
            classes += 1;
            sum += 1.0 / accuracy;
        }
        if classes == 0 { 0.0 } else { classes as f64 / sum }
    }
}
