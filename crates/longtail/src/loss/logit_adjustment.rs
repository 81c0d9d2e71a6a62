use burn::tensor::Tensor;

use super::{LossError, cross_entropy::with_bias, log_counts};

/// Logit-adjusted cross entropy, Eq. 2: −log( e^{f_y + τ log π_y} / Σ_j e^{f_j + τ log π_j} ), mean
/// over the batch. With τ = 1 it equals [`super::balanced_softmax`].
///
/// # Shapes
/// - `logits`: `[rows, classes]`; `labels`: one per row; `class_counts`: n, one per class
/// - output: `[1]`
///
/// # Errors
/// [`LossError::Rows`], [`LossError::Label`], [`LossError::EmptyClass`].
pub fn logit_adjusted(
    logits: Tensor<2>,
    labels: &[u32],
    class_counts: &[usize],
    tau: f64,
) -> Result<Tensor<1>, LossError> {
    let log_total = (class_counts.iter().sum::<usize>() as f64).ln();
    let log_prior = log_counts(class_counts)?;
    with_bias(logits, labels, log_prior.iter().map(|log_n| tau * (log_n - log_total)).collect())
}
