use burn::{
    module::{Module, Param},
    tensor::{Tensor, TensorData},
};

use super::{Initialiser, NearestClassMean, Part, l2_normalise, tau_normalise};

/// The classification layer: linear, or cosine with a fixed scale (BCL's `NormedLinear`).
///
/// What later stages of training make of it: one scale per class on the logits (LWS), and a centre that features are
/// measured from before they are brought to unit length (NCM).
#[derive(Module, Debug)]
pub struct Classifier {
    pub(super) weight: Param<Tensor<2>>,
    pub(super) bias: Option<Param<Tensor<1>>>,
    pub(super) class_scale: Option<Param<Tensor<1>>>,
    pub(super) centre: Option<Param<Tensor<1>>>,
    pub(super) scale: Option<f64>,
}

impl Classifier {
    /// `f = W x + b`, PyTorch's default initialisation or a kaiming-normal weight.
    pub fn linear(input: usize, classes: usize, kaiming: bool, init: &mut Initialiser) -> Self {
        let bound = 1.0 / (input as f64).sqrt();
        let weight = if kaiming {
            init.kaiming_normal([classes, input], input)
        } else {
            init.uniform([classes, input], bound)
        };
        let bias = Some(init.bias(classes, bound));
        Self { weight, bias, class_scale: None, centre: None, scale: None }
    }

    /// `f = scale · cos(x, w)`, class vectors drawn uniformly and brought to unit length.
    pub fn cosine(input: usize, classes: usize, scale: f64, init: &mut Initialiser) -> Self {
        let weight = init.unit_rows([classes, input]);
        Self { weight, bias: None, class_scale: None, centre: None, scale: Some(scale) }
    }

    /// The same with a bias of `value` where it has one.
    #[must_use]
    pub fn with_bias(self, value: f64, init: &mut Initialiser) -> Self {
        let classes = self.weight.dims()[0];
        let bias = self.bias.is_some().then(|| init.constant_bias(classes, value as f32));
        Self { bias, ..self }
    }

    /// The same with one scale per class on its logits, 1 at first.
    #[must_use]
    pub fn with_class_scales(self, init: &mut Initialiser) -> Self {
        let classes = self.weight.dims()[0];
        init.enter(Part::ClassScales);
        Self { class_scale: Some(init.constant([classes], 1.0)), ..self }
    }

    /// The same without what is added to its logits.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Self { bias: None, ..self }
    }

    /// The nearest of class means, as a linear layer on centred features of unit length: all zero until they are
    /// computed.
    pub fn class_means(input: usize, classes: usize, init: &mut Initialiser) -> Self {
        Self {
            weight: init.constant([classes, input], 0.0),
            bias: Some(init.constant_bias(classes, 0.0)),
            class_scale: None,
            centre: Some(init.statistic(input, 0.0)),
            scale: None,
        }
    }

    /// The same with class vectors w / ‖w‖^p.
    #[must_use]
    pub fn with_tau_normalised(self, p: f64) -> Self {
        let normalised = |old: Tensor<2>| like(tau_normalise(old.clone().inner(), p), &old);
        Self { weight: self.weight.map(normalised), ..self }
    }

    /// The same as the nearest of class means: −‖x − μ_c‖² = 2 μ_c·x − ‖μ_c‖² − ‖x‖², of which the last is common to all
    /// classes.
    #[must_use]
    pub fn with_means(self, means: &NearestClassMean) -> Self {
        let of_class = means.class_means();
        let weights = of_class.iter().flatten().map(|value| (2.0 * value) as f32).collect();
        let norms = of_class.iter().map(|mean| -mean.iter().map(|v| v * v).sum::<f64>() as f32);
        let norms: Vec<f32> = norms.collect();
        let centre: Vec<f32> = means.feature_mean().iter().map(|value| *value as f32).collect();
        let weight = self.weight.map(|old| filled(weights, old));
        let bias = self.bias.map(|bias| bias.map(|old| filled(norms, old)));
        let centre = self.centre.map(|bias| bias.map(|old| filled(centre, old)));
        Self { weight, bias, centre, ..self }
    }

    /// `features`: `[rows, input]`; gives logits `[rows, classes]`.
    pub fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        let features = match &self.centre {
            Some(centre) => l2_normalise(features - centre.val().unsqueeze()),
            None => features,
        };
        let logits = match (self.scale, &self.bias) {
            (Some(scale), _) => l2_normalise(features)
                .matmul(l2_normalise(self.weight.val()).transpose())
                .mul_scalar(scale),
            (None, Some(bias)) => {
                features.matmul(self.weight.val().transpose()) + bias.val().unsqueeze()
            }
            (None, None) => features.matmul(self.weight.val().transpose()),
        };
        match &self.class_scale {
            Some(scale) => logits * scale.val().unsqueeze(),
            None => logits,
        }
    }

    /// Class vectors, `[classes, input]`: the prototype head's input.
    pub fn weight(&self) -> Tensor<2> {
        self.weight.val()
    }
}

/// `values` in the shape and on the device of `old`.
fn filled<const D: usize>(values: Vec<f32>, old: Tensor<D>) -> Tensor<D> {
    let data = TensorData::new(values, old.dims());
    like(Tensor::from_data(data, &old.device().inner()), &old)
}

/// `value`, which has no gradient, on a device with gradients where `old` is.
fn like<const D: usize>(value: Tensor<D>, old: &Tensor<D>) -> Tensor<D> {
    if old.device().is_autodiff() { value.autodiff() } else { value }
}
