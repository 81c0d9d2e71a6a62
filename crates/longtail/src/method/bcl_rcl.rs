//! Logit-adjusted classifier and the rebalanced loss on the balanced one (Eq. 5).

use crate::loss::Contrastive;

use super::{ClassifierLoss, MethodSpec, TEMPERATURE};

pub(super) const SPEC: MethodSpec = MethodSpec {
    name: "bcl+rcl",
    rows: "Tables 1 to 3: BCL+RCL",
    classifier_loss: ClassifierLoss::LogitAdjusted,
    contrastive: Some(Contrastive::bcl_rcl(TEMPERATURE)),
};
