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
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::loss::{ClassCounts, logit_adjusted};
///
/// let logits = Tensor::<2>::zeros([1, 2], &Device::flex());
/// let counts = ClassCounts::new(vec![30, 10])?;
/// // π² is 9/16 and 1/16, of which the second is a tenth.
/// let loss = logit_adjusted(logits, &[1], &counts, 2.0)?;
/// assert!((loss.into_scalar::<f32>() - 10_f32.ln()).abs() < 1e-6);
/// # Ok::<(), longtail::loss::LossError>(())
/// ```
pub fn logit_adjusted(
    logits: Tensor<2>,
    labels: &[u32],
    class_counts: &ClassCounts,
    tau: f64,
) -> Result<Tensor<1>, LossError> {
    with_bias(logits, labels, class_counts.log_prior().iter().map(|log_pi| tau * log_pi).collect())
}
