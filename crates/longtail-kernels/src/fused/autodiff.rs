//! The operators as nodes of Burn's autodiff graph.

use burn::backend::{
    Autodiff, Backend,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};

use super::ops::{
    BasicBlockOutput, ConvBnOutput, FusedBackward, FusedOps, SavedBlock, SavedConvBn, Wanted,
};
use crate::options::ConvBnOptions;

type Tensor<B, C> = FloatTensor<Autodiff<B, C>>;

/// `N` is 4 without a residual, 5 with one: x, weight, γ, β, residual.
#[derive(Debug)]
struct ConvBnBackward<const N: usize>;

impl<B: FusedBackward, const N: usize> Backward<B, N> for ConvBnBackward<N> {
    type State = (SavedConvBn<B>, ConvBnOptions);

    fn backward(
        self,
        ops: Ops<Self::State, N>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let parents = ops.parents.map(|node| node.map(|node| node.id));
        let grad = grads.consume::<B>(&ops.node);
        let (saved, options) = ops.state;
        let residual = parents.get(4).copied().flatten();
        let wanted = Wanted { input: parents[0].is_some(), residual: residual.is_some() };
        let gradients = B::conv_bn_backward(saved, grad, wanted, options);
        let all = [
            (parents[0], gradients.x),
            (parents[1], Some(gradients.weight)),
            (parents[2], Some(gradients.gamma)),
            (parents[3], Some(gradients.beta)),
            (residual, gradients.residual),
        ];
        for (parent, gradient) in all {
            if let (Some(id), Some(gradient)) = (parent, gradient) {
                grads.register::<B>(id, gradient);
            }
        }
    }
}

/// Parents: x, then weight, γ, β of the first layer and of the second.
#[derive(Debug)]
struct BasicBlockBackward;

impl<B: FusedBackward> Backward<B, 7> for BasicBlockBackward {
    type State = (SavedBlock<B>, usize, f64);

    fn backward(
        self,
        ops: Ops<Self::State, 7>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [x, parameters @ ..] = ops.parents.map(|node| node.map(|node| node.id));
        let grad = grads.consume::<B>(&ops.node);
        let (saved, stride, epsilon) = ops.state;
        let (d_x, gradients) = B::basic_block_backward(saved, grad, x.is_some(), stride, epsilon);
        if let (Some(id), Some(d_x)) = (x, d_x) {
            grads.register::<B>(id, d_x);
        }
        for (parent, gradient) in parameters.into_iter().zip(gradients) {
            if let Some(id) = parent {
                grads.register::<B>(id, gradient);
            }
        }
    }
}

/// A result that no gradient flows through.
fn constant<B: Backend, C: CheckpointStrategy>(value: B::FloatTensorPrimitive) -> Tensor<B, C> {
    <Tensor<B, C>>::new(value)
}

macro_rules! track {
    ($node:expr, $parents:expr, $output:expr, $state:expr) => {
        match $node.prepare::<C>($parents).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish($state, $output),
            OpsKind::UnTracked(prep) => prep.finish($output),
        }
    };
}

impl<B: FusedBackward, C: CheckpointStrategy> FusedOps for Autodiff<B, C> {
    fn conv_bn(
        x: Tensor<B, C>,
        weight: Tensor<B, C>,
        gamma: Tensor<B, C>,
        beta: Tensor<B, C>,
        residual: Tensor<B, C>,
        has_residual: bool,
        options: ConvBnOptions,
    ) -> ConvBnOutput<Self> {
        let ((x, x_node), (weight, weight_node)) = (x.into_parts(), weight.into_parts());
        let ((gamma, gamma_node), (beta, beta_node)) = (gamma.into_parts(), beta.into_parts());
        let (residual, residual_node) = residual.into_parts();
        let forward = B::conv_bn(
            x.clone(),
            weight.clone(),
            gamma.clone(),
            beta,
            residual,
            has_residual,
            options,
        );
        let output = forward.output.clone();
        let (y, mean, variance) =
            (forward.y.clone(), forward.mean.clone(), forward.variance.clone());
        let saved = (SavedConvBn { x, weight, gamma, forward }, options);
        let nodes = [x_node, weight_node, gamma_node, beta_node];
        let output = if has_residual {
            let [x, weight, gamma, beta] = nodes;
            let nodes = [x, weight, gamma, beta, residual_node];
            track!(ConvBnBackward::<5>, nodes, output, saved)
        } else {
            track!(ConvBnBackward::<4>, nodes, output, saved)
        };
        ConvBnOutput {
            output,
            y: constant::<B, C>(y),
            mean: constant::<B, C>(mean),
            variance: constant::<B, C>(variance),
        }
    }

    fn conv_bn_infer(
        x: Tensor<B, C>,
        weight: Tensor<B, C>,
        gamma: Tensor<B, C>,
        beta: Tensor<B, C>,
        mean: Tensor<B, C>,
        variance: Tensor<B, C>,
        residual: Tensor<B, C>,
        has_residual: bool,
        options: ConvBnOptions,
    ) -> Tensor<B, C> {
        constant::<B, C>(B::conv_bn_infer(
            x.into_primitive(),
            weight.into_primitive(),
            gamma.into_primitive(),
            beta.into_primitive(),
            mean.into_primitive(),
            variance.into_primitive(),
            residual.into_primitive(),
            has_residual,
            options,
        ))
    }

    fn basic_block(
        x: Tensor<B, C>,
        weight1: Tensor<B, C>,
        gamma1: Tensor<B, C>,
        beta1: Tensor<B, C>,
        weight2: Tensor<B, C>,
        gamma2: Tensor<B, C>,
        beta2: Tensor<B, C>,
        stride: usize,
        epsilon: f64,
    ) -> BasicBlockOutput<Self> {
        let [
            (x, x_node),
            (weight1, weight1_node),
            (gamma1, gamma1_node),
            (beta1, beta1_node),
            (weight2, weight2_node),
            (gamma2, gamma2_node),
            (beta2, beta2_node),
        ] = [x, weight1, gamma1, beta1, weight2, gamma2, beta2].map(|t| t.into_parts());
        let nodes =
            [x_node, weight1_node, gamma1_node, beta1_node, weight2_node, gamma2_node, beta2_node];
        let forward = B::basic_block(
            x.clone(),
            weight1.clone(),
            gamma1.clone(),
            beta1.clone(),
            weight2.clone(),
            gamma2.clone(),
            beta2.clone(),
            stride,
            epsilon,
        );
        let kept = forward.clone();
        let saved = SavedBlock {
            x,
            weights: [weight1, weight2],
            gammas: [gamma1, gamma2],
            betas: [beta1, beta2],
            forward,
        };
        let output = track!(BasicBlockBackward, nodes, kept.output, (saved, stride, epsilon));
        BasicBlockOutput {
            output,
            y1: constant::<B, C>(kept.y1),
            mean1: constant::<B, C>(kept.mean1),
            variance1: constant::<B, C>(kept.variance1),
            y2: constant::<B, C>(kept.y2),
            mean2: constant::<B, C>(kept.mean2),
            variance2: constant::<B, C>(kept.variance2),
        }
    }

    fn basic_blocks_infer(
        x: Tensor<B, C>,
        weight1: Tensor<B, C>,
        weights: Tensor<B, C>,
        norms: Tensor<B, C>,
        stride: usize,
        epsilon: f64,
    ) -> Tensor<B, C> {
        constant::<B, C>(B::basic_blocks_infer(
            x.into_primitive(),
            weight1.into_primitive(),
            weights.into_primitive(),
            norms.into_primitive(),
            stride,
            epsilon,
        ))
    }
}
