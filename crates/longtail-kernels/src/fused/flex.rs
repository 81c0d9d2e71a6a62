//! The operators on Burn's CPU backend: its tensors as slices, the work in [`crate::cpu`].

use burn::{
    backend::{Flex, TensorMetadata, flex::FlexTensor},
    tensor::{Shape as Dims, TensorData},
};

use super::{
    BasicBlockOutput, ConvBnGradients, ConvBnOutput, FusedBackward, FusedOps, SavedBlock,
    SavedConvBn, Wanted,
};
use crate::{
    ConvBnOptions,
    cpu::{
        Affine, Back, Kernels, Layer, Moments, Path, Relu, Residual, Shape, Source, Sums,
        convolve_batch, finish, infer,
    },
};

/// Padding of the convolutions of a block, which are 3×3.
const BLOCK_PADDING: usize = 1;

fn kernels() -> &'static Kernels {
    // `can_run` has found them before any operator is called.
    Path::active().kernels().expect("a path with kernels is active")
}

/// A tensor's values; a view that is not contiguous is copied.
struct Values(FlexTensor);

impl Values {
    fn of(tensor: &FlexTensor) -> Self {
        Self(tensor.to_contiguous())
    }

    fn get(&self) -> &[f32] {
        self.0.as_slice().expect("`can_run` admits f32 tensors only")
    }
}

fn tensor(values: Vec<f32>, dims: impl Into<Dims>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, dims.into()))
}

fn dims<const D: usize>(tensor: &FlexTensor) -> [usize; D] {
    tensor.shape().dims()
}

fn shape(x: &FlexTensor, weight: &FlexTensor, stride: usize, padding: usize) -> Shape {
    let (x, weight) = (dims(x), dims(weight));
    Shape::of(x, weight, stride, padding).expect("`can_run` has checked the shapes")
}

fn output_dims(shape: &Shape) -> [usize; 4] {
    [shape.images, shape.out_height(), shape.out_width(), shape.output]
}

