//! Logit-adjusted cross entropy on the classifier's view (Eq. 2).

use super::{ClassifierLoss, MethodSpec};

pub(super) const SPEC: MethodSpec = MethodSpec {
    name: "la",
    rows: "Tables 1 and 2: LC alone; Table 3: LogitAdjust",
    classifier_loss: ClassifierLoss::LogitAdjusted,
    contrastive: None,
};
