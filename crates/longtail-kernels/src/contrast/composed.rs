//! The loss as a composition of Burn's own operators: any backend, and the reference for the fast
//! ones.

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::{
    contrast_terms::ContrastTerms, cross_entropy::composed::log_sum_exp as log_sum_exp_of,
};

/// Stands for −∞ where a column does not count. Finite, so that a row without any column gives 0
/// times a number and not NaN.
const EXCLUDED: f64 = -1e30;

/// See [`super::contrast`].
///
/// # Cost
/// O(N·(N + C)·D) time and O(N·(N + C)) memory for N anchors and C prototypes of D features.
pub fn contrast(z: Tensor<2>, prototypes: Option<Tensor<2>>, terms: ContrastTerms) -> Tensor<1> {
    terms.check(&z, prototypes.as_ref());
    let like = Like { device: z.device(), dtype: z.dtype() };
    let contrasts = match prototypes {
        Some(prototypes) => Tensor::cat(vec![z.clone(), prototypes], 0),
        None => z.clone(),
    };
    let (bias, positive) = masks(&terms, &like);
    let positives = terms.positives().into_iter().map(f64::from).collect();
    let ContrastTerms { temperature, prior, inverse_norm, factors, .. } = terms;
    let (anchors, contrasts) = match factors {
        Some(f) => (z * like.column(f.anchors), contrasts * like.column(f.contrasts)),
        None => (z, contrasts),
    };
    // Burn 0.22.1 rounds the divisor of `div_scalar` to f32 in its backward pass.
    let similarity = anchors.matmul(contrasts.transpose()).mul_scalar(1.0 / temperature);
    let log_z = log_sum_exp(similarity.clone(), bias);
    let attraction = (similarity * positive).sum_dim(1);
    let repulsion = (log_z - like.column(prior)) * like.column(positives);
    ((repulsion - attraction) * like.column(inverse_norm)).mean()
}

/// log Σ_k exp(s_ik + b_ik) of every row, the row's maximum taken out first, so that it is finite
/// for any finite scores.
///
/// # Shapes
/// - `scores`: `[rows, columns]`
/// - `bias`: `[rows, columns]` or `[1, columns]`
/// - output: `[rows, 1]`
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail_kernels::composed::log_sum_exp;
///
/// let [scores, bias] =
///     [[0.0, 0.0], [0.0, 3_f32.ln()]].map(|row| Tensor::<2>::from_data([row], &Device::flex()));
/// // log(1 + 3)
/// assert!((log_sum_exp(scores, bias).into_scalar::<f32>() - 4_f32.ln()).abs() < 1e-6);
/// ```
pub fn log_sum_exp(scores: Tensor<2>, bias: Tensor<2>) -> Tensor<2> {
    log_sum_exp_of(scores + bias)
}

/// The bias of every cell, and 1 at every positive.
fn masks(terms: &ContrastTerms, like: &Like) -> (Tensor<2>, Tensor<2>) {
    let (rows, columns) = (terms.anchors(), terms.labels.len());
    let mut bias = Vec::with_capacity(rows * columns);
    let mut positive = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        for column in 0..columns {
            let own = terms.labels[row] == terms.labels[column];
            let is_self = row == column;
            bias.push(match own {
                _ if is_self && !terms.include_self => EXCLUDED,
                true => terms.bias_own[column],
                false => terms.bias_other[column],
            });
            positive.push(f64::from(own && !is_self));
        }
    }
    (like.tensor(bias, [rows, columns]), like.tensor(positive, [rows, columns]))
}

/// Constants of the same kind as the vectors.
struct Like {
    device: Device,
    dtype: DType,
}

impl Like {
    fn tensor(&self, values: Vec<f64>, shape: [usize; 2]) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values, shape), (&self.device, self.dtype))
    }

    fn column(&self, values: Vec<f64>) -> Tensor<2> {
        let rows = values.len();
        self.tensor(values, [rows, 1])
    }
}