/// The gradient's values to write to: its own memory if nobody else holds it.
fn owned(grad: FlexTensor) -> Vec<f32> {
    grad.into_data().try_into_vec().expect("`can_run` admits f32 tensors only")
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
        let kernels = kernels();
        let shape = shape(&x, &weight, options.stride, options.padding);
        let [x, weight, gamma, beta, residual] =
            [&x, &weight, &gamma, &beta, &residual].map(Values::of);
        let (y, Moments { mean, variance }) =
            convolve_batch(kernels, Source::Plain(x.get()), weight.get(), &shape);
        let norm = Norm { gamma: gamma.get(), beta: beta.get(), epsilon: options.epsilon };
        let affine = norm.affine(&mean, &variance);
        let residual = if has_residual { Residual::Same(residual.get()) } else { Residual::None };
        let output = finish(kernels, &y, &affine, residual, options.relu, &shape);
        ConvBnOutput {
            output: tensor(output, output_dims(&shape)),
            y: tensor(y, output_dims(&shape)),
            mean: tensor(mean, [shape.output]),
            variance: tensor(variance, [shape.output]),
        }
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
        let [x, weight, gamma, beta, mean, variance, residual] =
            [&x, &weight, &gamma, &beta, &mean, &variance, &residual].map(Values::of);
        let norm = Norm { gamma: gamma.get(), beta: beta.get(), epsilon: options.epsilon };
        let affine = norm.affine(mean.get(), variance.get());
        let residual = if has_residual { Residual::Same(residual.get()) } else { Residual::None };
        let source = Source::Plain(x.get());
        let output =
            infer(kernels(), source, weight.get(), &affine, residual, options.relu, &shape);
        tensor(output, output_dims(&shape))
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
        let kernels = kernels();
        let (first, second) = block_shapes(&x, &weight1, &weight2, stride);
        let [x, weight1, gamma1, beta1, weight2, gamma2, beta2] =
            [&x, &weight1, &gamma1, &beta1, &weight2, &gamma2, &beta2].map(Values::of);
        let (y1, moments1) = convolve_batch(kernels, Source::Plain(x.get()), weight1.get(), &first);
        let norm1 = Norm { gamma: gamma1.get(), beta: beta1.get(), epsilon };
        let affine1 = norm1.affine(&moments1.mean, &moments1.variance);
        let hidden = Source::Normalised(&y1, &affine1);
        let (y2, moments2) = convolve_batch(kernels, hidden, weight2.get(), &second);
        let norm2 = Norm { gamma: gamma2.get(), beta: beta2.get(), epsilon };
        let affine2 = norm2.affine(&moments2.mean, &moments2.variance);
        let shortcut = shortcut(x.get(), &first);
        let output = finish(kernels, &y2, &affine2, shortcut, true, &second);
        let channels = [second.output];
        BasicBlockOutput {
            output: tensor(output, output_dims(&second)),
            y1: tensor(y1, output_dims(&first)),
            mean1: tensor(moments1.mean, channels),
            variance1: tensor(moments1.variance, channels),
            y2: tensor(y2, output_dims(&second)),
            mean2: tensor(moments2.mean, channels),
            variance2: tensor(moments2.variance, channels),
        }
    }

    fn basic_block_infer(
        x: FlexTensor,
        weight1: FlexTensor,
        norm1: FlexTensor,
        weight2: FlexTensor,
        norm2: FlexTensor,
        stride: usize,
        epsilon: f64,
    ) -> FlexTensor {
        let kernels = kernels();
        let (first, second) = block_shapes(&x, &weight1, &weight2, stride);
        let [x, weight1, norm1, weight2, norm2] =
            [&x, &weight1, &norm1, &weight2, &norm2].map(Values::of);
        let affine = |norm: &Values, channels: usize| {
            let parts: Vec<&[f32]> = norm.get().chunks_exact(channels).collect();
            Affine::batch_norm(parts[0], parts[1], parts[2], parts[3], epsilon)
        };
        let source = Source::Plain(x.get());
        let affine1 = affine(&norm1, first.output);
        let hidden = infer(kernels, source, weight1.get(), &affine1, Residual::None, true, &first);
        let affine2 = affine(&norm2, second.output);
        let (source, shortcut) = (Source::Plain(&hidden), shortcut(x.get(), &first));
        let output = infer(kernels, source, weight2.get(), &affine2, shortcut, true, &second);
        tensor(output, output_dims(&second))
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

/// The input itself, or every second pixel of it with zeros for the channels that it lacks.
fn shortcut<'a>(x: &'a [f32], first: &Shape) -> Residual<'a> {
    match first.stride {
        1 => Residual::Same(x),
        _ => Residual::Subsampled(x, [first.height, first.width, first.input]),
    }
}

impl FusedBackward for Flex {
    fn conv_bn_backward(
        saved: SavedConvBn<Self>,
        grad: FlexTensor,
        wanted: Wanted,
        options: ConvBnOptions,
    ) -> ConvBnGradients<Self> {
        let kernels = kernels();
        let forward = &saved.forward;
        let shape = shape(&saved.x, &saved.weight, options.stride, options.padding);
        let [x, weight, gamma] = [&saved.x, &saved.weight, &saved.gamma].map(Values::of);
        let [output, y, mean, variance] =
            [&forward.output, &forward.y, &forward.mean, &forward.variance].map(Values::of);
        let relu = if options.relu { Relu::Output(output.get()) } else { Relu::None };
        let layer = Layer { shape: &shape, y: y.get(), mean: mean.get(), relu };
        let mut grad = owned(grad);
        let sums = layer.gate_batch(kernels, &mut grad);
        let moments = (mean.get(), variance.get());
        let (through, d_gamma, d_beta) =
            sums.through(gamma.get(), moments, options.epsilon, &shape);
        let back = Back {
            layer,
            grad: &grad,
            through: &through,
            source: Source::Plain(x.get()),
            weight: weight.get(),
        };
        let (d_weight, d_x) = if wanted.input {
            let (d_weight, d_x, _) = back.weights_and_input(kernels, 0, &|_, _, _| {});
            (d_weight, Some(d_x))
        } else {
            (back.weights(kernels), None)
        };
        ConvBnGradients {
            x: d_x.map(|d_x| tensor(d_x, dims::<4>(&saved.x))),
            weight: tensor(d_weight, dims::<4>(&saved.weight)),
            gamma: tensor(d_gamma, [shape.output]),
            beta: tensor(d_beta, [shape.output]),
            residual: wanted.residual.then(|| tensor(grad, output_dims(&shape))),
        }
    }

