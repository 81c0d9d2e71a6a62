/// Counts that are none of a training set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClassCountsError {
    /// There is no class.
    #[error("there is no class")]
    NoClass,
    /// A class has no image.
    #[error("class {class} has no training image, so its log prior is undefined; leave it out")]
    EmptyClass {
        /// The class.
        class: usize,
    },
}

/// n, training images of every class, none of them 0; and what samplers and losses make of it.
///
/// ```
/// # use longtail::data::ClassCounts;
/// let counts = ClassCounts::new(vec![90, 9, 1])?;
/// assert_eq!(counts.total(), 100);
/// assert!((counts.log_prior()[0] - 0.9_f64.ln()).abs() < 1e-15);
/// assert!(ClassCounts::new(vec![90, 0]).is_err());
/// # Ok::<(), longtail::data::ClassCountsError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ClassCounts {
    counts: Vec<usize>,
    log_counts: Vec<f64>,
    log_prior: Vec<f64>,
}

impl ClassCounts {
    /// Of a whole training set, one count per class.
    ///
    /// # Errors
    /// [`ClassCountsError::NoClass`], [`ClassCountsError::EmptyClass`].
    pub fn new(counts: Vec<usize>) -> Result<Self, ClassCountsError> {
        if counts.is_empty() {
            return Err(ClassCountsError::NoClass);
        }
        if let Some(class) = counts.iter().position(|&count| count == 0) {
            return Err(ClassCountsError::EmptyClass { class });
        }
        let log_counts: Vec<f64> = counts.iter().map(|&count| (count as f64).ln()).collect();
        let log_total = (counts.iter().sum::<usize>() as f64).ln();
        let log_prior = log_counts.iter().map(|log_n| log_n - log_total).collect();
        Ok(Self { counts, log_counts, log_prior })
    }

    /// C, the number of classes.
    pub fn classes(&self) -> usize {
        self.counts.len()
    }

    /// n_c of every class.
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// N, all images.
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// n_c of the largest class.
    pub fn max(&self) -> usize {
        self.counts.iter().copied().max().unwrap_or_default()
    }

    /// log n_c of every class.
    pub fn log_counts(&self) -> &[f64] {
        &self.log_counts
    }

    /// log π_c = log n_c / N of every class.
    pub fn log_prior(&self) -> &[f64] {
        &self.log_prior
    }

    /// Effective numbers (1 − β^n_c) / (1 − β) of every class, β in [0, 1) (Cui et al. 2019, Eq. 2).
    ///
    /// ```
    /// # use longtail::data::ClassCounts;
    /// let counts = ClassCounts::new(vec![3, 1])?;
    /// assert_eq!(counts.effective_numbers(0.5), [1.75, 1.0]);
    /// # Ok::<(), longtail::data::ClassCountsError>(())
    /// ```
    pub fn effective_numbers(&self, beta: f64) -> Vec<f64> {
        let of = |&count: &usize| (1.0 - beta.powf(count as f64)) / (1.0 - beta);
        self.counts.iter().map(of).collect()
    }

    /// Class-balanced weights, one over the effective numbers, brought to the sum C (Cui et al. 2019 §4). With β = 0
    /// all are 1.
    ///
    /// ```
    /// # use longtail::data::ClassCounts;
    /// let counts = ClassCounts::new(vec![3, 1])?;
    /// // The effective numbers are 7/4 and 1, their inverses 4/7 and 7/7, and 11/7 in all.
    /// let weights = counts.class_balanced_weights(0.5);
    /// assert!((weights[0] - 8.0 / 11.0).abs() < 1e-12 && (weights[1] - 14.0 / 11.0).abs() < 1e-12);
    /// # Ok::<(), longtail::data::ClassCountsError>(())
    /// ```
    pub fn class_balanced_weights(&self, beta: f64) -> Vec<f64> {
        let inverse: Vec<f64> = self.effective_numbers(beta).iter().map(|e| 1.0 / e).collect();
        let scale = self.classes() as f64 / inverse.iter().sum::<f64>();
        inverse.iter().map(|weight| weight * scale).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_without_images_is_refused_by_its_place() {
        let refused = |counts: &[usize]| ClassCounts::new(counts.to_vec()).unwrap_err();
        assert_eq!(refused(&[]), ClassCountsError::NoClass);
        assert_eq!(refused(&[3, 0, 0]), ClassCountsError::EmptyClass { class: 1 });
    }

    #[test]
    fn class_balanced_weights_sum_to_the_number_of_classes_and_rise_with_rarity() {
        let counts = ClassCounts::new(vec![5000, 500, 50]).unwrap();
        for beta in [0.0, 0.9, 0.9999] {
            let weights = counts.class_balanced_weights(beta);
            assert!((weights.iter().sum::<f64>() - 3.0).abs() < 1e-12, "{weights:?}");
            assert!(weights.is_sorted(), "{weights:?}");
        }
        assert_eq!(counts.class_balanced_weights(0.0), [1.0; 3]);
    }
}
