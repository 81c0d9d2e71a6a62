use burn::tensor::Tensor;
use longtail_kernels::{ContrastFactors, ContrastTerms, contrast};

use super::{ClassCounts, Compression, LossError, check_labels};
use crate::{
    choice::choice,
    section::{Limits, section},
};

choice! {
    /// What the sum over positives is divided by (`docs/method.md`).
    Normaliser {
        /// The number of positives, as in SupCon's and BCL's code.
        MeanOverPositives = "mean-over-positives",
        /// |B_y|, all embeddings of the class in the batch, the anchor included, as printed in Eq. 4.
        BatchCount = "batch-count",
    }
}

choice! {
    /// How the similarities of one class are averaged in the denominator (`docs/method.md`).
    ClassAverage {
        /// Not at all: every embedding counts.
        None = "none",
        /// By the number of terms summed, so that the anchor's own class has one fewer (BCL's code).
        TermsPresent = "terms-present",
        /// By |B_j| + 1 for every class, as printed in Eq. 3 and 5.
        Printed = "printed",
    }
}

choice! {
    /// Whether the denominator weighs class j by n_j (the rebalancing of Eq. 4 and 5).
    Prior {
        /// No: SCL and BCL.
        Off = "off",
        /// By n_j to the power `prior_exponent`; the paper has 1, and 0 gives SCL and BCL back.
        Counts = "counts",
    }
}

/// In f32 gradients are off by about 10⁻⁷ / T of their unit 1 / (T·N), from this temperature on by less than a thousandth.
/// Below 10⁻⁴ they are off by more than that where embeddings are close together: at 10⁻⁶ by more than the unit itself.
/// Compression factors make T smaller by as much as they make similarities greater.
pub(crate) const SMALLEST_TEMPERATURE: f64 = 1e-3;

section! {
    /// A supervised contrastive loss; the paper's four are [`Contrastive::scl`], [`Contrastive::bcl`],
    /// [`Contrastive::rcl`] and [`Contrastive::bcl_rcl`].
    ///
    /// For an anchor i of class y with positives P, over all columns k of class j (embeddings and, if
    /// wanted, prototypes):
    ///
    /// ℓ_i = 1/norm · Σ_{p∈P} \[ log Σ_k w_ik n_j^ρ e^{s̃_ik} − log n_y^ρ − s̃_ip \],
    /// s̃_ik = τ_y τ_j z_i·z_k / T; the loss is the mean over the anchors.
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// use longtail::loss::{ClassCounts, Contrastive};
    ///
    /// // n^0 is 1: RCL without rebalancing is SCL, here of four equal embeddings.
    /// let scl = Contrastive { prior_exponent: 0.0, ..Contrastive::rcl(0.1) };
    /// let z = Tensor::<2>::ones([4, 1], &Device::flex());
    /// let counts = ClassCounts::new(vec![30, 10])?;
    /// let loss = scl.loss(z, &[0, 0, 1, 1], None, &counts, None)?;
    /// assert!((loss.into_scalar::<f32>() - 3_f32.ln()).abs() < 1e-5);
    /// # Ok::<(), longtail::loss::LossError>(())
    /// ```
    ///
    /// # Cost
    /// O(N·(N + C)·D) time for N embeddings and C prototypes of D features; in f32, on the CPU and on GPUs, the
    /// memory is O((N + C)·D), else O(N·(N + C)).
    ///
    /// # Precision
    /// A similarity of f32 is off by some 10⁻⁷, and divided by T it is an exponent. Beside f64, values of the gradient were
    /// off by at most 10⁻⁷ / T of their unit 1 / (T·N) at T ≥ 10⁻⁴, and by 2·10⁻⁶ of it at T ≥ 0.1, for embeddings at random,
    /// in equal pairs, close together, all equal, and opposite: 10⁻⁴ at T = 0.001. Below 10⁻⁴ this does not hold for
    /// embeddings close together: at 10⁻⁶ nearly equal ones were off by up to 1.9 units, all others by 6·10⁻². A gradient
    /// that is 0 because all embeddings are equal comes out as such an error. With compression T is divided by the factors'
    /// product. Recipes take T ≥ 0.001; below it the loss stays finite, and its gradients are what is left of them.
    #[derive(Copy)]
    "contrastive" Contrastive, ContrastiveTyped {
        /// Temperature T of the contrastive loss, > 0, dividing the similarities; in f32 gradients are right from 10⁻³ on.
        temperature: f64 =>
            "T, at least 0.001: in f32 gradients are off by about 10⁻⁷ / T of 1 / (T·N), N the embeddings of a batch; with compression the same of T divided by the largest factors' product",
            "BCL on CIFAR",
            within Limits::from(SMALLEST_TEMPERATURE, "the temperature is at least 0.001; the paper's field uses 0.07 to 0.1").capped(Limits::LARGEST_FACTOR);
        /// Whether the anchor's similarity to itself stays in the denominator (`docs/method.md`).
        include_self: bool =>
            "`true`, `false`: whether the sum over k takes i in", "BCL's code";
        /// What the sum over positives is divided by.
        normaliser: Normaliser =>
            r#"`"mean-over-positives"`, `"batch-count"`"#, "BCL's code";
        /// The weights w_ik.
        class_average: ClassAverage =>
            r#"`"none"`, `"terms-present"`, `"printed"`"#, "the method; BCL's code";
        /// Whether class prototypes join the columns.
        prototypes: bool =>
            "`true`, `false`", "the method";
        /// Whether class frequencies rebalance.
        prior: Prior =>
            r#"`"counts"`: n_j^ρ weighs class j; `"off"`: it does not"#, "the method";
        /// ρ of n_j^ρ.
        prior_exponent: f64 =>
            "ρ, at least 0", "paper Eq. 4 and 5", within Limits::FACTOR;
    }
}

