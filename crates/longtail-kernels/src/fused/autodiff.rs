//! The operators as nodes of Burn's autodiff graph.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use burn::backend::{
    Autodiff, Backend, TensorMetadata,
    autodiff::{
        NodeId,
        checkpoint::{
            base::Checkpointer,
            retro_forward::RetroForward,
            state::BackwardStates,
            strategy::{BalancedCheckpointing, CheckpointStrategy},
        },
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};

use super::ops::{BasicBlockOutput, ConvBnOutput, FusedBackward, FusedOps, SavedBlock, SavedLayer};
use crate::{cpu::Sums, options::ConvBnOptions};

type Tensor<B, C> = FloatTensor<Autodiff<B, C>>;

/// Sums of a gradient that were made while it was: handed from an activation to its convolution, on the way back.
type HandedSums = Arc<Mutex<Option<Sums>>>;

fn handed(sums: &HandedSums) -> MutexGuard<'_, Option<Sums>> {
    // A thread that panicked has left it whole.
    sums.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The convolution and its batch norm. Parents: x, weight, γ, β.
#[derive(Debug)]
struct ConvBnBackward;

#[derive(Debug, Clone)]
struct SavedConvBn<B: Backend> {
    x: NodeId,
    weight: FloatTensor<B>,
    layer: SavedLayer<B>,
    sums: HandedSums,
    options: ConvBnOptions,
}

impl<B: FusedBackward> Backward<B, 4> for ConvBnBackward {
    type State = SavedConvBn<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let parents = ops.parents.map(|node| node.map(|node| node.id));
        let grad = grads.consume::<B>(&ops.node);
        let SavedConvBn { x, weight, layer, sums, options } = ops.state;
        let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(x);
        let (sums, wants_input) = (handed(&sums).take(), parents[0].is_some());
        let gradients = B::conv_bn_backward(x, weight, layer, grad, sums, wants_input, options);
        let gradients =
            [gradients.x, Some(gradients.weight), Some(gradients.gamma), Some(gradients.beta)];
        for (parent, gradient) in parents.into_iter().zip(gradients) {
            if let (Some(id), Some(gradient)) = (parent, gradient) {
                grads.register::<B>(id, gradient);
            }
        }
    }
}

/// What follows a batch norm. Parents: its layer; with `N` = 2 the residual.
#[derive(Debug)]
struct ActivationBackward<const N: usize>;

#[derive(Debug, Clone)]
struct SavedActivation<B: Backend> {
    layer: SavedLayer<B>,
    /// The residual, if the ReLU's mask needs it.
    residual: Option<NodeId>,
    sums: HandedSums,
    relu: bool,
}

impl<B: FusedBackward, const N: usize> Backward<B, N> for ActivationBackward<N> {
    type State = SavedActivation<B>;

    fn backward(
        self,
        ops: Ops<Self::State, N>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let SavedActivation { layer, residual, sums, relu } = ops.state;
        let residual = residual.map(|id| checkpointer.retrieve_node_output::<FloatTensor<B>>(id));
        let (grad, made) = B::activation_backward(layer, residual, grad, relu);
        *handed(&sums) = Some(made);
        for parent in ops.parents.into_iter().flatten() {
            grads.register::<B>(parent.id, grad.clone());
        }
    }
}

/// Makes an activation again.
#[derive(Debug)]
struct ActivationAgain<B: Backend> {
    layer: SavedLayer<B>,
    /// The node of the convolution, where that is one of its own.
    y: Option<NodeId>,
    residual: Option<NodeId>,
    relu: bool,
}

impl<B: FusedBackward> RetroForward for ActivationAgain<B> {
    fn forward(&self, states: &mut BackwardStates, out_node: NodeId) {
        // The convolution too is asked for: it is held until it has been as often as it is a parent.
        let [_, residual] = [self.y, self.residual]
            .map(|node| node.map(|node| states.get_state::<FloatTensor<B>>(&node)));
        let output = B::activation_again(self.layer.clone(), residual, self.relu);
        states.save(out_node, output);
    }
}

/// Bytes from which on a block's output is made again. Streaming through one costs a step of a small network more than its
/// memory is worth where that is little.
static MADE_AGAIN: AtomicUsize = AtomicUsize::new(16 << 20);

/// Outputs of [`crate::basic_block_train`] of so many bytes and more are made again on the way back, where stride is 1, and
/// smaller ones kept: 16 MiB and more unless this says otherwise, for the whole process. What is computed is the same. Gives
/// what was said before.
///
/// ```
/// // The least memory.
/// assert_eq!(longtail_kernels::make_again_from(0), 16 << 20);
/// ```
pub fn make_again_from(bytes: usize) -> usize {
    MADE_AGAIN.swap(bytes, Ordering::Relaxed)
}

fn is_made_again(output: &impl TensorMetadata) -> bool {
    let bytes = output.shape().num_elements() * output.dtype().size();
    bytes >= MADE_AGAIN.load(Ordering::Relaxed)
}

