use burn::tensor::{DType, Device, Tensor};

use crate::{
    cpu::{Path, Plan, Shape, can_group},
    options::ConvBnOptions,
};

/// How a convolution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// By the active path's kernels with a quarter of the multiplications: F(4×4, 3×3).
    Winograd,
    /// By the active path's kernels as it is defined.
    Direct,
    /// By the active path's kernels for few channels to a group.
    Grouped,
    /// By Burn's own operators.
    Composed,
}

/// How the operators compute a convolution of `x`, `[batch, height, width, in]`, by `weight`,
/// `[out, in / groups, kernel height, kernel width]`, on the active path.
pub fn algorithm(x: &Tensor<4>, weight: &Tensor<4>, options: ConvBnOptions) -> Algorithm {
    let shape = Shape::of(x.dims(), weight.dims(), options.stride, options.padding);
    let types = matches!(x.dtype(), DType::F32 | DType::BF16) && weight.dtype() == DType::F32;
    match (Path::active().lanes(), shape) {
        (Some(lanes), Some(shape))
            if shape.groups == options.groups
                && (shape.groups == 1 || can_group(&shape, lanes))
                && shape.output.is_multiple_of(lanes)
                && types
                && x.device() == Device::flex() =>
        {
            if shape.groups > 1 {
                Algorithm::Grouped
            } else if Plan::fits(&shape, lanes) {
                Algorithm::Winograd
            } else {
                Algorithm::Direct
            }
        }
        _ => Algorithm::Composed,
    }
}

/// Whether a convolution of `x` by `weight` can run on the active path.
pub(crate) fn can_run(x: &Tensor<4>, weight: &Tensor<4>, options: ConvBnOptions) -> bool {
    algorithm(x, weight, options) != Algorithm::Composed
}

/// Whether parameters are of the type and length that the kernels read.
pub(crate) fn are_parameters<'a>(
    parameters: impl IntoIterator<Item = &'a Tensor<1>>,
    channels: usize,
) -> bool {
    parameters.into_iter().all(|p| p.dtype() == DType::F32 && p.dims() == [channels])
}
