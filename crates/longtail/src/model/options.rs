use super::{Backbone, BnGroups, ClassifierKind, InitHeads};
use crate::section::section;

section! {
    /// `[model]`
    Model, ModelTyped {
        /// `resnet32` or another depth 6n+2.
        backbone: Backbone,
        /// Classification layer.
        classifier: ClassifierKind,
        /// Scale of the cosine classifier.
        cosine_scale: f64,
        /// Hidden width of both heads.
        head_hidden: usize,
        /// Output width of both heads.
        head_out: usize,
        /// How heads and classifier start.
        init_heads: InitHeads,
        /// How views share batch statistics.
        bn_groups: BnGroups,
        /// Whether the head's batch norm sees the classifier's view.
        head_on_cls_view: bool,
    }
}
