use burn::tensor::Tensor;

use super::{ClassCounts, LossError, cross_entropy::with_bias};

/// Balanced softmax, Eq. 1: −log( n_y e^{f_y} / Σ_j n_j e^{f_j} ), mean over the batch.
///
/// # Shapes
/// - `logits`: `[rows, classes]`; `labels`: one per row; `class_counts`: of the classes
/// - output: `[1]`
///
/// # Errors
/// [`LossError::Rows`], [`LossError::Label`], [`LossError::Classes`].
pub fn balanced_softmax(
    logits: Tensor<2>,
    labels: &[u32],
    class_counts: &ClassCounts,
) -> Result<Tensor<1>, LossError> {
    with_bias(logits, labels, class_counts.log_counts().to_vec())
}