impl Contrastive {
    /// The loss of embeddings `z` of unit length.
    ///
    /// # Shapes
    /// - `z`: `[rows, features]`, any number of views; `labels`: one per row
    /// - `prototypes`: `[classes, features]`, of unit length; given if and only if the loss has them
    /// - `class_counts`: of the whole training set
    /// - output: `[1]`
    ///
    /// An anchor without positives contributes 0 and counts in the mean.
    ///
    /// # Errors
    /// [`LossError`] for a temperature that is not positive, and for labels, prototypes or factors that do not fit.
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// use longtail::loss::{ClassCounts, Contrastive};
    ///
    /// // An anchor of class 0 has one positive at similarity 1, and one negative at −1.
    /// let z = Tensor::<2>::from_data([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]], &Device::flex());
    /// let counts = ClassCounts::new(vec![20, 10])?;
    /// let loss = Contrastive::scl(1.0).loss(z, &[0, 0, 1], None, &counts, None)?;
    /// let of_anchor = (1.0 + (-2_f32).exp()).ln();
    /// // The anchor of class 1 has no positive and contributes 0.
    /// assert!((loss.into_scalar::<f32>() - 2.0 * of_anchor / 3.0).abs() < 1e-5);
    /// # Ok::<(), longtail::loss::LossError>(())
    /// ```
    pub fn loss(
        &self,
        z: Tensor<2>,
        labels: &[u32],
        prototypes: Option<Tensor<2>>,
        class_counts: &ClassCounts,
        compression: Option<&Compression>,
    ) -> Result<Tensor<1>, LossError> {
        let rows = z.dims()[0];
        let given = prototypes.as_ref().map_or(0, |c| c.dims()[0]);
        self.check(labels, rows, given, class_counts, compression)?;
        let terms = self.terms(labels, class_counts, compression);
        Ok(contrast(z, prototypes, terms))
    }

