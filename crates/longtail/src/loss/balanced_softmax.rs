use burn::tensor::Tensor;

use super::{LossError, cross_entropy::with_bias, log_counts};

/// Balanced softmax, Eq. 1: −log( n_y e^{f_y} / Σ_j n_j e^{f_j} ), mean over the batch.
///
/// # Shapes
/// - `logits`: `[rows, classes]`; `labels`: one per row; `class_counts`: n, one per class
/// - output: `[1]`
///
/// # Errors
/// [`LossError::Rows`], [`LossError::Label`], [`LossError::EmptyClass`].
pub fn balanced_softmax(
    logits: Tensor<2>,
    labels: &[u32],
    class_counts: &[usize],
) -> Result<Tensor<1>, LossError> {
    with_bias(logits, labels, log_counts(class_counts)?)
}
