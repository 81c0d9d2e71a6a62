use burn::tensor::Tensor;

use super::{
    ClassCounts, Ldam, LossError, check_labels, class_temperatures,
    diversity::check_experts,
    expert_diversity,
    terms::{check_parameter, check_temperature},
};

/// The loss of several experts that are trained together and apart (RIDE, Wang et al. 2021): every expert's own
/// [`Ldam`] loss, and λ times their [`expert_diversity`], with λ below 0 so that differing is rewarded.
///
/// As the paper's code has it, summed over the experts, on logits that hold the scale already. (That code trains the
/// mean of the experts in place of each when λ is exactly 0; here λ = 0 only leaves the diversity out.)
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ride {
    /// Margin and scale of the experts' own losses.
    pub ldam: Ldam,
    /// λ: −0.2 in the paper's code, −0.45 in its recipe for CIFAR-100.
    pub diversity_factor: f64,
    /// Temperature of the diversity, which the class temperatures multiply.
    pub temperature: f64,
}

impl Default for Ride {
    /// What the paper's code runs with when nothing is set.
    fn default() -> Self {
        Self { ldam: Ldam::default(), diversity_factor: -0.2, temperature: 1.0 }
    }
}

/// What RIDE turns on in mid-training, after epoch 160 of 200 on CIFAR.
#[derive(Debug, Clone, PartialEq)]
pub struct RideReweighting {
    /// Weights of the experts' own losses, one per class.
    pub class_weights: Vec<f64>,
    /// t_c of the diversity, one per class.
    pub class_temperatures: Vec<f64>,
}

impl RideReweighting {
    /// Weights from β, 0.9999 in the paper's code ([`ClassCounts::class_balanced_weights`]), and temperatures from the
    /// factor φ, 0.05 there ([`class_temperatures`]).
    ///
    /// # Errors
    /// [`LossError::Parameter`] for a β outside of [0, 1) and a φ outside of [0, 1].
    ///
    /// ```
    /// use longtail::loss::{ClassCounts, RideReweighting};
    ///
    /// let counts = ClassCounts::new(vec![3, 1])?;
    /// let after = RideReweighting::new(&counts, 0.5, 0.5)?;
    /// // The effective numbers are 7/4 and 1; their inverses are brought to the sum 2.
    /// let expected = [8.0 / 11.0, 14.0 / 11.0];
    /// let off = |(weight, expected): (&f64, &f64)| (weight - expected).abs();
    /// assert!(after.class_weights.iter().zip(&expected).map(off).all(|off| off < 1e-12));
    /// // 2 · ¾ · ½ + ½ and 2 · ¼ · ½ + ½, divided by the first.
    /// assert_eq!(after.class_temperatures, [1.0, 0.6]);
    /// # Ok::<(), longtail::loss::LossError>(())
    /// ```
    pub fn new(class_counts: &ClassCounts, beta: f64, factor: f64) -> Result<Self, LossError> {
        check_parameter("beta", beta, 0.0..1.0, "at least 0 and less than 1")?;
        let class_weights = class_counts.class_balanced_weights(beta);
        let class_temperatures = class_temperatures(class_counts, factor)?;
        Ok(Self { class_weights, class_temperatures })
    }
}

/// The parts of the loss of [`Ride`].
#[derive(Debug, Clone)]
pub struct RideLoss {
    /// The experts' own LDAM losses together, `[1]`.
    pub ldam: Tensor<1>,
    /// λ times their diversity, `[1]`.
    pub diversity: Tensor<1>,
}

impl RideLoss {
    /// What is minimised: the sum of the parts.
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// use longtail::loss::RideLoss;
    ///
    /// let part = |value: f32| Tensor::<1>::from_data([value], &Device::flex());
    /// let loss = RideLoss { ldam: part(3.0), diversity: part(-0.5) };
    /// assert_eq!(loss.total().into_scalar::<f32>(), 2.5);
    /// ```
    pub fn total(self) -> Tensor<1> {
        self.ldam + self.diversity
    }
}

impl Ride {
    /// The loss of the experts' logits; with `reweighting` from the moment on that RIDE sets it on.
    ///
    /// # Shapes
    /// - `experts`: one `[rows, classes]` each, cosines times the scale; `labels`: one per row
    /// - `class_counts`, `reweighting`: of the classes
    /// - output: `[1]` each
    ///
    /// # Errors
    /// [`LossError::Experts`] without an expert, [`LossError::Shape`] for experts of several shapes, those of
    /// [`Ldam::loss`] and of [`expert_diversity`], and [`LossError::Parameter`] for a λ that is not a number.
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// use longtail::loss::{ClassCounts, Ldam, Ride};
    ///
    /// let counts = ClassCounts::new(vec![10, 10])?;
    /// let experts = [[1.0, 3.0], [3.0, 1.0]]
    ///     .map(|logits| Tensor::<2>::from_data([logits], &Device::flex()));
    /// let ride = Ride { ldam: Ldam { max_margin: 0.0, scale: 1.0 }, ..Ride::default() };
    /// let loss = ride.loss(&experts, &[0], &counts, None)?;
    /// // Without a margin, cross entropies: log(1 + e²) + log(1 + e⁻²) = 2 log(2 cosh 1).
    /// let log_cosh = 1_f32.cosh().ln();
    /// assert!((loss.ldam.into_scalar::<f32>() - 2.0 * (2_f32.ln() + log_cosh)).abs() < 1e-5);
    /// assert!((loss.diversity.into_scalar::<f32>() + 0.2 * 2.0 * log_cosh).abs() < 1e-6);
    /// # Ok::<(), longtail::loss::LossError>(())
    /// ```
    pub fn loss(
        &self,
        experts: &[Tensor<2>],
        labels: &[u32],
        class_counts: &ClassCounts,
        reweighting: Option<&RideReweighting>,
    ) -> Result<RideLoss, LossError> {
        let [rows, classes] = check_experts(experts, 1)?;
        check_labels(labels, rows, classes)?;
        check_parameter("the diversity factor", self.diversity_factor, .., "a number")?;
        check_temperature(self.temperature)?;
        let weights = reweighting.map(|after| after.class_weights.as_slice());
        let own = |expert: &Tensor<2>| {
            self.ldam.loss_of_scaled(expert.clone(), labels, class_counts, weights)
        };
        let first = own(&experts[0])?;
        let add = |sum: Tensor<1>, expert: &Tensor<2>| Ok::<_, LossError>(sum + own(expert)?);
        let ldam = experts[1..].iter().try_fold(first, add)?;
        let temperatures: Vec<f64> = match reweighting {
            Some(after) => after.class_temperatures.iter().map(|t| t * self.temperature).collect(),
            None => vec![self.temperature; classes],
        };
        let diversity = expert_diversity(experts, &temperatures)?;
        Ok(RideLoss { ldam, diversity: diversity.mul_scalar(self.diversity_factor) })
    }
}
