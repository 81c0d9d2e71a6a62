use crate::choice::choice;

choice! {
    /// What the harmonic mean does with a class of accuracy 0 (`docs/method.md`).
    ///
    /// The paper does not say; whatever is chosen, the number of such classes is reported beside it.
    ///
    /// ```
    /// use longtail::eval::HarmonicZero;
    ///
    /// let (accuracies, floor) = ([0.5, 0.25, 0.0], 0.125);
    /// assert_eq!(HarmonicZero::Strict.mean(floor, accuracies), 0.0);
    /// assert_eq!(HarmonicZero::Drop.mean(floor, accuracies), 2.0 / (2.0 + 4.0));
    /// assert_eq!(HarmonicZero::Floor.mean(floor, accuracies), 3.0 / (2.0 + 4.0 + 8.0));
    /// ```
    HarmonicZero {
        /// One such class makes the mean 0, as the definition has it.
        Strict = "strict",
        /// Accuracies are raised to a floor.
        Floor = "floor",
        /// Such classes are left out.
        Drop = "drop",
    }
}

#[expect(clippy::derivable_impls, reason = "a choice takes no attribute on a value")]
impl Default for HarmonicZero {
    fn default() -> Self {
        Self::Strict
    }
}

impl HarmonicZero {
    /// C / Σ 1/acc_c over `accuracies` in [0, 1], those below `floor` raised to it if this is `Floor`; 0 where no class
    /// is left.
    pub fn mean(self, floor: f64, accuracies: impl IntoIterator<Item = f64>) -> f64 {
        let (mut classes, mut sum) = (0_usize, 0.0);
        for accuracy in accuracies {
            let accuracy = match self {
                Self::Drop if accuracy == 0.0 => continue,
                Self::Floor => accuracy.max(floor),
                Self::Strict | Self::Drop => accuracy,
            };
            classes += 1;
            sum += 1.0 / accuracy;
        }
        if classes == 0 { 0.0 } else { classes as f64 / sum }
    }
}