    fn basic_block_backward(
        saved: SavedBlock<Self>,
        grad: FlexTensor,
        wants_input: bool,
        stride: usize,
        epsilon: f64,
    ) -> (Option<FlexTensor>, [FlexTensor; 6]) {
        let kernels = kernels();
        let forward = &saved.forward;
        let (first, second) = block_shapes(&saved.x, &saved.weights[0], &saved.weights[1], stride);
        let x = Values::of(&saved.x);
        let weights = saved.weights.each_ref().map(Values::of);
        let gammas = saved.gammas.each_ref().map(Values::of);
        let betas = saved.betas.each_ref().map(Values::of);
        let [y1, mean1, variance1] =
            [&forward.y1, &forward.mean1, &forward.variance1].map(Values::of);
        let [y2, mean2, variance2] =
            [&forward.y2, &forward.mean2, &forward.variance2].map(Values::of);
        let output = Values::of(&forward.output);

        let relu = Relu::Output(output.get());
        let layer2 = Layer { shape: &second, y: y2.get(), mean: mean2.get(), relu };
        let mut grad = owned(grad);
        let sums = layer2.gate_batch(kernels, &mut grad);
        let moments2 = (mean2.get(), variance2.get());
        let (through2, d_gamma2, d_beta2) =
            sums.through(gammas[1].get(), moments2, epsilon, &second);

        let norm1 = Norm { gamma: gammas[0].get(), beta: betas[0].get(), epsilon };
        let affine1 = norm1.affine(mean1.get(), variance1.get());
        let relu = Relu::Affine(&affine1);
        let layer1 = Layer { shape: &first, y: y1.get(), mean: mean1.get(), relu };
        let hidden = Source::Normalised(y1.get(), &affine1);
        let back2 = Back {
            layer: layer2,
            grad: &grad,
            through: &through2,
            source: hidden,
            weight: weights[1].get(),
        };
        let gate = |image: usize, grad: &mut [f32], sums: &mut [f32]| {
            layer1.gate(kernels, image, grad, sums);
        };
        let (d_weight2, hidden_grad, sums) =
            back2.weights_and_input(kernels, 2 * first.output, &gate);
        let moments1 = (mean1.get(), variance1.get());
        let (through1, d_gamma1, d_beta1) =
            Sums::of(&sums, &first).through(gammas[0].get(), moments1, epsilon, &first);

        let back1 = Back {
            layer: layer1,
            grad: &hidden_grad,
            through: &through1,
            source: Source::Plain(x.get()),
            weight: weights[0].get(),
        };
        let add_shortcut =
            |image: usize, dx: &mut [f32], _: &mut [f32]| shortcut_back(&first, &grad, image, dx);
        let (d_weight1, d_x) = if wants_input {
            let (d_weight, d_x, _) = back1.weights_and_input(kernels, 0, &add_shortcut);
            (d_weight, Some(tensor(d_x, dims::<4>(&saved.x))))
        } else {
            (back1.weights(kernels), None)
        };
        let channels = [second.output];
        let gradients = [
            tensor(d_weight1, dims::<4>(&saved.weights[0])),
            tensor(d_gamma1, channels),
            tensor(d_beta1, channels),
            tensor(d_weight2, dims::<4>(&saved.weights[1])),
            tensor(d_gamma2, channels),
            tensor(d_beta2, channels),
        ];
        (d_x, gradients)
    }
}

/// Adds what went through the shortcut to the gradient of one input image.
fn shortcut_back(first: &Shape, grad: &[f32], image: usize, dx: &mut [f32]) {
    let grad = &grad[image * first.output_image()..][..first.output_image()];
    if first.stride == 1 {
        dx.iter_mut().zip(grad).for_each(|(d, g)| *d += g);
        return;
    }
    let before = (first.output - first.input) / 2;
    for (pixel, grad) in grad.chunks_exact(first.output).enumerate() {
        let (row, column) = (pixel / first.out_width(), pixel % first.out_width());
        let to = (2 * row * first.width + 2 * column) * first.input;
        let grad = &grad[before..before + first.input];
        dx[to..to + first.input].iter_mut().zip(grad).for_each(|(d, g)| *d += g);
    }
}
