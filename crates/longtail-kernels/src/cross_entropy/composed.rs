//! The loss as a composition of Burn's own operators: any backend, and the reference for the fast one.

use burn::tensor::{Int, Tensor, TensorData};

use crate::cross_entropy_terms::CrossEntropyTerms;

/// See [`super::cross_entropy`].
pub fn cross_entropy(logits: Tensor<2>, terms: CrossEntropyTerms) -> Tensor<1> {
    terms.check(&logits);
    let [rows, classes] = logits.dims();
    let (device, dtype) = (logits.device(), logits.dtype());
    let constant = |values: Vec<f64>, shape: [usize; 2]| {
        Tensor::<2>::from_data(TensorData::new(values, shape), (&device, dtype))
    };
    let labels: Vec<i64> = terms.labels.into_iter().map(i64::from).collect();
    let labels = Tensor::<2, Int>::from_data(TensorData::new(labels, [rows, 1]), &device);
    let biased = logits + constant(terms.bias, [1, classes]);
    let losses = log_sum_exp(biased.clone()) - biased.gather(1, labels);
    match terms.weights {
        Some(weights) => losses * constant(weights, [rows, 1]),
        None => losses,
    }
    .mean()
}

/// log Σ_j exp(s_ij) of every row, `[rows, 1]`, the row's maximum taken out first, so that it is finite for any finite
/// scores.
pub(crate) fn log_sum_exp(scores: Tensor<2>) -> Tensor<2> {
    let max = scores.clone().detach().max_dim(1);
    (scores - max.clone()).exp().sum_dim(1).log() + max
}
