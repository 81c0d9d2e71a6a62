//! A convolution and its batch norm on Burn's CPU backend, on the way back.

use burn::backend::{Flex, flex::FlexTensor};

use super::{Norm, Values, dims, pooled, shape, tensor};
use crate::{
    cpu::{
        Affine, BatchNormCoefficients, ConvBackward, Element, GradientEpilogue, Kernels, Layer,
        Passes, Residual, Shape, Source, Sums, normalise_batch,
    },
    fused::ops::{ConvBnGradients, SavedLayer},
    options::ConvBnOptions,
};

/// The values of a [`SavedLayer`].
pub(super) struct LayerValues {
    pub y: Values,
    gamma: Values,
    beta: Values,
    mean: Values,
    variance: Values,
    epsilon: f64,
}

impl LayerValues {
    pub fn of(saved: &SavedLayer<Flex>) -> Self {
        let SavedLayer { y, gamma, beta, mean, variance, epsilon } = saved;
        let [y, gamma, beta, mean, variance] = [y, gamma, beta, mean, variance].map(Values::of);
        Self { y, gamma, beta, mean, variance, epsilon: *epsilon }
    }

    pub fn affine(&self) -> Affine {
        let norm = Norm { gamma: self.gamma.get(), beta: self.beta.get(), epsilon: self.epsilon };
        norm.affine(self.mean.get(), self.variance.get())
    }

    pub fn layer<'a, E: Element>(&'a self, shape: &'a Shape) -> Layer<'a, E> {
        Layer { shape, y: self.y.get(), mean: self.mean.get() }
    }

    /// See [`Sums::batch_norm_backward`].
    pub fn batch_norm_backward(
        &self,
        sums: &Sums,
        shape: &Shape,
    ) -> (BatchNormCoefficients, [FlexTensor; 2]) {
        let moments = (self.mean.get(), self.variance.get());
        let (coefficients, d_gamma, d_beta) =
            sums.batch_norm_backward(self.gamma.get(), moments, self.epsilon, shape);
        (coefficients, [d_gamma, d_beta].map(|gradient| tensor(gradient, [shape.output])))
    }
}

/// Of the values of a layer, which do not meet.
fn shape_of_values(y: &FlexTensor) -> Shape {
    let dims = dims::<4>(y);
    let [.., channels] = dims;
    let shape = Shape::of(dims, [channels, channels, 1, 1], 1, 0);
    shape.expect("`can_run` has checked the shapes").flat()
}

/// See [`FusedBackward::activation_again`](crate::fused::ops::FusedBackward::activation_again).
pub(super) fn activation_again<K: Kernels, E: Element>(
    saved: &SavedLayer<Flex>,
    residual: Option<&FlexTensor>,
    relu: bool,
) -> FlexTensor {
    let (shape, layer) = (shape_of_values(&saved.y), LayerValues::of(saved));
    let residual = residual.map(Values::of);
    let residual = residual.as_ref().map_or(Residual::None, |all| Residual::Same(all.get()));
    let affine = layer.affine();
    let output = normalise_batch::<K, E>(layer.y.get(), &affine, residual, relu, &shape);
    pooled(output, dims::<4>(&saved.y))
}

/// Takes the gradient of an activation back through its ReLU in place.
pub(super) fn activation_backward<K: Kernels, E: Element>(
    saved: &SavedLayer<Flex>,
    residual: Option<&FlexTensor>,
    grad: &mut FlexTensor,
    relu: bool,
) -> Sums {
    let (shape, layer) = (shape_of_values(&saved.y), LayerValues::of(saved));
    let (residual, affine) = (residual.map(Values::of), layer.affine());
    let residual = residual.as_ref().map(Values::get);
    let passes = if relu { Passes::Sum(&affine, residual) } else { Passes::Everywhere };
    layer.layer::<E>(&shape).relu_backward::<K>(passes, grad.storage_mut())
}

/// See [`FusedBackward::conv_bn_backward`](crate::fused::ops::FusedBackward::conv_bn_backward).
pub(super) fn conv_bn_backward<K: Kernels, E: Element>(
    [x, weight, grad]: [&FlexTensor; 3],
    saved: &SavedLayer<Flex>,
    sums: &Sums,
    wants_input: bool,
    options: ConvBnOptions,
) -> ConvBnGradients<Flex> {
    let shape = shape(x, weight, options.stride, options.padding).flat();
    let layer = LayerValues::of(saved);
    let (coefficients, [gamma, beta]) = layer.batch_norm_backward(sums, &shape);
    let [input, filters, grad] = [x, weight, grad].map(Values::of);
    let back = ConvBackward {
        layer: layer.layer::<E>(&shape),
        grad: grad.get(),
        coefficients: &coefficients,
        source: Source::Plain(input.get()),
        weight: filters.get(),
    };
    let (d_weight, d_x) = if shape.groups > 1 {
        back.grouped::<K>(wants_input)
    } else if wants_input {
        let gradients = back.weights_and_input::<K>(GradientEpilogue::Add(Residual::None));
        (gradients.weight, Some(gradients.input))
    } else {
        (back.weights::<K>(), None)
    };
    ConvBnGradients {
        x: d_x.map(|d_x| pooled(d_x, dims::<4>(x))),
        weight: pooled(d_weight, dims::<4>(weight)),
        gamma,
        beta,
    }
}
