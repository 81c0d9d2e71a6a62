//! Convolution, batch norm, residual and ReLU as one operator.

pub mod composed;

use burn::{backend::Dispatch, tensor::Tensor};

pub use self::composed::ConvBnTrain;
use crate::{
    fused::{FusedOps, are_parameters, can_run},
    options::ConvBnOptions,
};

/// `relu(batch_norm(conv(x, weight)) + residual)` with the statistics of the batch.
///
/// # Shapes
/// - `x`: `[batch, height, width, in]`
/// - `weight`: `[out, in / groups, kernel_height, kernel_width]`
/// - `gamma`, `beta`: `[out]`
/// - `residual`: the output's shape
pub fn conv_bn_train(
    x: Tensor<4>,
    weight: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    residual: Option<Tensor<4>>,
    options: ConvBnOptions,
) -> ConvBnTrain {
    let parameters = are_parameters([&gamma, &beta], weight.dims()[0]);
    if !parameters || !same_type(&x, residual.as_ref()) || !can_run(&x, &weight, options) {
        return composed::conv_bn_train(x, weight, gamma, beta, residual, options);
    }
    let has_residual = residual.is_some();
    // What stands in for no residual is not looked at.
    let residual = residual.unwrap_or_else(|| x.clone().detach()).into_dispatch();
    let fused = Dispatch::conv_bn(
        x.into_dispatch(),
        weight.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        residual,
        has_residual,
        options,
    );
    ConvBnTrain {
        output: Tensor::from_dispatch(fused.output),
        mean: Tensor::from_dispatch(fused.mean),
        variance: Tensor::from_dispatch(fused.variance),
    }
}

/// `relu(batch_norm(conv(x, weight)) + residual)` with running statistics; shapes as in
/// [`conv_bn_train`], `mean` and `variance`: `[out]`.
#[allow(clippy::too_many_arguments)]
pub fn conv_bn_eval(
    x: Tensor<4>,
    weight: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    mean: Tensor<1>,
    variance: Tensor<1>,
    residual: Option<Tensor<4>>,
    options: ConvBnOptions,
) -> Tensor<4> {
    let parameters = are_parameters([&gamma, &beta, &mean, &variance], weight.dims()[0]);
    let fits = parameters && same_type(&x, residual.as_ref()) && can_run(&x, &weight, options);
    if x.device().is_autodiff() || !fits {
        return composed::conv_bn_eval(x, weight, gamma, beta, mean, variance, residual, options);
    }
    let has_residual = residual.is_some();
    let residual = residual.unwrap_or_else(|| x.clone());
    Tensor::from_dispatch(Dispatch::conv_bn_infer(
        x.into_dispatch(),
        weight.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        mean.into_dispatch(),
        variance.into_dispatch(),
        residual.into_dispatch(),
        has_residual,
        options,
    ))
}

fn same_type(x: &Tensor<4>, residual: Option<&Tensor<4>>) -> bool {
    residual.is_none_or(|residual| residual.dtype() == x.dtype())
}
