use burn::tensor::Tensor;

use super::{
    ClassCounts, LossError, check_labels,
    log_sum_exp::Like,
    terms::{
        at_labels, check_class_weights, check_classes, check_parameter, weighted_mean_cross_entropy,
    },
};

/// The label-distribution-aware margin loss (LDAM, Cao et al. 2019): cross entropy of cosines of which the label's
/// is lowered by a margin m_y ∝ n_y^−¼, all scaled by s.
///
/// ℓ = −log( e^{s(cos_y − m_y)} / ( e^{s(cos_y − m_y)} + Σ_{j≠y} e^{s·cos_j} ) )
///
/// At test time the margin is left out.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::loss::{ClassCounts, Ldam};
///
/// let counts = ClassCounts::new(vec![160, 10])?;
/// let ldam = Ldam { max_margin: 0.5, scale: 4.0 };
/// // A cosine that is larger by its class's margin, 0.5 · (10 / 160)^¼ = 0.25, is as good as the other.
/// let cosines = Tensor::<2>::from_data([[0.75, 0.5]], &Device::flex());
/// let loss = ldam.loss(cosines, &[0], &counts, None)?;
/// assert!((loss.into_scalar::<f32>() - 2_f32.ln()).abs() < 1e-6);
/// # Ok::<(), longtail::loss::LossError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ldam {
    /// The margin of the smallest class, at least 0.
    pub max_margin: f64,
    /// s > 0.
    pub scale: f64,
}

impl Default for Ldam {
    /// What the paper's code runs with: a margin of 0.5, a scale of 30.
    fn default() -> Self {
        Self { max_margin: 0.5, scale: 30.0 }
    }
}

impl Ldam {
    /// m_c of every class: n_c^−¼, scaled so that the largest is `max_margin`.
    ///
    /// ```
    /// use longtail::loss::{ClassCounts, Ldam};
    ///
    /// let counts = ClassCounts::new(vec![1600, 100])?;
    /// assert_eq!(Ldam::default().margins(&counts), [0.25, 0.5]);
    /// # Ok::<(), longtail::loss::LossError>(())
    /// ```
    pub fn margins(&self, class_counts: &ClassCounts) -> Vec<f64> {
        let fewest = class_counts.counts().iter().copied().min().unwrap_or(1) as f64;
        let of = |&count: &usize| self.max_margin * (fewest / count as f64).sqrt().sqrt();
        class_counts.counts().iter().map(of).collect()
    }

    /// The loss of `cosines` between features and class vectors, not yet scaled; with `class_weights`, their weighted
    /// mean ([`super::weighted_cross_entropy`]).
    ///
    /// # Shapes
    /// - `cosines`: `[rows, classes]`; `labels`: one per row
    /// - `class_counts`, `class_weights`: of the classes
    /// - output: `[1]`
    ///
    /// # Errors
    /// [`LossError::Parameter`] for a margin below 0 and a scale that is not positive; [`LossError::Rows`],
    /// [`LossError::NoRows`], [`LossError::Label`], [`LossError::Classes`], [`LossError::ClassWeights`],
    /// [`LossError::ClassWeight`].
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// use longtail::loss::{ClassCounts, Ldam};
    ///
    /// let cosines = Tensor::<2>::from_data([[0.9, 0.4]], &Device::flex());
    /// let counts = ClassCounts::new(vec![10, 10])?;
    /// // The margin of 0.5 makes both scores equal.
    /// let loss = Ldam::default().loss(cosines, &[0], &counts, None)?;
    /// assert!((loss.into_scalar::<f32>() - 2_f32.ln()).abs() < 1e-5);
    /// # Ok::<(), longtail::loss::LossError>(())
    /// ```
    pub fn loss(
        &self,
        cosines: Tensor<2>,
        labels: &[u32],
        class_counts: &ClassCounts,
        class_weights: Option<&[f64]>,
    ) -> Result<Tensor<1>, LossError> {
        self.loss_of_scaled(cosines.mul_scalar(self.scale), labels, class_counts, class_weights)
    }

    /// The loss of cosines that a classifier has multiplied by s already, as RIDE's does. The label's logit is lowered
    /// by s·m_y.
    ///
    /// # Shapes
    /// As in [`Ldam::loss`].
    ///
    /// # Errors
    /// As in [`Ldam::loss`].
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// use longtail::loss::{ClassCounts, Ldam};
    ///
    /// let logits = Tensor::<2>::from_data([[27.0, 12.0]], &Device::flex());
    /// let counts = ClassCounts::new(vec![10, 10])?;
    /// let loss = Ldam::default().loss_of_scaled(logits, &[0], &counts, None)?;
    /// assert!((loss.into_scalar::<f32>() - 2_f32.ln()).abs() < 1e-6);
    /// # Ok::<(), longtail::loss::LossError>(())
    /// ```
    pub fn loss_of_scaled(
        &self,
        logits: Tensor<2>,
        labels: &[u32],
        class_counts: &ClassCounts,
        class_weights: Option<&[f64]>,
    ) -> Result<Tensor<1>, LossError> {
        let [rows, classes] = logits.dims();
        self.check()?;
        check_labels(labels, rows, classes)?;
        check_classes(class_counts.classes(), classes)?;
        check_class_weights(class_weights, classes)?;
        let margins = self.margins(class_counts);
        let lowered: Vec<f64> = margins.iter().map(|margin| -self.scale * margin).collect();
        let logits = logits.clone() + at_labels(labels, &lowered, &Like::new(&logits));
        Ok(weighted_mean_cross_entropy(logits, labels, class_weights))
    }

    fn check(&self) -> Result<(), LossError> {
        check_parameter("the largest margin", self.max_margin, 0.0.., "a number of at least 0")?;
        let positive = f64::MIN_POSITIVE..;
        check_parameter("the scale of cosines", self.scale, positive, "a positive number")
    }
}
