//! Balanced softmax on the classifier's view (Eq. 1), the first stage of BALMS.

use super::{ClassifierLoss, MethodSpec};

pub(super) const SPEC: MethodSpec = MethodSpec {
    name: "balanced-softmax",
    rows: "first stage of Table 3: BALMS",
    classifier_loss: ClassifierLoss::BalancedSoftmax,
    contrastive: None,
};
