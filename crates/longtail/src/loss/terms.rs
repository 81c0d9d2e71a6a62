//! Terms that several losses are made of.

use burn::tensor::Tensor;
use longtail_kernels::CrossEntropyTerms;

use super::{LossError, log_sum_exp, log_sum_exp::Like};

/// log softmax(f) of every row, `[rows, classes]`.
pub(super) fn log_softmax(logits: Tensor<2>) -> Tensor<2> {
    let bias = Like::new(&logits).row(vec![0.0; logits.dims()[1]]);
    logits.clone() - log_sum_exp(logits, bias)
}

/// `values[y]` in the column of every row's label y, 0 elsewhere: `[rows, classes]`.
pub(super) fn at_labels(labels: &[u32], values: &[f64], like: &Like) -> Tensor<2> {
    let classes = values.len();
    let mut cells = vec![0.0; labels.len() * classes];
    for (row, &label) in labels.iter().enumerate() {
        cells[row * classes + label as usize] = values[label as usize];
    }
    like.tensor(cells, [labels.len(), classes])
}

/// −log softmax(f)_y of every row, `[rows, 1]`.
pub(super) fn cross_entropies(logits: Tensor<2>, labels: &[u32]) -> Tensor<2> {
    let (like, classes) = (Like::new(&logits), logits.dims()[1]);
    let one_hot = at_labels(labels, &vec![1.0; classes], &like);
    let bias = like.row(vec![0.0; classes]);
    log_sum_exp(logits.clone(), bias) - (logits * one_hot).sum_dim(1)
}

/// Σ_i w_{y_i} ℓ_i / Σ_i w_{y_i} of cross entropies ℓ, `[1]`: PyTorch's weighted mean; without weights, the mean.
pub(super) fn weighted_mean_cross_entropy(
    logits: Tensor<2>,
    labels: &[u32],
    class_weights: Option<&[f64]>,
) -> Tensor<1> {
    let [rows, classes] = logits.dims();
    let weights = class_weights.map(|class_weights| {
        let of_rows = || labels.iter().map(|&y| class_weights[y as usize]);
        // The operator divides by the rows.
        let scale = rows as f64 / of_rows().sum::<f64>();
        of_rows().map(|weight| weight * scale).collect()
    });
    let terms = CrossEntropyTerms { labels: labels.to_vec(), bias: vec![0.0; classes], weights };
    longtail_kernels::cross_entropy(logits, terms)
}

/// log(1 + e^x): never overflows, and keeps its gradient σ(x) at 0 and at both ends.
pub(super) fn softplus(x: Tensor<2>) -> Tensor<2> {
    // A maximum or an absolute value inside the graph has a gradient of 0 at 0, where σ is 1/2.
    let max = x.clone().detach().clamp_min(0.0);
    let rest = max.clone().neg().exp().sub_scalar(1.0);
    ((x - max.clone()).exp() + rest).log1p() + max
}

/// Σ_c p_c (log p_c − log q_c), mean over the rows: KL(p‖q) of log-probabilities `[rows, classes]`.
pub(super) fn kl_divergence(log_p: Tensor<2>, log_q: Tensor<2>) -> Tensor<1> {
    (log_p.clone().exp() * (log_p - log_q)).sum_dim(1).mean()
}

/// That there is one positive weight per class.
pub(super) fn check_class_weights(
    class_weights: Option<&[f64]>,
    classes: usize,
) -> Result<(), LossError> {
    let Some(class_weights) = class_weights else { return Ok(()) };
    if class_weights.len() != classes {
        return Err(LossError::ClassWeights { weights: class_weights.len(), classes });
    }
    match class_weights.iter().position(|weight| !(weight.is_finite() && *weight > 0.0)) {
        Some(class) => Err(LossError::ClassWeight { weight: class_weights[class], class }),
        None => Ok(()),
    }
}

/// That `value` lies in `range`, which `must_be` says in words.
pub(super) fn check_parameter(
    name: &'static str,
    value: f64,
    range: impl std::ops::RangeBounds<f64>,
    must_be: &'static str,
) -> Result<(), LossError> {
    if value.is_finite() && range.contains(&value) {
        return Ok(());
    }
    Err(LossError::Parameter { name, value, must_be })
}

/// That two tensors of rows are of one shape.
pub(super) fn check_shape(
    what: &'static str,
    found: [usize; 2],
    expected: [usize; 2],
) -> Result<(), LossError> {
    if found == expected { Ok(()) } else { Err(LossError::Shape { what, found, expected }) }
}

/// That there are as many counts as classes.
pub(super) fn check_classes(counts: usize, logits: usize) -> Result<(), LossError> {
    if counts == logits { Ok(()) } else { Err(LossError::Classes { counts, logits }) }
}

/// That a temperature is a positive number.
pub(super) fn check_temperature(temperature: f64) -> Result<(), LossError> {
    let fits = temperature.is_finite() && temperature > 0.0;
    if fits { Ok(()) } else { Err(LossError::Temperature(temperature)) }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Device, TensorData};

    use super::*;

    fn softplus_of(values: &[f64], dtype: DType) -> (Vec<f64>, Vec<f64>) {
        let device = Device::flex().autodiff();
        let data = TensorData::new(values.to_vec(), [1, values.len()]);
        let x = Tensor::<2>::from_data(data, (&device, dtype)).require_grad();
        let y = softplus(x.clone());
        let mut gradients = y.clone().sum().backward();
        let slopes = x.grad_remove(&mut gradients).unwrap();
        let list = |tensor: Tensor<2>| tensor.into_data().iter::<f64>().collect();
        (list(y), list(slopes))
    }

    #[test]
    fn softplus_is_exact_at_zero_and_at_both_ends() {
        let x = [0.0, 1.5, -1.5, 30.0, -30.0, 700.0, -700.0];
        let (values, slopes) = softplus_of(&x, DType::F64);
        for ((x, value), slope) in x.iter().zip(values).zip(slopes) {
            let expected = x.max(0.0) + (-x.abs()).exp().ln_1p();
            assert!((value - expected).abs() <= 1e-15 * expected, "{x}: {value}");
            let sigmoid = 1.0 / (1.0 + (-x).exp());
            assert!((slope - sigmoid).abs() <= 1e-15 * sigmoid, "{x}: {slope}");
        }
        let (values, slopes) = softplus_of(&[1e3, -1e3, 87.5], DType::F32);
        assert_eq!((values, slopes), (vec![1e3, 0.0, 87.5], vec![1.0, 0.0, 1.0]));
    }
}
