//! The operators on Burn's CPU backend: its tensors as slices, the work in [`crate::cpu`].

mod basic_block;
mod layer;

use burn::{
    backend::{
        Flex, TensorMetadata,
        flex::{FlexTensor, Layout},
    },
    tensor::{DType, Shape as Dims, TensorData},
};

use self::{
    basic_block::{block_backward, block_forward, block_shapes, shortcut},
    layer::{activation_again, activation_backward, conv_bn_backward},
};
use super::{
    ops::{
        BasicBlockOutput, ConvBnGradients, ConvBnOutput, FusedBackward, FusedOps, SavedBlock,
        SavedLayer,
    },
    prepacking::convolution,
};
use crate::{
    cpu::{
        Affine, Element, Moments, Pooled, Residual, Shape, Source, Sums, convolve_batch, infer,
        infer_blocks, normalise_batch, take,
    },
    options::ConvBnOptions,
};

/// Padding of the convolutions of a block, which are 3×3.
const BLOCK_PADDING: usize = 1;

/// `$body` with `$K` the kernels of the active path and `$E` the type of the activations `$x`.
macro_rules! with_types {
    ($x:expr, $K:ident, $E:ident => $body:expr) => {
        match $x.dtype() {
            DType::BF16 => {
                type $E = burn::tensor::bf16;
                crate::cpu::with_kernels!($K => $body)
            }
            _ => {
                type $E = f32;
                crate::cpu::with_kernels!($K => $body)
            }
        }
    };
}
pub(super) use with_types;

/// A tensor's values; a view that is not contiguous is copied.
pub(super) struct Values(pub FlexTensor);

impl Values {
    pub fn of(tensor: &FlexTensor) -> Self {
        Self(tensor.to_contiguous())
    }

    pub fn get<E: Element>(&self) -> &[E] {
        self.0.as_slice().expect("`can_run` has checked the types")
    }
}

fn tensor(values: Vec<f32>, dims: impl Into<Dims>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, dims.into()))
}

pub(super) fn pooled<E: Element>(values: Pooled<E>, dims: impl Into<Dims>) -> FlexTensor {
    FlexTensor::new(values.into_bytes(), Layout::contiguous(dims.into()), E::dtype())
}

/// The first bytes of it.
pub(super) fn pooled_bytes(values: Pooled<f32>, dims: impl Into<Dims>) -> FlexTensor {
    FlexTensor::new(values.into_bytes(), Layout::contiguous(dims.into()), DType::U8)
}

pub(super) fn dims<const D: usize>(tensor: &FlexTensor) -> [usize; D] {
    tensor.shape().dims()
}

fn shape(x: &FlexTensor, weight: &FlexTensor, stride: usize, padding: usize) -> Shape {
    let (x, weight) = (dims(x), dims(weight));
    Shape::of(x, weight, stride, padding).expect("`can_run` has checked the shapes")
}

fn output_dims(shape: &Shape) -> [usize; 4] {
    [shape.images, shape.out_height(), shape.out_width(), shape.output]
}

/// A gradient to write to: in its own memory if nobody else holds it.
pub(super) fn owned<E: Element>(grad: FlexTensor) -> FlexTensor {
    // What is contiguous must not be cloned, which would make it somebody else's too.
    let mut grad = if grad.is_contiguous() { grad } else { grad.to_contiguous() };
    let count = grad.shape().num_elements();
    if grad.try_storage_mut::<E>().is_some_and(|values| values.len() == count) {
        return grad;
    }
    let values: &[E] = grad.as_slice().expect("a gradient has the type of its activation");
    let mut copy = take::<E>(values.len());
    copy.copy_from_slice(values);
    pooled(copy, grad.shape())
}

/// γ, β and the epsilon of one batch norm.
#[derive(Clone, Copy)]
struct Norm<'a> {
    gamma: &'a [f32],
    beta: &'a [f32],
    epsilon: f64,
}

impl Norm<'_> {
    fn affine(&self, mean: &[f32], variance: &[f32]) -> Affine {
        Affine::batch_norm(self.gamma, self.beta, mean, variance, self.epsilon)
    }
}

impl FusedOps for Flex {
    fn conv_bn(
        x: FlexTensor,
        weight: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        residual: FlexTensor,
        has_residual: bool,
        options: ConvBnOptions,
    ) -> ConvBnOutput<Self> {
        let shape = shape(&x, &weight, options.stride, options.padding);
        let (dims, shape) = (output_dims(&shape), shape.flat());
        let [x, weight, gamma, beta, residual] =
            [&x, &weight, &gamma, &beta, &residual].map(Values::of);
        let norm = Norm { gamma: gamma.get(), beta: beta.get(), epsilon: options.epsilon };
        with_types!(x.0, K, E => {
            let source = Source::<E>::Plain(x.get());
            let (y, Moments { mean, variance }) =
                convolve_batch::<K, E>(source, weight.get(), &shape);
            let affine = norm.affine(&mean, &variance);
            let residual =
                if has_residual { Residual::Same(residual.get()) } else { Residual::None };
            let output = normalise_batch::<K, E>(&y, &affine, residual, options.relu, &shape);
            ConvBnOutput {
                output: pooled(output, dims),
                y: pooled(y, dims),
                mean: tensor(mean, [shape.output]),
                variance: tensor(variance, [shape.output]),
            }
        })
    }

