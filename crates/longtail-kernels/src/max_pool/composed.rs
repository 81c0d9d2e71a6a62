//! The operator as a composition of Burn's own: any backend, and the reference for the fast one.

use burn::tensor::{DType, Tensor, module::max_pool2d, ops::MaxPoolOptions};

/// See [`super::max_pool`].
pub fn max_pool(x: Tensor<4>) -> Tensor<4> {
    let stored = x.dtype();
    let options = MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1]);
    let is_low = matches!(stored, DType::BF16 | DType::F16);
    let x = x.permute([0, 3, 1, 2]);
    let x = if is_low { x.cast(DType::F32) } else { x };
    let pooled = max_pool2d(x, options).permute([0, 2, 3, 1]);
    if is_low { pooled.cast(stored) } else { pooled }
}
