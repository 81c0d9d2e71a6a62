use super::{
    Backbone, Branch, Branches, Classifier, Encoder, EncoderConfig, Initialiser, ModelError,
    Precision,
};
use crate::choice::choice;

choice! {
    /// Which classification layer reads the features.
    ClassifierKind {
        /// `W x + b`.
        Linear = "linear",
        /// `scale · cos(x, w)`.
        Cosine = "cosine",
    }
}

choice! {
    /// How the heads and the classifier start.
    InitHeads {
        /// PyTorch's default, uniform in ±1/√in, as in BCL's code.
        TorchDefault = "torch-default",
        /// Kaiming-normal weights, as in CUDA_LTR's code.
        Kaiming = "kaiming",
    }
}

choice! {
    /// How the rows of the views share batch statistics (`docs/method.md`).
    BnGroups {
        /// All views in one encoder pass.
        Joint = "joint",
        /// Each view on its own; running statistics see the classifier's view.
        PerView = "per-view",
    }
}

/// What a [`super::Network`] consists of.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkConfig {
    /// From images to features.
    pub encoder: EncoderConfig,
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
    /// Where it has several branches.
    pub branches: Branches,
    /// What a linear classifier's bias starts as; `None`: as PyTorch's does.
    pub classifier_bias: Option<f64>,
}

/// What a stage of training makes of the classifier that it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClassifierStart {
    /// It stays.
    #[default]
    Keep,
    /// A new one of the same kind takes its place (cRT).
    New,
    /// It gets one scale per class, 1 at first (LWS).
    ClassScales,
    /// It loses its bias (τ-norm).
    NoBias,
    /// Class means take its place (NCM).
    ClassMeans,
    /// It stays, and gates say which images need another expert (RIDE).
    Gates,
}

impl NetworkConfig {
    /// A backbone of one branch in f32 with a linear classifier, which starts as PyTorch's, and nothing else.
    ///
    /// ```
    /// use longtail::model::{Backbone, NetworkConfig, ResNetKind};
    ///
    /// let config = NetworkConfig::new(Backbone::ResNet(ResNetKind::ResNet50), 1000);
    /// // With a contrastive branch.
    /// let contrastive = NetworkConfig { head: Some([2048, 1024]), prototypes: true, ..config };
    /// assert_eq!(contrastive.classes, 1000);
    /// ```
    pub fn new(backbone: Backbone, classes: usize) -> Self {
        Self {
            encoder: EncoderConfig::Backbone(backbone),
            classes,
            classifier: ClassifierKind::Linear,
            cosine_scale: 30.0,
            head: None,
            prototypes: false,
            init_heads: InitHeads::TorchDefault,
            precision: Precision::F32,
            branches: Branches::One,
            classifier_bias: None,
        }
    }

    /// About how many weights a network of it has; those of encoders from outside are not known.
    pub(crate) fn parameters(&self) -> usize {
        let EncoderConfig::Backbone(backbone) = &self.encoder else { return 0 };
        let features = backbone.features_of(self.branches);
        let head = |[hidden, output]: [usize; 2]| (features + output) * hidden;
        let heads = self.head.map_or(0, head) * (1 + usize::from(self.prototypes));
        backbone.parameters(self.branches) + heads + features * self.classes
    }

    pub(super) fn encoder(&self, init: &mut Initialiser) -> Result<Encoder, ModelError> {
        match &self.encoder {
            EncoderConfig::Own { name, .. } if self.precision != Precision::F32 => {
                Err(ModelError::Precision { encoder: name.clone() })
            }
            config => Encoder::new(config, self.branches, init),
        }
    }

    pub(super) fn branches(&self, init: &mut Initialiser) -> Vec<Branch> {
        match self.encoder {
            EncoderConfig::Backbone(backbone) => self.branches.make(backbone, init),
            EncoderConfig::Own { .. } => Vec::new(),
        }
    }

    pub(super) fn new_classifier(&self, features: usize, init: &mut Initialiser) -> Classifier {
        let classes = self.classes;
        let classifier = match self.classifier {
            ClassifierKind::Linear => {
                let kaiming = self.init_heads == InitHeads::Kaiming;
                Classifier::linear(features, classes, kaiming, init)
            }
            ClassifierKind::Cosine => {
                Classifier::cosine(features, classes, self.cosine_scale, init)
            }
        };
        match self.classifier_bias {
            Some(value) => classifier.with_bias(value, init),
            None => classifier,
        }
    }
}