/// Parents: x, then weight, γ, β of the first layer and of the second.
#[derive(Debug)]
struct BasicBlockBackward;

impl<B: FusedBackward> Backward<B, 7> for BasicBlockBackward {
    type State = (NodeId, SavedBlock<B>);

    fn backward(
        self,
        ops: Ops<Self::State, 7>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [x, parameters @ ..] = ops.parents.map(|node| node.map(|node| node.id));
        let grad = grads.consume::<B>(&ops.node);
        let (kept, saved) = ops.state;
        let input = checkpointer.retrieve_node_output::<FloatTensor<B>>(kept);
        let (d_x, gradients) = B::basic_block_backward(input, saved, grad, x.is_some());
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

/// The node of an activation; `inputs` are its parents.
fn activation<B: FusedBackward, C: CheckpointStrategy, const N: usize>(
    inputs: [Tensor<B, C>; N],
    output: FloatTensor<B>,
    mut saved: SavedActivation<B>,
) -> Tensor<B, C> {
    let nodes = inputs.each_ref().map(|tensor| tensor.node());
    let [y, residual] = [0, 1].map(|parent| inputs.get(parent).map(|tensor| tensor.id()));
    let again = ActivationAgain { layer: saved.layer.clone(), y, residual, relu: saved.relu };
    let prepared = ActivationBackward::<N>.prepare::<BalancedCheckpointing>(nodes);
    let prepared = prepared.memory_bound().retro_forward(again).parents(&inputs);
    match prepared.stateful() {
        OpsKind::Tracked(mut prepared) => {
            let residual = inputs.get(1).filter(|_| saved.relu);
            saved.residual = residual.map(|residual| prepared.checkpoint(residual));
            prepared.finish(saved, output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    }
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
        let inputs = [x, weight, gamma, beta];
        let nodes = inputs.each_ref().map(|tensor| tensor.node());
        let [x, weight, gamma, beta] = inputs.each_ref().map(|tensor| tensor.primitive().clone());
        let other = residual.primitive().clone();
        let made = B::conv_bn(
            x,
            weight.clone(),
            gamma.clone(),
            beta.clone(),
            other,
            has_residual,
            options,
        );
        let (y, mean, variance) = (made.y.clone(), made.mean.clone(), made.variance.clone());
        let layer = SavedLayer { y, gamma, beta, mean, variance, epsilon: options.epsilon };
        let sums = HandedSums::default();
        let y = match ConvBnBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prepared) => {
                let x = prepared.checkpoint(&inputs[0]);
                let (layer, sums) = (layer.clone(), sums.clone());
                prepared.finish(SavedConvBn { x, weight, layer, sums, options }, made.y.clone())
            }
            OpsKind::UnTracked(prepared) => prepared.finish(made.y.clone()),
        };
        let saved = SavedActivation { layer, residual: None, sums, relu: options.relu };
        let output = match has_residual {
            true => activation::<B, C, 2>([y, residual], made.output, saved),
            false => activation::<B, C, 1>([y], made.output, saved),
        };
        ConvBnOutput {
            output,
            y: constant::<B, C>(made.y),
            mean: constant::<B, C>(made.mean),
            variance: constant::<B, C>(made.variance),
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
        let inputs = [x, weight1, gamma1, beta1, weight2, gamma2, beta2];
        let nodes = inputs.each_ref().map(|tensor| tensor.node());
        let [input, weight1, gamma1, beta1, weight2, gamma2, beta2] =
            inputs.each_ref().map(|tensor| tensor.primitive().clone());
        let kept = B::basic_block(
            input,
            weight1.clone(),
            gamma1.clone(),
            beta1.clone(),
            weight2.clone(),
            gamma2.clone(),
            beta2.clone(),
            stride,
            epsilon,
        );
        let layers = {
            let kept = kept.clone();
            let layer = |y, gamma, beta, mean, variance| SavedLayer {
                y,
                gamma,
                beta,
                mean,
                variance,
                epsilon,
            };
            [
                layer(kept.y1, gamma1, beta1, kept.mean1, kept.variance1),
                layer(kept.y2, gamma2, beta2, kept.mean2, kept.variance2),
            ]
        };
        let prepared = BasicBlockBackward.prepare::<BalancedCheckpointing>(nodes);
        // What is made again asks for the block's input: the outputs of a stage are, back to the last one that is kept.
        let (prepared, output) = if stride == 1 && is_made_again(&kept.output) {
            let layer = layers[1].clone();
            let again =
                ActivationAgain { layer, y: None, residual: Some(inputs[0].id()), relu: true };
            (prepared.memory_bound().retro_forward(again).parents(&inputs), None)
        } else {
            (prepared.compute_bound(), Some(kept.output.clone()))
        };
        let output = match prepared.stateful() {
            OpsKind::Tracked(mut prepared) => {
                let x = prepared.checkpoint(&inputs[0]);
                let weights = [weight1, weight2];
                let saved = SavedBlock { weights, layers, stride, output };
                prepared.finish((x, saved), kept.output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(kept.output),
        };
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
