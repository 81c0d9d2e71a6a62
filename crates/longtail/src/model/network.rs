use burn::{
    module::Module,
    tensor::{DType, Device, Tensor},
};
use serde::{Deserialize, Serialize};

use super::{Classifier, Initialiser, Mlp, ModelError, Pass, ResNetCifar, l2_normalise};

/// Which classification layer reads the features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassifierKind {
    /// `W x + b`.
    Linear,
    /// `scale · cos(x, w)`.
    Cosine,
}

/// How the heads and the classifier start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitHeads {
    /// PyTorch's default, uniform in ±1/√in, as in BCL's code.
    TorchDefault,
    /// Kaiming-normal weights, as in CUDA_LTR's code.
    Kaiming,
}

/// How the rows of the views share batch statistics (`docs/method.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BnGroups {
    /// All views in one encoder pass.
    Joint,
    /// Each view on its own; running statistics see the classifier's view.
    PerView,
}

/// The type in which the encoder keeps activations and multiplies. Sums, batch statistics, weights,
/// heads, losses and the optimizer are f32 in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits with the range of f32.
    Bf16,
    /// 16 bits with more digits and less range: gradients are scaled so that they stay within it.
    F16,
}

impl Precision {
    /// The type.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
            Self::F16 => DType::F16,
        }
    }

    /// `f32`, `bf16` or `f16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }
}

/// What a [`Network`] consists of.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkConfig {
    /// Layers of the CIFAR ResNet, 6n+2.
    pub depth: usize,
    /// Number of classes C.
    pub classes: usize,
    /// Classification layer.
    pub classifier: ClassifierKind,
    /// Scale of the cosine classifier.
    pub cosine_scale: f64,
    /// Hidden and output width of the projection head; `None`: no contrastive branch.
    pub head: Option<[usize; 2]>,
    /// Whether class prototypes are made (by a head of their own, of the same widths).
    pub prototypes: bool,
    /// How heads and classifier start.
    pub init_heads: InitHeads,
    /// The encoder's type.
    pub precision: Precision,
}

/// Encoder, classifier and the heads of the contrastive branch (`docs/method.md`).
#[derive(Module, Debug)]
pub struct Network {
    encoder: ResNetCifar,
    head: Option<Mlp>,
    fc: Classifier,
    head_fc: Option<Mlp>,
    #[module(skip)]
    precision: Precision,
}

impl Network {
    /// A network with weights drawn from `seed`.
    ///
    /// # Errors
    /// [`ModelError::Depth`].
    pub fn new(config: &NetworkConfig, seed: u64, device: &Device) -> Result<Self, ModelError> {
        let mut init = Initialiser::new(seed, device);
        let features = ResNetCifar::FEATURES;
        let kaiming = config.init_heads == InitHeads::Kaiming;
        let encoder = ResNetCifar::new(config.depth, &mut init)?;
        let fc = match config.classifier {
            ClassifierKind::Linear => {
                Classifier::linear(features, config.classes, kaiming, &mut init)
            }
            ClassifierKind::Cosine => {
                Classifier::cosine(features, config.classes, config.cosine_scale, &mut init)
            }
        };
        let mut mlp =
            |[hidden, output]: [usize; 2]| Mlp::new([features, hidden, output], kaiming, &mut init);
        let head = config.head.map(&mut mlp);
        let head_fc = config.head.filter(|_| config.prototypes).map(&mut mlp);
        Ok(Self { encoder, head, fc, head_fc, precision: config.precision })
    }

    /// `images`: `[rows, height, width, 3]`; gives features `[rows, 64]`.
    pub fn features(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<2> {
        let images = match self.precision {
            Precision::F32 => images,
            low => images.cast(low.dtype()),
        };
        self.encoder.forward(images, pass)
    }

    /// `features`: `[rows, 64]`; gives logits `[rows, classes]`.
    pub fn logits(&self, features: Tensor<2>) -> Tensor<2> {
        self.fc.forward(features)
    }

    /// Projections z of unit length, `[rows, projection]`; `None` without a contrastive branch.
    pub fn projections(&self, features: Tensor<2>, pass: &mut Pass<'_>) -> Option<Tensor<2>> {
        Some(l2_normalise(self.head.as_ref()?.forward(features, pass)))
    }

    /// Class prototypes c of unit length, `[classes, projection]`, from the classifier's class
    /// vectors; `None` where the method uses none.
    pub fn prototypes(&self, pass: &mut Pass<'_>) -> Option<Tensor<2>> {
        Some(l2_normalise(self.head_fc.as_ref()?.forward(self.fc.weight(), pass)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device;

    fn config(classes: usize) -> NetworkConfig {
        NetworkConfig {
            depth: 32,
            classes,
            classifier: ClassifierKind::Linear,
            cosine_scale: 30.0,
            head: Some([512, 128]),
            prototypes: true,
            init_heads: InitHeads::TorchDefault,
            precision: Precision::F32,
        }
    }

    /// Trainable parameters; running statistics are state, not parameters.
    fn parameters(config: &NetworkConfig) -> usize {
        let network = Network::new(config, 0, &device::cpu()).unwrap();
        crate::model::weights::state(&network)
            .iter()
            .filter(|(name, _)| !name.contains("running_"))
            .map(|(_, tensor)| tensor.values.len())
            .sum()
    }

    #[test]
    fn parameter_counts_are_the_reference_codes() {
        assert_eq!(parameters(&config(10)), 664_090);
        assert_eq!(parameters(&config(100)), 669_940);
        let classifier_only = NetworkConfig { head: None, ..config(10) };
        assert_eq!(parameters(&classifier_only), 464_154);
    }

    #[test]
    fn depth_must_be_6n_plus_2() {
        for depth in [0, 2, 7, 31, 33, 51] {
            let bad = NetworkConfig { depth, ..config(10) };
            assert!(Network::new(&bad, 0, &device::cpu()).is_err(), "depth {depth}");
        }
        for depth in [8, 14, 20, 56] {
            let good = NetworkConfig { depth, ..config(10) };
            assert!(Network::new(&good, 0, &device::cpu()).is_ok(), "depth {depth}");
        }
    }

    #[test]
    fn odd_image_sizes_pass_through_both_shortcuts() {
        let network = Network::new(&config(3), 0, &device::cpu()).unwrap();
        let images = Tensor::ones([2, 9, 13, 3], &device::cpu());
        let features = network.features(images, &mut Pass::Eval);
        assert_eq!(features.dims(), [2, 64]);
        assert_eq!(network.logits(features).dims(), [2, 3]);
    }
}
