//! The operators on Burn's CPU backend: its tensors as slices, the work in [`crate::cpu`].

use burn::{
    backend::{
        Flex, TensorMetadata,
        flex::{FlexTensor, Layout},
    },
    tensor::{DType, Shape as Dims, TensorData},
};

use super::{
    ops::{
        BasicBlockOutput, ConvBnGradients, ConvBnOutput, FusedBackward, FusedOps, SavedBlock,
        SavedConvBn, Wanted,
    },
    prepacking::convolution,
};
use crate::{
    cpu::{
        Affine, ConvBackward, ConvGradients, Element, GradientEpilogue, Kernels, Layer, Moments,
        Pooled, Residual, Shape, Source, Sums, convolve_batch, infer, infer_blocks,
        normalise_batch, take,
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

fn block_forward<K: Kernels, E: Element>(
    x: &[E],
    weights: [&[f32]; 2],
    norms: [Norm<'_>; 2],
    (first, second): (Shape, Shape),
) -> BasicBlockOutput<Flex> {
    let (y1, moments1) = convolve_batch::<K, E>(Source::Plain(x), weights[0], &first);
    let affine1 = norms[0].affine(&moments1.mean, &moments1.variance);
    let hidden = Source::Normalised(&y1, &affine1);
    let (y2, moments2) = convolve_batch::<K, E>(hidden, weights[1], &second);
    let affine2 = norms[1].affine(&moments2.mean, &moments2.variance);
    let output = normalise_batch::<K, E>(&y2, &affine2, shortcut(x, &first), true, &second);
    let channels = [second.output];
    BasicBlockOutput {
        output: pooled(output, output_dims(&second)),
        y1: pooled(y1, output_dims(&first)),
        mean1: tensor(moments1.mean, channels),
        variance1: tensor(moments1.variance, channels),
        y2: pooled(y2, output_dims(&second)),
        mean2: tensor(moments2.mean, channels),
        variance2: tensor(moments2.variance, channels),
    }
}

fn block_shapes(
    x: &FlexTensor,
    weight1: &FlexTensor,
    weight2: &FlexTensor,
    stride: usize,
) -> (Shape, Shape) {
    let first = shape(x, weight1, stride, BLOCK_PADDING);
    let second = Shape::of(output_dims(&first), dims(weight2), 1, BLOCK_PADDING);
    (first, second.expect("`can_run` has checked the shapes"))
}

/// Of the input: itself, or every second pixel of it with zeros for the channels that it lacks. Of the
/// output's gradient: the way back.
fn shortcut<'a, E: Element>(x: &'a [E], first: &Shape) -> Residual<'a, E> {
    match first.stride {
        1 => Residual::Same(x),
        _ => Residual::Subsampled(x, *first),
    }
}

impl FusedBackward for Flex {
    fn conv_bn_backward(
        saved: SavedConvBn<Self>,
        grad: FlexTensor,
        wanted: Wanted,
        options: ConvBnOptions,
    ) -> ConvBnGradients<Self> {
        with_types!(saved.x, K, E => {
            conv_bn_backward::<K, E>(&saved, owned::<E>(grad), wanted, options)
        })
    }

    fn basic_block_backward(
        saved: SavedBlock<Self>,
        grad: FlexTensor,
        wants_input: bool,
        stride: usize,
        epsilon: f64,
    ) -> (Option<FlexTensor>, [FlexTensor; 6]) {
        with_types!(saved.x, K, E => {
            block_backward::<K, E>(&saved, owned::<E>(grad), wants_input, stride, epsilon)
        })
    }
}

fn conv_bn_backward<K: Kernels, E: Element>(
    saved: &SavedConvBn<Flex>,
    mut grad: FlexTensor,
    wanted: Wanted,
    options: ConvBnOptions,
) -> ConvBnGradients<Flex> {
    let forward = &saved.forward;
    let shape = shape(&saved.x, &saved.weight, options.stride, options.padding).flat();
    let [x, weight, gamma] = [&saved.x, &saved.weight, &saved.gamma].map(Values::of);
    let [output, y, mean, variance] =
        [&forward.output, &forward.y, &forward.mean, &forward.variance].map(Values::of);
    let layer = Layer::<E> { shape: &shape, y: y.get(), mean: mean.get() };
    let sums = layer.relu_backward::<K>(options.relu.then(|| output.get()), grad.storage_mut());
    let moments = (mean.get(), variance.get());
    let (coefficients, d_gamma, d_beta) =
        sums.batch_norm_backward(gamma.get(), moments, options.epsilon, &shape);
    let (source, weight) = (Source::Plain(x.get()), weight.get());
    let back =
        ConvBackward { layer, grad: grad.storage(), coefficients: &coefficients, source, weight };
    let (d_weight, d_x) = if shape.groups > 1 {
        back.grouped::<K>(wanted.input)
    } else if wanted.input {
        let gradients = back.weights_and_input::<K>(GradientEpilogue::Add(Residual::None));
        (gradients.weight, Some(gradients.input))
    } else {
        (back.weights::<K>(), None)
    };
    ConvBnGradients {
        x: d_x.map(|d_x| pooled(d_x, dims::<4>(&saved.x))),
        weight: pooled(d_weight, dims::<4>(&saved.weight)),
        gamma: tensor(d_gamma, [shape.output]),
        beta: tensor(d_beta, [shape.output]),
        residual: wanted.residual.then_some(grad),
    }
}

fn block_backward<K: Kernels, E: Element>(
    saved: &SavedBlock<Flex>,
    mut grad: FlexTensor,
    wants_input: bool,
    stride: usize,
    epsilon: f64,
) -> (Option<FlexTensor>, [FlexTensor; 6]) {
    let forward = &saved.forward;
    let (first, second) = block_shapes(&saved.x, &saved.weights[0], &saved.weights[1], stride);
    let x = Values::of(&saved.x);
    let weights = saved.weights.each_ref().map(Values::of);
    let gammas = saved.gammas.each_ref().map(Values::of);
    let betas = saved.betas.each_ref().map(Values::of);
    let [y1, mean1, variance1] = [&forward.y1, &forward.mean1, &forward.variance1].map(Values::of);
    let [y2, mean2, variance2] = [&forward.y2, &forward.mean2, &forward.variance2].map(Values::of);
    let output = Values::of(&forward.output);

    let layer2 = Layer::<E> { shape: &second, y: y2.get(), mean: mean2.get() };
    let sums = layer2.relu_backward::<K>(Some(output.get()), grad.storage_mut());
    let moments2 = (mean2.get(), variance2.get());
    let (coefficients2, d_gamma2, d_beta2) =
        sums.batch_norm_backward(gammas[1].get(), moments2, epsilon, &second);

    let norm1 = Norm { gamma: gammas[0].get(), beta: betas[0].get(), epsilon };
    let affine1 = norm1.affine(mean1.get(), variance1.get());
    let layer1 = Layer { shape: &first, y: y1.get(), mean: mean1.get() };
    let back2 = ConvBackward {
        layer: layer2,
        grad: grad.storage(),
        coefficients: &coefficients2,
        source: Source::Normalised(y1.get(), &affine1),
        weight: weights[1].get(),
    };
    let relu_backward = GradientEpilogue::ReluBackward { layer: layer1, affine: &affine1 };
    let ConvGradients { weight: d_weight2, input: hidden_grad, sums } =
        back2.weights_and_input::<K>(relu_backward);
    let moments1 = (mean1.get(), variance1.get());
    let sums = Sums::of(&sums, &first);
    let (coefficients1, d_gamma1, d_beta1) =
        sums.batch_norm_backward(gammas[0].get(), moments1, epsilon, &first);

    let back1 = ConvBackward {
        layer: layer1,
        grad: &hidden_grad,
        coefficients: &coefficients1,
        source: Source::Plain(x.get()),
        weight: weights[0].get(),
    };
    let add_shortcut = GradientEpilogue::Add(shortcut(grad.storage(), &first));
    let (d_weight1, d_x) = if wants_input {
        let gradients = back1.weights_and_input::<K>(add_shortcut);
        (gradients.weight, Some(pooled(gradients.input, dims::<4>(&saved.x))))
    } else {
        (back1.weights::<K>(), None)
    };
    let channels = [second.output];
    let gradients = [
        pooled(d_weight1, dims::<4>(&saved.weights[0])),
        tensor(d_gamma1, channels),
        tensor(d_beta1, channels),
        pooled(d_weight2, dims::<4>(&saved.weights[1])),
        tensor(d_gamma2, channels),
        tensor(d_beta2, channels),
    ];
    (d_x, gradients)
}
