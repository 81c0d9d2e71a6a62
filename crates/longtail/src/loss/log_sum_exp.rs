use burn::tensor::{DType, Device, Tensor, TensorData};

/// log Σ_k exp(s_ik + b_ik) of every row, the row's maximum taken out first, so that it is finite
/// for any finite scores.
///
/// # Shapes
/// - `scores`: `[rows, columns]`
/// - `bias`: `[rows, columns]` or `[1, columns]`
/// - output: `[rows, 1]`
pub fn log_sum_exp(scores: Tensor<2>, bias: Tensor<2>) -> Tensor<2> {
    let biased = scores + bias;
    let max = biased.clone().detach().max_dim(1);
    (biased - max.clone()).exp().sum_dim(1).log() + max
}

/// Constants of the same kind as the scores they join.
pub(super) struct Like {
    device: Device,
    dtype: DType,
}

impl Like {
    pub(super) fn new(tensor: &Tensor<2>) -> Self {
        Self { device: tensor.device(), dtype: tensor.dtype() }
    }

    /// `values` as `[rows, columns]`.
    pub(super) fn tensor(&self, values: Vec<f64>, shape: [usize; 2]) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values, shape), (&self.device, self.dtype))
    }

    /// One row.
    pub(super) fn row(&self, values: Vec<f64>) -> Tensor<2> {
        let columns = values.len();
        self.tensor(values, [1, columns])
    }
}
