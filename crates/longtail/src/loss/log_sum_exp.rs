use burn::tensor::{DType, Device, Tensor, TensorData};

pub use longtail_kernels::composed::log_sum_exp;

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
