//! Plain cross entropy on the classifier's view: what every remedy is measured against.

use super::{ClassifierLoss, MethodSpec};

pub(super) const SPEC: MethodSpec = MethodSpec {
    name: "ce",
    rows: "Table 3: Cross Entropy",
    classifier_loss: ClassifierLoss::CrossEntropy,
    contrastive: None,
};
