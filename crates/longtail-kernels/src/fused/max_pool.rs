//! The maximum over windows through Burn's backend extension.

use burn::{
    backend::{
        Autodiff, Backend, Flex, TensorMetadata,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind},
        },
        backend_extension,
        flex::FlexTensor,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::{DType, Device, Tensor},
};

use super::flex::{Values, dims, pooled, pooled_bytes, with_types};
use crate::cpu::{Path, PoolShape, largest, largest_backward};

/// The operator, forward.
#[backend_extension(Autodiff, Flex)]
pub trait MaxPoolOps: Backend {
    /// See [`crate::max_pool`].
    fn max_pool(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The operator and its way back, on a backend without autodiff.
trait MaxPoolBackwardOps: MaxPoolOps {
    /// The maxima, and which of its window's nine each of them is.
    fn max_pool_kept(x: FloatTensor<Self>) -> (FloatTensor<Self>, IntTensor<Self>);

    /// The gradient of an input of these sizes.
    fn max_pool_backward(
        taps: IntTensor<Self>,
        grad: FloatTensor<Self>,
        input: [usize; 4],
    ) -> FloatTensor<Self>;
}

/// What runs the pooling of such a tensor.
pub(crate) fn path(x: &Tensor<4>) -> Path {
    let (active, dims) = (Path::active(), x.dims());
    let types = matches!(x.dtype(), DType::F32 | DType::BF16) && x.device() == Device::flex();
    let whole = active.lanes().is_some_and(|lanes| dims[3].is_multiple_of(lanes));
    if types && whole && dims.iter().all(|&size| size > 0) { active } else { Path::Composed }
}

impl MaxPoolOps for Flex {
    fn max_pool(x: FlexTensor) -> FlexTensor {
        let shape = PoolShape(dims(&x));
        let x = Values::of(&x);
        with_types!(x.0, K, E => {
            pooled(largest::<K, E>(x.get(), shape, None), shape.output())
        })
    }
}

impl MaxPoolBackwardOps for Flex {
    fn max_pool_kept(x: FlexTensor) -> (FlexTensor, FlexTensor) {
        let shape = PoolShape(dims(&x));
        let x = Values::of(&x);
        let mut taps = shape.taps();
        with_types!(x.0, K, E => {
            let output = largest::<K, E>(x.get(), shape, Some(shape.bytes_mut(&mut taps)));
            (pooled(output, shape.output()), pooled_bytes(taps, shape.output()))
        })
    }

    fn max_pool_backward(taps: FlexTensor, grad: FlexTensor, input: [usize; 4]) -> FlexTensor {
        let grad = Values::of(&grad);
        let taps = taps.as_slice().expect("the taps are bytes");
        with_types!(grad.0, K, E => {
            pooled(largest_backward::<K, E>(taps, grad.get(), PoolShape(input)), input)
        })
    }
}

/// Parent: x.
#[derive(Debug)]
struct MaxPoolBackward;

impl<B: MaxPoolBackwardOps> Backward<B, 1> for MaxPoolBackward {
    type State = (IntTensor<B>, [usize; 4]);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let ([parent], (taps, input)) = (ops.parents, ops.state);
        if let Some(parent) = parent {
            grads.register::<B>(parent.id, B::max_pool_backward(taps, grad, input));
        }
    }
}

impl<B: MaxPoolBackwardOps, C: CheckpointStrategy> MaxPoolOps for Autodiff<B, C> {
    fn max_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        match MaxPoolBackward.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let input = x.shape().dims();
                let (output, taps) = B::max_pool_kept(x);
                prep.finish((taps, input), output)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::max_pool(x)),
        }
    }
}