    fn check(
        &self,
        labels: &[u32],
        rows: usize,
        prototypes: usize,
        class_counts: &ClassCounts,
        compression: Option<&Compression>,
    ) -> Result<(), LossError> {
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return Err(LossError::Temperature(self.temperature));
        }
        let classes = class_counts.classes();
        check_labels(labels, rows, classes)?;
        let needed = if self.prototypes { classes } else { 0 };
        if prototypes != needed {
            return Err(LossError::Prototypes { given: prototypes, needed });
        }
        let Some(Compression { factors, .. }) = compression else { return Ok(()) };
        if factors.len() != classes {
            return Err(LossError::CompressionClasses { factors: factors.len(), classes });
        }
        match factors.iter().position(|f| !(f.is_finite() && *f > 0.0)) {
            Some(class) => Err(LossError::CompressionFactor { factor: factors[class], class }),
            None => Ok(()),
        }
    }

    fn terms(
        &self,
        labels: &[u32],
        class_counts: &ClassCounts,
        compression: Option<&Compression>,
    ) -> ContrastTerms {
        let classes = class_counts.classes();
        let log_prior = self.log_prior(class_counts);
        let mut in_batch = vec![0_usize; classes];
        labels.iter().for_each(|&y| in_batch[y as usize] += 1);
        let mut columns = labels.to_vec();
        if self.prototypes {
            columns.extend(0..classes as u32);
        }
        let bias = |own: bool| {
            let of_class = |j: usize| log_prior[j] - self.class_weight(in_batch[j], own).ln();
            let of_classes: Vec<f64> = (0..classes).map(of_class).collect();
            columns.iter().map(|&j| of_classes[j as usize]).collect()
        };
        ContrastTerms {
            temperature: self.temperature,
            include_self: self.include_self,
            bias_own: bias(true),
            bias_other: bias(false),
            prior: labels.iter().map(|&y| log_prior[y as usize]).collect(),
            inverse_norm: labels.iter().map(|&y| self.inverse_norm(in_batch[y as usize])).collect(),
            factors: compression.map(|compression| factors(&columns, labels.len(), compression)),
            labels: columns,
        }
    }

    /// ρ log n_j of every class.
    fn log_prior(&self, class_counts: &ClassCounts) -> Vec<f64> {
        match self.prior {
            Prior::Off => vec![0.0; class_counts.classes()],
            Prior::Counts => {
                let rho = self.prior_exponent;
                class_counts.log_counts().iter().map(|log_n| rho * log_n).collect()
            }
        }
    }

    /// 1 / norm of an anchor whose class has `in_batch` embeddings, itself among them; 0 without a positive.
    fn inverse_norm(&self, in_batch: usize) -> f64 {
        let positives = in_batch - 1 + usize::from(self.prototypes);
        match (positives, self.normaliser) {
            (0, _) => 0.0,
            (positives, Normaliser::MeanOverPositives) => 1.0 / positives as f64,
            (_, Normaliser::BatchCount) => 1.0 / in_batch as f64,
        }
    }

    /// 1 / w of a class with `in_batch` embeddings, for an anchor of that class or of another.
    fn class_weight(&self, in_batch: usize, own: bool) -> f64 {
        let columns = in_batch + usize::from(self.prototypes);
        let terms = if own && !self.include_self { columns.saturating_sub(1) } else { columns };
        match self.class_average {
            ClassAverage::None => 1.0,
            ClassAverage::TermsPresent => terms.max(1) as f64,
            ClassAverage::Printed => (in_batch + 1) as f64,
        }
    }
}

/// Factors of the columns, whose first `rows` are the embeddings.
fn factors(columns: &[u32], rows: usize, compression: &Compression) -> ContrastFactors {
    let of_contrast = |(k, &y): (usize, &u32)| compression.contrast(y, k >= rows);
    ContrastFactors {
        anchors: columns[..rows].iter().map(|&y| compression.anchor(y)).collect(),
        contrasts: columns.iter().enumerate().map(of_contrast).collect(),
    }
}
