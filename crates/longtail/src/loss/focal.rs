use burn::tensor::Tensor;

use super::{
    ClassCounts, LossError, check_labels, log_sum_exp,
    log_sum_exp::Like,
    terms::{at_labels, check_classes, check_parameter, cross_entropies, softplus},
};

/// Stands for −∞ where a column does not count. Finite, so that a row of a single class gives 0 and not NaN.
const EXCLUDED: f64 = -1e30;

/// The class-balanced focal loss (CB-Focal, Cui et al. 2019, §4): one sigmoid per class, of which the one of the
/// label should say yes and all others no, each with the focal factor of Lin et al. (2017).
///
/// ℓ_i = w_{y_i} Σ_c (1 − p_ic)^γ (−log p_ic), p_ic = σ(f_ic) for c = y_i, else 1 − σ(f_ic); the sum of ℓ_i is divided
/// by the number of rows. w are [`ClassCounts::class_balanced_weights`] of β.
///
/// The paper's code starts the classifier's bias at −log(C − 1) and does not decay it, and computes
/// log(1 + e^−f) in a way that overflows in f32 below f ≈ −88; this does not.
///
/// # Shapes
/// - `logits`: `[rows, classes]`; `labels`: one per row; `class_counts`: of the classes
/// - output: `[1]`
///
/// # Errors
/// [`LossError::Parameter`] for a β outside of [0, 1) and a γ below 0; [`LossError::Rows`], [`LossError::NoRows`],
/// [`LossError::Label`], [`LossError::Classes`].
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::loss::{ClassCounts, class_balanced_focal};
///
/// let logits = Tensor::<2>::zeros([1, 3], &Device::flex());
/// let counts = ClassCounts::new(vec![50, 5, 1])?;
/// // Three sigmoids of one half, the weights all 1 at β = 0.
/// let loss = class_balanced_focal(logits, &[2], &counts, 0.0, 1.0)?;
/// assert!((loss.into_scalar::<f32>() - 3.0 * 0.5 * 2_f32.ln()).abs() < 1e-6);
/// # Ok::<(), longtail::loss::LossError>(())
/// ```
pub fn class_balanced_focal(
    logits: Tensor<2>,
    labels: &[u32],
    class_counts: &ClassCounts,
    beta: f64,
    gamma: f64,
) -> Result<Tensor<1>, LossError> {
    let weights = class_weights_of_rows(&logits, labels, class_counts, beta)?;
    check_gamma(gamma)?;
    let (like, classes) = (Like::new(&logits), class_counts.classes());
    // Positive where the sigmoid is right: 2t − 1 times the logit.
    let signs = at_labels(labels, &vec![2.0; classes], &like).sub_scalar(1.0);
    let right = logits * signs;
    let focus = softplus(right.clone()).mul_scalar(-gamma).exp();
    let of_rows = (focus * softplus(right.neg())).sum_dim(1);
    Ok((of_rows * weights).mean())
}

/// The focal loss over a softmax, mean over the batch of −(1 − p_y)^γ log p_y, p = softmax(f): the focal row of Cao et
/// al. (2019), with γ = 1 in their code. (Their code also takes class weights, which then enter p as an exponent; it has
/// none here.)
///
/// # Shapes
/// - `logits`: `[rows, classes]`; `labels`: one per row
/// - output: `[1]`
///
/// # Errors
/// [`LossError::Parameter`] for a γ below 0; [`LossError::Rows`], [`LossError::NoRows`], [`LossError::Label`].
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::loss::softmax_focal;
///
/// let logits = Tensor::<2>::zeros([1, 4], &Device::flex());
/// let loss = softmax_focal(logits, &[3], 2.0)?;
/// assert!((loss.into_scalar::<f32>() - 0.75_f32.powi(2) * 4_f32.ln()).abs() < 1e-6);
/// # Ok::<(), longtail::loss::LossError>(())
/// ```
pub fn softmax_focal(
    logits: Tensor<2>,
    labels: &[u32],
    gamma: f64,
) -> Result<Tensor<1>, LossError> {
    Ok(softmax_focal_rows(logits, labels, gamma)?.mean())
}

/// The class-balanced focal loss over a softmax: the mean over the batch of −w_y (1 − p_y)^γ log p_y, p = softmax(f), with
/// the weights of [`class_balanced_focal`].
///
/// # Shapes
/// As [`class_balanced_focal`].
///
/// # Errors
/// As [`class_balanced_focal`].
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::loss::{ClassCounts, class_balanced_softmax_focal};
///
/// let logits = Tensor::<2>::zeros([1, 4], &Device::flex());
/// let counts = ClassCounts::new(vec![9, 4, 2, 1])?;
/// let loss = class_balanced_softmax_focal(logits, &[3], &counts, 0.0, 2.0)?;
/// assert!((loss.into_scalar::<f32>() - 0.75_f32.powi(2) * 4_f32.ln()).abs() < 1e-6);
/// # Ok::<(), longtail::loss::LossError>(())
/// ```
pub fn class_balanced_softmax_focal(
    logits: Tensor<2>,
    labels: &[u32],
    class_counts: &ClassCounts,
    beta: f64,
    gamma: f64,
) -> Result<Tensor<1>, LossError> {
    let weights = class_weights_of_rows(&logits, labels, class_counts, beta)?;
    Ok((softmax_focal_rows(logits, labels, gamma)? * weights).mean())
}

/// −(1 − p_y)^γ log p_y of every row, `[rows, 1]`.
fn softmax_focal_rows(
    logits: Tensor<2>,
    labels: &[u32],
    gamma: f64,
) -> Result<Tensor<2>, LossError> {
    let [rows, classes] = logits.dims();
    check_labels(labels, rows, classes)?;
    check_gamma(gamma)?;
    let like = Like::new(&logits);
    let all = log_sum_exp(logits.clone(), like.row(vec![0.0; classes]));
    let excluded = at_labels(labels, &vec![EXCLUDED; classes], &like);
    let others = log_sum_exp(logits.clone(), excluded);
    // log(1 − p_y) as the share of the other classes: a power of 1 − p has no finite gradient at p = 1 for γ < 1.
    let focus = (others - all).mul_scalar(gamma).exp();
    Ok(focus * cross_entropies(logits, labels))
}

/// The class-balanced weight of every row's class, `[rows, 1]`.
fn class_weights_of_rows(
    logits: &Tensor<2>,
    labels: &[u32],
    class_counts: &ClassCounts,
    beta: f64,
) -> Result<Tensor<2>, LossError> {
    let [rows, classes] = logits.dims();
    check_labels(labels, rows, classes)?;
    check_classes(class_counts.classes(), classes)?;
    check_parameter("beta", beta, 0.0..1.0, "at least 0 and less than 1")?;
    let weights = class_counts.class_balanced_weights(beta);
    let weights = labels.iter().map(|&y| weights[y as usize]).collect();
    Ok(Like::new(logits).tensor(weights, [rows, 1]))
}

fn check_gamma(gamma: f64) -> Result<(), LossError> {
    check_parameter("gamma of a focal loss", gamma, 0.0.., "a number of at least 0")
}
