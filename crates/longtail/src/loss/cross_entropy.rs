use burn::tensor::Tensor;

use super::{LossError, check_labels, log_sum_exp, log_sum_exp::Like};

/// Cross entropy −log softmax(f(x))_y, mean over the batch.
///
/// # Shapes
/// - `logits`: `[rows, classes]`; `labels`: one per row
/// - output: `[1]`
///
/// # Errors
/// [`LossError::Rows`], [`LossError::Label`].
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
    let like = Like::new(&logits);
    let mut target = vec![0.0; rows * classes];
    for (row, &label) in labels.iter().enumerate() {
        target[row * classes + label as usize] = 1.0;
    }
    let bias = like.row(bias);
    let of_label = (logits.clone() + bias.clone()) * like.tensor(target, [rows, classes]);
    Ok((log_sum_exp(logits, bias) - of_label.sum_dim(1)).mean())
}
