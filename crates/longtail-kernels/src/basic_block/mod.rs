//! Two convolutions with batch norm and a shortcut without parameters: the basic block of a CIFAR
//! ResNet (He et al. 2016 §4.2, "option A").

pub mod composed;

use burn::{
    backend::Dispatch,
    tensor::{DType, Tensor},
};

use self::composed::first_options;
pub use self::composed::{BasicBlockTrain, EvalBlock};
use crate::fused::{FusedOps, are_parameters, can_run};

/// `relu(bn₂(conv₂(relu(bn₁(conv₁(x))))) + shortcut(x))` with the statistics of the batch.
///
/// With stride 1 the shortcut is `x`; with stride 2 it is every second pixel of `x`, from 0 on, with
/// as many zero channels before as after.
///
/// # Shapes
/// - `x`: `[batch, height, width, in]`
/// - weights: `[out, in, 3, 3]` and `[out, out, 3, 3]`; padding is 1
/// - γ and β: `[out]`
pub fn basic_block_train(
    x: Tensor<4>,
    weights: [Tensor<4>; 2],
    gammas: [Tensor<1>; 2],
    betas: [Tensor<1>; 2],
    stride: usize,
    epsilon: f64,
) -> BasicBlockTrain {
    let channels = weights[0].dims()[0];
    let parameters =
        are_parameters(gammas.iter().chain(&betas), channels) && follows(&weights[1], channels);
    if !parameters || !is_fast(&x, &weights[0], stride, epsilon) {
        return composed::basic_block_train(x, weights, gammas, betas, stride, epsilon);
    }
    let [weight1, weight2] = weights.map(Tensor::into_dispatch);
    let [gamma1, gamma2] = gammas.map(Tensor::into_dispatch);
    let [beta1, beta2] = betas.map(Tensor::into_dispatch);
    let x = x.into_dispatch();
    let fused =
        Dispatch::basic_block(x, weight1, gamma1, beta1, weight2, gamma2, beta2, stride, epsilon);
    let statistics =
        |mean, variance| (Tensor::from_dispatch(mean), Tensor::from_dispatch(variance));
    BasicBlockTrain {
        output: Tensor::from_dispatch(fused.output),
        first: statistics(fused.mean1, fused.variance1),
        second: statistics(fused.mean2, fused.variance2),
    }
}

/// As [`basic_block_train`] with running statistics, of blocks one after the other: `stride` is that of the first,
/// the others have 1 and keep the number of channels. No blocks give `x`.
pub fn basic_blocks_eval(
    x: Tensor<4>,
    blocks: Vec<EvalBlock>,
    stride: usize,
    epsilon: f64,
) -> Tensor<4> {
    if x.device().is_autodiff() || !are_fast(&x, &blocks, stride, epsilon) {
        return composed::basic_blocks_eval(x, blocks, stride, epsilon);
    }
    let (mut weights, mut norms) = (Vec::new(), Vec::new());
    for block in blocks {
        weights.extend(block.weights);
        norms.extend(block.norms.into_iter().flatten());
    }
    let weight1 = weights.remove(0).into_dispatch();
    let weights = Tensor::cat(weights, 0).into_dispatch();
    let norms = Tensor::cat(norms, 0).into_dispatch();
    let x = x.into_dispatch();
    Tensor::from_dispatch(Dispatch::basic_blocks_infer(x, weight1, weights, norms, stride, epsilon))
}

/// [`basic_blocks_eval`] of one block.
pub fn basic_block_eval(
    x: Tensor<4>,
    weights: [Tensor<4>; 2],
    norms: [[Tensor<1>; 4]; 2],
    stride: usize,
    epsilon: f64,
) -> Tensor<4> {
    basic_blocks_eval(x, vec![EvalBlock { weights, norms }], stride, epsilon)
}

/// The first block is fast, and the others go on with its channels.
fn are_fast(x: &Tensor<4>, blocks: &[EvalBlock], stride: usize, epsilon: f64) -> bool {
    let Some(first) = blocks.first() else { return false };
    let channels = first.weights[0].dims()[0];
    let later = blocks.iter().flat_map(|block| &block.weights).skip(1);
    let norms = blocks.iter().flat_map(|block| block.norms.iter().flatten());
    is_fast(x, &first.weights[0], stride, epsilon)
        && later.into_iter().all(|weight| follows(weight, channels))
        && are_parameters(norms, channels)
}

/// Whether a weight is that of a convolution from `channels` to as many.
fn follows(weight: &Tensor<4>, channels: usize) -> bool {
    weight.dims() == [channels, channels, 3, 3] && weight.dtype() == DType::F32
}

/// Both convolutions run on the active path, and the shortcut is one that it makes.
fn is_fast(x: &Tensor<4>, weight1: &Tensor<4>, stride: usize, epsilon: f64) -> bool {
    let [out, input, height, width] = weight1.dims();
    let shortcut = match stride {
        1 => out == input,
        2 => out >= input && x.dims()[1].is_multiple_of(2) && x.dims()[2].is_multiple_of(2),
        _ => false,
    };
    shortcut && [height, width] == [3, 3] && can_run(x, weight1, first_options(stride, epsilon))
}