    fn conv_bn_infer(
        x: FlexTensor,
        weight: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        mean: FlexTensor,
        variance: FlexTensor,
        residual: FlexTensor,
        has_residual: bool,
        options: ConvBnOptions,
    ) -> FlexTensor {
        let shape = shape(&x, &weight, options.stride, options.padding);
        let (dims, shape) = (output_dims(&shape), shape.flat());
        let [x, weight, gamma, beta, mean, variance, residual] =
            [&x, &weight, &gamma, &beta, &mean, &variance, &residual].map(Values::of);
        let norm = Norm { gamma: gamma.get(), beta: beta.get(), epsilon: options.epsilon };
        let affine = norm.affine(mean.get(), variance.get());
        with_types!(x.0, K, E => {
            let source = Source::<E>::Plain(x.get());
            let residual =
                if has_residual { Residual::Same(residual.get()) } else { Residual::None };
            let convolution = convolution::<K, E>(&weight, &shape);
            let output =
                infer::<K, E>(source, &convolution, &affine, residual, options.relu, &shape);
            pooled(output, dims)
        })
    }

    fn basic_block(
        x: FlexTensor,
        weight1: FlexTensor,
        gamma1: FlexTensor,
        beta1: FlexTensor,
        weight2: FlexTensor,
        gamma2: FlexTensor,
        beta2: FlexTensor,
        stride: usize,
        epsilon: f64,
    ) -> BasicBlockOutput<Self> {
        let shapes = block_shapes(&x, &weight1, &weight2, stride);
        let [x, weight1, gamma1, beta1, weight2, gamma2, beta2] =
            [&x, &weight1, &gamma1, &beta1, &weight2, &gamma2, &beta2].map(Values::of);
        let weights = [weight1.get(), weight2.get()];
        let norms = [
            Norm { gamma: gamma1.get(), beta: beta1.get(), epsilon },
            Norm { gamma: gamma2.get(), beta: beta2.get(), epsilon },
        ];
        with_types!(x.0, K, E => block_forward::<K, E>(x.get(), weights, norms, shapes))
    }

    fn basic_blocks_infer(
        x: FlexTensor,
        weight1: FlexTensor,
        weights: FlexTensor,
        norms: FlexTensor,
        stride: usize,
        epsilon: f64,
    ) -> FlexTensor {
        let first = shape(&x, &weight1, stride, BLOCK_PADDING);
        let channels = first.output;
        let dims = [channels, channels, first.kernel[0], first.kernel[1]];
        let second = Shape::of(output_dims(&first), dims, 1, BLOCK_PADDING);
        let second = second.expect("`can_run` has checked the shapes");
        let [x, weight1, weights, norms] = [&x, &weight1, &weights, &norms].map(Values::of);
        let later = weights.get::<f32>().chunks_exact(second.weights());
        let weights: Vec<&[f32]> = std::iter::once(weight1.get()).chain(later).collect();
        let affine = |norm: &[f32]| {
            let parts: Vec<&[f32]> = norm.chunks_exact(channels).collect();
            Affine::batch_norm(parts[0], parts[1], parts[2], parts[3], epsilon)
        };
        let affines: Vec<Affine> = norms.get().chunks_exact(4 * channels).map(affine).collect();
        let layers: Vec<_> = weights.into_iter().zip(&affines).collect();
        with_types!(x.0, K, E => {
            let x = x.get::<E>();
            let shortcut = shortcut(x, &first);
            let output = infer_blocks::<K, E>(x, &layers, shortcut, [&first, &second]);
            pooled(output, output_dims(&second))
        })
    }
}

impl FusedBackward for Flex {
    fn conv_bn_backward(
        x: FlexTensor,
        weight: FlexTensor,
        layer: SavedLayer<Self>,
        grad: FlexTensor,
        sums: Option<Sums>,
        wants_input: bool,
        options: ConvBnOptions,
    ) -> ConvBnGradients<Self> {
        let (grad, sums) = match sums {
            Some(sums) => (grad, sums),
            None => Self::activation_backward(layer.clone(), None, grad, false),
        };
        let tensors = [&x, &weight, &grad];
        with_types!(x, K, E => {
            conv_bn_backward::<K, E>(tensors, &layer, &sums, wants_input, options)
        })
    }

    fn activation_backward(
        layer: SavedLayer<Self>,
        residual: Option<FlexTensor>,
        grad: FlexTensor,
        relu: bool,
    ) -> (FlexTensor, Sums) {
        with_types!(layer.y, K, E => {
            let mut grad = owned::<E>(grad);
            let sums = activation_backward::<K, E>(&layer, residual.as_ref(), &mut grad, relu);
            (grad, sums)
        })
    }

    fn activation_again(
        layer: SavedLayer<Self>,
        residual: Option<FlexTensor>,
        relu: bool,
    ) -> FlexTensor {
        with_types!(layer.y, K, E => activation_again::<K, E>(&layer, residual.as_ref(), relu))
    }

    fn basic_block_backward(
        x: FlexTensor,
        saved: SavedBlock<Self>,
        grad: FlexTensor,
        wants_input: bool,
    ) -> (Option<FlexTensor>, [FlexTensor; 6]) {
        with_types!(x, K, E => {
            block_backward::<K, E>(&x, &saved, owned::<E>(grad), wants_input)
        })
    }
}
