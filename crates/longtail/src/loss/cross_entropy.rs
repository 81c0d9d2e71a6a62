use burn::tensor::Tensor;
use longtail_kernels::CrossEntropyTerms;

use super::{LossError, check_labels};

/// Cross entropy −log softmax(f(x))_y, mean over the batch.
///
/// # Shapes
/// - `logits`: `[rows, classes]`; `labels`: one per row
/// - output: `[1]`
///
/// # Errors
/// [`LossError::Rows`], [`LossError::Label`].
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::loss::cross_entropy;
///
/// // The softmax is (¾, ¼).
/// let logits = Tensor::<2>::from_data([[3_f32.ln(), 0.0]], &Device::flex());
/// let loss = cross_entropy(logits, &[1])?;
/// assert!((loss.into_scalar::<f32>() - 4_f32.ln()).abs() < 1e-6);
/// # Ok::<(), longtail::loss::LossError>(())
/// ```
pub fn cross_entropy(logits: Tensor<2>, labels: &[u32]) -> Result<Tensor<1>, LossError> {
    let classes = logits.dims()[1];
    with_bias(logits, labels, vec![0.0; classes])
}

/// Cross entropy of logits with `bias[j]` added to class j.
pub(super) fn with_bias(
    logits: Tensor<2>,
    labels: &[u32],
    bias: Vec<f64>,
) -> Result<Tensor<1>, LossError> {
    let [rows, classes] = logits.dims();
    check_labels(labels, rows, classes)?;
    if bias.len() != classes {
        return Err(LossError::Classes { counts: bias.len(), logits: classes });
    }
    let terms = CrossEntropyTerms { labels: labels.to_vec(), bias, weights: None };
    Ok(longtail_kernels::cross_entropy(logits, terms))
}
