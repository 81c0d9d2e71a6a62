use burn::tensor::Tensor;

use super::{
    ClassCounts, ClassCountsError, LossError,
    log_sum_exp::Like,
    terms::{check_parameter, check_shape, check_temperature, kl_divergence, log_softmax},
};

/// The temperature of every class for [`expert_diversity`]: (C π_c φ + 1 − φ), divided by the largest, so that a class
/// with few images has a lower one. RIDE's code takes φ = 0.05 for CIFAR and 0.02 for ImageNet-LT; with 0 all are 1.
///
/// # Errors
/// [`LossError::Parameter`] for a factor φ outside of [0, 1].
///
/// ```
/// use longtail::loss::{ClassCounts, class_temperatures};
///
/// let counts = ClassCounts::new(vec![30, 10])?;
/// // 2 · ¾ · ½ + ½ = 1.25 and 2 · ¼ · ½ + ½ = 0.75.
/// assert_eq!(class_temperatures(&counts, 0.5)?, [1.0, 0.6]);
/// # Ok::<(), longtail::loss::LossError>(())
/// ```
pub fn class_temperatures(class_counts: &ClassCounts, factor: f64) -> Result<Vec<f64>, LossError> {
    check_parameter("the factor of class temperatures", factor, 0.0..=1.0, "between 0 and 1")?;
    let scale = class_counts.classes() as f64 / class_counts.total() as f64;
    let of = |count: usize| count as f64 * scale * factor + 1.0 - factor;
    let largest = of(class_counts.max());
    Ok(class_counts.counts().iter().map(|&count| of(count) / largest).collect())
}

/// How much experts differ: t̄² Σ_k KL(p̄‖p_k), mean over the batch, where p_k is the softmax of expert k's logits,
/// each divided by its class's temperature t_c, p̄ the same of the mean of all logits, and t̄ the mean of t_c. It is at
/// least 0, and 0 for experts that agree; RIDE ([`super::Ride`]) rewards it.
///
/// Wang et al. (2021) compare the experts in pairs; their code compares each with the mean, as here.
///
/// # Shapes
/// - `experts`: one `[rows, classes]` each; `temperatures`: one per class
/// - output: `[1]`
///
/// # Errors
/// [`LossError::Experts`], [`LossError::NoRows`], [`LossError::ClassCounts`], [`LossError::Shape`] for experts of several
/// shapes, [`LossError::Classes`] for temperatures of another number than the classes, [`LossError::Temperature`].
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::loss::expert_diversity;
///
/// let expert = |logits| Tensor::<2>::from_data([logits], &Device::flex());
/// let agreed = expert_diversity(&[expert([1.0, 3.0]), expert([1.0, 3.0])], &[1.0, 1.0])?;
/// let opposed = expert_diversity(&[expert([1.0, 3.0]), expert([3.0, 1.0])], &[1.0, 1.0])?;
/// assert!(agreed.into_scalar::<f32>().abs() < 1e-6);
/// // Two times KL of (½, ½) to (σ(2), σ(−2)).
/// assert!((opposed.into_scalar::<f32>() - 2.0 * 1_f32.cosh().ln()).abs() < 1e-6);
/// # Ok::<(), longtail::loss::LossError>(())
/// ```
pub fn expert_diversity(
    experts: &[Tensor<2>],
    temperatures: &[f64],
) -> Result<Tensor<1>, LossError> {
    let [_, classes] = check_experts(experts, 1)?;
    if temperatures.len() != classes {
        return Err(LossError::Classes { counts: temperatures.len(), logits: classes });
    }
    temperatures.iter().try_for_each(|&temperature| check_temperature(temperature))?;
    let inverse = temperatures.iter().map(|temperature| 1.0 / temperature).collect();
    let inverse = Like::new(&experts[0]).row(inverse);
    // As in RIDE's code; its gradient is 0 anyway, for of all p̄ the softmax of the mean logits gives the smallest sum.
    let log_ensemble = log_softmax(mean_of(experts).detach() * inverse.clone());
    let of = |expert: &Tensor<2>| {
        let log_expert = log_softmax(expert.clone() * inverse.clone());
        kl_divergence(log_ensemble.clone(), log_expert)
    };
    let first = of(&experts[0]);
    let sum = experts[1..].iter().fold(first, |sum, expert| sum + of(expert));
    let mean = temperatures.iter().sum::<f64>() / classes as f64;
    Ok(sum.mul_scalar(mean * mean))
}

/// The mean of the experts' logits: RIDE's ensemble.
pub(crate) fn mean_of(experts: &[Tensor<2>]) -> Tensor<2> {
    let first = experts[0].clone();
    let sum = experts[1..].iter().fold(first, |sum, expert| sum + expert.clone());
    sum.mul_scalar(1.0 / experts.len() as f64)
}

/// That there are `least` experts, all of the same rows and classes; gives their shape.
pub(super) fn check_experts(experts: &[Tensor<2>], least: usize) -> Result<[usize; 2], LossError> {
    let too_few = LossError::Experts { experts: experts.len(), least };
    let (Some(first), true) = (experts.first(), experts.len() >= least) else {
        return Err(too_few);
    };
    let shape = first.dims();
    for expert in experts {
        check_shape("the logits of an expert", expert.dims(), shape)?;
    }
    match shape {
        [0, _] => Err(LossError::NoRows),
        [_, 0] => Err(LossError::ClassCounts(ClassCountsError::NoClass)),
        shape => Ok(shape),
    }
}
