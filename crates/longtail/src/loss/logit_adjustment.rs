use burn::tensor::Tensor;

use super::{ClassCounts, LossError, cross_entropy::with_bias};

/// Logit-adjusted cross entropy, Eq. 2: −log( e^{f_y + τ log π_y} / Σ_j e^{f_j + τ log π_j} ), mean
/// over the batch. With τ = 1 it equals [`super::balanced_softmax`].
///
/// # Shapes
/// - `logits`: `[rows, classes]`; `labels`: one per row; `class_counts`: of the classes
/// - output: `[1]`
///
/// # Errors
/// [`LossError::Rows`], [`LossError::Label`], [`LossError::Classes`].
pub fn logit_adjusted(
    logits: Tensor<2>,
    labels: &[u32],
    class_counts: &ClassCounts,
    tau: f64,
) -> Result<Tensor<1>, LossError> {
    with_bias(logits, labels, class_counts.log_prior().iter().map(|log_pi| tau * log_pi).collect())
}
