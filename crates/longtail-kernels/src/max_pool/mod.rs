//! Maximum over windows of pixels.

pub mod composed;

use burn::{backend::Dispatch, tensor::Tensor};

use crate::{
    cpu::Path,
    fused::{self, MaxPoolOps},
};

/// The largest of every 3×3 pixels, two apart, as PyTorch's `MaxPool2d(3, 2, 1)`. The first of several has the gradient, in
/// the order of rows and then columns; NaN gives NaN, and of several the last one has the gradient.
///
/// `x`: `[batch, height, width, channels]`; gives `[batch, ⌈height/2⌉, ⌈width/2⌉, channels]` of the same type.
///
/// # Cost
/// On the CPU in f32 and bf16, with channels that fill vectors, a byte for every output is kept for the way back;
/// elsewhere a copy of `x` and an integer for every output.
pub fn max_pool(x: Tensor<4>) -> Tensor<4> {
    if max_pool_path(&x) == Path::Composed {
        return composed::max_pool(x);
    }
    Tensor::from_dispatch(Dispatch::max_pool(x.into_dispatch()))
}

/// Which implementation [`max_pool`] runs on such a tensor: Burn's own operators, or one operator on a path of the CPU. They
/// give the same bits.
pub fn max_pool_path(x: &Tensor<4>) -> Path {
    fused::max_pool_path(x)
}
