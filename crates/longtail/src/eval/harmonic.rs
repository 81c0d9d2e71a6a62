use crate::choice::choice;

choice! {
    /// What the harmonic mean does with a class of accuracy 0 (`docs/method.md`).
    ///
    /// The paper does not say; whatever is chosen, the number of such classes is reported beside it.
    HarmonicZero {
        /// One such class makes the mean 0, as the definition has it.
        Strict = "strict",
        /// Accuracies are raised to a floor.
        Floor = "floor",
        /// Such classes are left out.
        Drop = "drop",
    }
}

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
