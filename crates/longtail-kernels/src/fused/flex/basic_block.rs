//! Basic blocks on Burn's CPU backend, in training.

use burn::backend::{Flex, flex::FlexTensor};

use super::{
    BLOCK_PADDING, Norm, Values, dims, layer::LayerValues, output_dims, pooled, shape, tensor,
};
use crate::{
    cpu::{
        ConvBackward, ConvGradients, Element, GradientEpilogue, Kernels, Passes, Residual, Shape,
        Source, Sums, convolve_batch, normalise_batch,
    },
    fused::ops::{BasicBlockOutput, SavedBlock},
};

pub(super) fn block_forward<K: Kernels, E: Element>(
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

pub(super) fn block_shapes(
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
pub(super) fn shortcut<'a, E: Element>(x: &'a [E], first: &Shape) -> Residual<'a, E> {
    match first.stride {
        1 => Residual::Same(x),
        _ => Residual::Subsampled(x, *first),
    }
}

pub(super) fn block_backward<K: Kernels, E: Element>(
    x: &FlexTensor,
    saved: &SavedBlock<Flex>,
    mut grad: FlexTensor,
    wants_input: bool,
) -> (Option<FlexTensor>, [FlexTensor; 6]) {
    let (first, second) = block_shapes(x, &saved.weights[0], &saved.weights[1], saved.stride);
    let input = Values::of(x);
    let weights = saved.weights.each_ref().map(Values::of);
    let [of_first, of_second] = saved.layers.each_ref().map(LayerValues::of);
    let [affine1, affine2] = [of_first.affine(), of_second.affine()];

    let layer2 = of_second.layer::<E>(&second);
    let output = saved.output.as_ref().map(Values::of);
    let passes = match &output {
        Some(output) => Passes::Output(output.get()),
        None => Passes::Sum(&affine2, Some(input.get())),
    };
    let sums = layer2.relu_backward::<K>(passes, grad.storage_mut());
    let (coefficients2, [d_gamma2, d_beta2]) = of_second.batch_norm_backward(&sums, &second);

    let layer1 = of_first.layer(&first);
    let back2 = ConvBackward {
        layer: layer2,
        grad: grad.storage(),
        coefficients: &coefficients2,
        source: Source::Normalised(of_first.y.get(), &affine1),
        weight: weights[1].get(),
    };
    let relu_backward = GradientEpilogue::ReluBackward { layer: layer1, affine: &affine1 };
    let ConvGradients { weight: d_weight2, input: hidden_grad, sums } =
        back2.weights_and_input::<K>(relu_backward);
    let sums = Sums::of(&sums, &first);
    let (coefficients1, [d_gamma1, d_beta1]) = of_first.batch_norm_backward(&sums, &first);

    let back1 = ConvBackward {
        layer: layer1,
        grad: &hidden_grad,
        coefficients: &coefficients1,
        source: Source::Plain(input.get()),
        weight: weights[0].get(),
    };
    let add_shortcut = GradientEpilogue::Add(shortcut(grad.storage(), &first));
    let (d_weight1, d_x) = if wants_input {
        let gradients = back1.weights_and_input::<K>(add_shortcut);
        (gradients.weight, Some(pooled(gradients.input, dims::<4>(x))))
    } else {
        (back1.weights::<K>(), None)
    };
    let d_weight1 = pooled(d_weight1, dims::<4>(&saved.weights[0]));
    let d_weight2 = pooled(d_weight2, dims::<4>(&saved.weights[1]));
    (d_x, [d_weight1, d_gamma1, d_beta1, d_weight2, d_gamma2, d_beta2])
}
