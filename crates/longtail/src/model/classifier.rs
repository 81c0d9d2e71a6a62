use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use super::{Initialiser, l2_normalise};

/// The classification layer: linear, or cosine with a fixed scale (BCL's `NormedLinear`).
#[derive(Module, Debug)]
pub struct Classifier {
    weight: Param<Tensor<2>>,
    bias: Option<Param<Tensor<1>>>,
    scale: Option<f64>,
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
        Self { weight, bias: Some(init.uniform([classes], bound)), scale: None }
    }

    /// `f = scale · cos(x, w)`, class vectors drawn uniformly and brought to unit length.
    pub fn cosine(input: usize, classes: usize, scale: f64, init: &mut Initialiser) -> Self {
        let weight = init.unit_rows([classes, input]);
        Self { weight, bias: None, scale: Some(scale) }
    }

    /// `features`: `[rows, input]`; gives logits `[rows, classes]`.
    pub fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        match (self.scale, &self.bias) {
            (Some(scale), _) => l2_normalise(features)
                .matmul(l2_normalise(self.weight.val()).transpose())
                .mul_scalar(scale),
            (None, Some(bias)) => {
                features.matmul(self.weight.val().transpose()) + bias.val().unsqueeze()
            }
            (None, None) => features.matmul(self.weight.val().transpose()),
        }
    }

    /// Class vectors, `[classes, input]`: the prototype head's input.
    pub fn weight(&self) -> Tensor<2> {
        self.weight.val()
    }
}
