use std::path::PathBuf;

use super::{Backbone, BnGroups, ClassifierKind, InitHeads};
use crate::section::{Limits, section};

section! {
    /// `[model]`
    "model" Model, ModelTyped {
        /// resnet32 or another CIFAR ResNet of depth 6n+2; for large images resnet18, resnet34, resnet50 or resnext50_32x4d.
        backbone: Backbone =>
            r#"`"resnet8"`, `"resnet20"`, `"resnet32"`, `"resnet56"` or another depth 6n+2; `"resnet18"`, `"resnet34"`, `"resnet50"`, `"resnext50_32x4d"`"#, "paper §4.2; Longtail",
            elsewhere "resnet8, 14 or 32 by the number of images in folders and lists";
        /// A file of weights that the network begins with: safetensors, or what torch.save writes of a state dict.
        weights: PathBuf =>
            r#"path of a file of weights to begin with; `""`: none"#, "–", default "weights are drawn";
        /// What tells those weights from others, wherever they lie.
        weights_digest: String =>
            r#"which weights those are, written down when a run begins; `""`: any"#, "–", default "any";
        /// Classification layer.
        classifier: ClassifierKind =>
            r#"`"linear"`, `"cosine"`"#, "BCL on CIFAR";
        /// Scale of the cosine classifier.
        cosine_scale: f64 =>
            "above 0; for the cosine classifier", "BCL's code", within Limits::POSITIVE.capped(Limits::LARGEST_FACTOR);
        /// Hidden width of both heads.
        head_hidden: usize =>
            "width between the layers of both heads", "BCL on CIFAR",
            within Limits::from(1.0, "a head has at least one feature").capped(16_384.0);
        /// Output width of both heads.
        head_out: usize =>
            "width of z and c", "BCL on CIFAR",
            within Limits::from(1.0, "a head has at least one feature").capped(16_384.0);
        /// How heads and classifier start.
        init_heads: InitHeads =>
            r#"`"torch-default"`: uniform; `"kaiming"`: normal"#, "BCL's code";
        /// How views share batch statistics.
        bn_groups: BnGroups =>
            r#"`"joint"`: one batch of all views; `"per-view"`: one batch per view, running statistics from v1"#,
            "ProCo's code";
        /// Whether the head's batch norm sees the classifier's view.
        head_on_cls_view: bool =>
            "`true`, `false`: whether the batch norm of the head sees v1", "BCL's code";
    }
}

impl ModelTyped {
    /// With the digest of the weights beside it, and of no others.
    pub(crate) fn with_own_digest(mut self) -> Self {
        if self.weights.is_some() {
            self.weights_digest.get_or_insert_default();
        }
        self
    }

    /// Whether it names a file of weights.
    pub(crate) fn names_weights(&self) -> bool {
        self.weights.as_ref().is_some_and(|path| !path.as_os_str().is_empty())
    }
}
