use burn::tensor::Tensor;

use super::{
    LossError, check_labels,
    terms::{check_class_weights, weighted_mean_cross_entropy},
};

/// Cross entropy with a weight per class, Σ_i w_{y_i} ℓ_i / Σ_i w_{y_i} over the batch, as PyTorch's
/// `cross_entropy(weight = w)` has it. With the weights of [`class_balanced_weights`] this is the re-weighting of
/// Cao et al. (2019), "deferred" (DRW) if it starts at a later epoch: β = 0.9999 from epoch 160 of 200 in their code.
///
/// Cui et al. (2019) instead divide by the number of rows, so that a batch of rare classes weighs more.
///
/// # Shapes
/// - `logits`: `[rows, classes]`; `labels`: one per row; `class_weights`: one per class
/// - output: `[1]`
///
/// # Errors
/// [`LossError::Rows`], [`LossError::NoRows`], [`LossError::Label`], [`LossError::ClassWeights`],
/// [`LossError::ClassWeight`].
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::loss::weighted_cross_entropy;
///
/// let logits = Tensor::<2>::from_data([[0.0, 0.0], [1e3, 0.0]], &Device::flex());
/// let loss = weighted_cross_entropy(logits, &[1, 0], &[1.0, 3.0])?;
/// // Row 0 has the loss log 2 and three quarters of the weight, row 1 has the loss 0.
/// assert!((loss.into_scalar::<f32>() - 0.75 * 2_f32.ln()).abs() < 1e-6);
/// # Ok::<(), longtail::loss::LossError>(())
/// ```
///
/// [`class_balanced_weights`]: super::ClassCounts::class_balanced_weights
pub fn weighted_cross_entropy(
    logits: Tensor<2>,
    labels: &[u32],
    class_weights: &[f64],
) -> Result<Tensor<1>, LossError> {
    let [rows, classes] = logits.dims();
    check_labels(labels, rows, classes)?;
    check_class_weights(Some(class_weights), classes)?;
    Ok(weighted_mean_cross_entropy(logits, labels, Some(class_weights)))
}
