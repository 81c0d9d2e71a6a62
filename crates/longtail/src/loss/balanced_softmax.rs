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
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::loss::{ClassCounts, balanced_softmax};
///
/// let logits = Tensor::<2>::zeros([1, 2], &Device::flex());
/// let counts = ClassCounts::new(vec![30, 10])?;
/// // −log(10 / (30 + 10))
/// let loss = balanced_softmax(logits, &[1], &counts)?;
/// assert!((loss.into_scalar::<f32>() - 4_f32.ln()).abs() < 1e-6);
/// # Ok::<(), longtail::loss::LossError>(())
/// ```
pub fn balanced_softmax(
    logits: Tensor<2>,
    labels: &[u32],
    class_counts: &ClassCounts,
) -> Result<Tensor<1>, LossError> {
    with_bias(logits, labels, class_counts.log_counts().to_vec())
}
