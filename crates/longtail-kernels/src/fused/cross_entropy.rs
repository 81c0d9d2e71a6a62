//! Softmax cross entropy through Burn's backend extension. What has one value to a row is computed by Burn's own
//! operators, in the order of [`crate::composed::cross_entropy`] and of its way back, and so are the rows' sums: the
//! bits are those of that composition.

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
        ops::FloatTensorOps,
        tensor::FloatTensor,
    },
    tensor::{DType, Device, Scalar, Tensor, TensorData},
};
use rayon::prelude::*;

use super::flex::{owned, pooled};
use crate::{
    cpu::{self, Path},
    cross_entropy_terms::CrossEntropyTerms,
};

/// Rows that are summed by one task.
const ROWS_OF_SUM: usize = 16;

/// The operator, forward.
#[backend_extension(Autodiff, Flex)]
pub trait CrossEntropyOps: Backend {
    /// See [`crate::cross_entropy`].
    fn cross_entropy(logits: FloatTensor<Self>, terms: CrossEntropyTerms) -> FloatTensor<Self>;
}

/// The operator and its way back, on a backend without autodiff.
trait CrossEntropyBackwardOps: CrossEntropyOps {
    fn cross_entropy_kept(logits: FloatTensor<Self>, terms: &CrossEntropyTerms) -> Kept<Self>;

    /// The gradient by the logits, made of what was kept.
    fn cross_entropy_backward(
        kept: Kept<Self>,
        grad: FloatTensor<Self>,
        terms: &CrossEntropyTerms,
    ) -> FloatTensor<Self>;
}

/// The loss and what its way back needs.
#[derive(Debug, Clone)]
struct Kept<B: Backend> {
    /// `[1]`.
    loss: FloatTensor<B>,
    /// e^{f_ij + b_j − max_i}, `[rows, classes]`.
    powers: FloatTensor<B>,
    /// Of every row, `[rows, 1]`.
    sums: FloatTensor<B>,
}

/// What runs the loss of such logits.
pub(crate) fn path(logits: &Tensor<2>) -> Path {
    let [rows, classes] = logits.dims();
    let fits = logits.dtype() == DType::F32 && logits.device() == Device::flex();
    if fits && rows * classes > 0 { Path::active() } else { Path::Composed }
}

fn column(values: Vec<f32>) -> FlexTensor {
    let rows = values.len();
    FlexTensor::from_data(TensorData::new(values, [rows, 1]))
}

fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("`path` admits f32 tensors only")
}

fn weights(terms: &CrossEntropyTerms) -> Option<FlexTensor> {
    let weights = terms.weights.as_ref()?;
    Some(column(weights.iter().map(|&weight| weight as f32).collect()))
}

/// Of every row, by Burn's operator, many rows at a time.
fn sums_of(powers: &FlexTensor) -> FlexTensor {
    let [rows, _] = powers.shape().dims();
    let parts: Vec<FlexTensor> = (0..rows.div_ceil(ROWS_OF_SUM))
        .into_par_iter()
        .map(|part| {
            let first = part * ROWS_OF_SUM;
            let count = ROWS_OF_SUM.min(rows - first);
            Flex::float_sum_dim(powers.narrow(0, first, count), 1)
        })
        .collect();
    column(parts.iter().flat_map(|part| values(part).iter().copied()).collect())
}

impl CrossEntropyOps for Flex {
    fn cross_entropy(logits: FlexTensor, terms: CrossEntropyTerms) -> FlexTensor {
        Self::cross_entropy_kept(logits, &terms).loss
    }
}

impl CrossEntropyBackwardOps for Flex {
    fn cross_entropy_kept(logits: FlexTensor, terms: &CrossEntropyTerms) -> Kept<Self> {
        let logits = logits.to_contiguous();
        let bias: Vec<f32> = terms.bias.iter().map(|&bias| bias as f32).collect();
        let rows = cpu::powers(values(&logits), &bias, &terms.labels);
        let powers = pooled(rows.powers, logits.shape());
        let sums = sums_of(&powers);
        let log_sums = Self::float_add(Self::float_log(sums.clone()), column(rows.max));
        let losses = Self::float_sub(log_sums, column(rows.of_label));
        let losses = match weights(terms) {
            Some(weights) => Self::float_mul(losses, weights),
            None => losses,
        };
        Kept { loss: Self::float_mean(losses), powers, sums }
    }

    fn cross_entropy_backward(
        kept: Kept<Self>,
        grad: FlexTensor,
        terms: &CrossEntropyTerms,
    ) -> FlexTensor {
        let rows = terms.labels.len();
        let ones = column(vec![1.0; rows]);
        let share = Self::float_mul_scalar(ones, Scalar::Float(1.0 / rows as f64));
        let of_row = Self::float_mul(share, Self::float_reshape(grad, [1, 1].into()));
        let of_row = match weights(terms) {
            Some(weights) => Self::float_mul(of_row, weights),
            None => of_row,
        };
        let scales = Self::float_mul(of_row.clone(), Self::float_recip(kept.sums));
        let pulls = Self::float_neg(of_row);
        let mut slopes = owned::<f32>(kept.powers);
        cpu::slopes(slopes.storage_mut(), values(&scales), values(&pulls), &terms.labels);
        slopes
    }
}

/// Parent: logits.
#[derive(Debug)]
struct CrossEntropyBackward;

impl<B: CrossEntropyBackwardOps> Backward<B, 1> for CrossEntropyBackward {
    type State = (Kept<B>, CrossEntropyTerms);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let ([parent], (kept, terms)) = (ops.parents, ops.state);
        if let Some(parent) = parent {
            grads.register::<B>(parent.id, B::cross_entropy_backward(kept, grad, &terms));
        }
    }
}

impl<B: CrossEntropyBackwardOps, C: CheckpointStrategy> CrossEntropyOps for Autodiff<B, C> {
    fn cross_entropy(logits: FloatTensor<Self>, terms: CrossEntropyTerms) -> FloatTensor<Self> {
        let (logits, node) = logits.into_parts();
        match CrossEntropyBackward.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let kept = B::cross_entropy_kept(logits, &terms);
                let loss = kept.loss.clone();
                prep.finish((kept, terms), loss)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::cross_entropy(logits, terms)),
        }
    }
}
