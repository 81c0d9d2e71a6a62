//! Logit-adjusted classifier and rebalanced contrastive loss (Eq. 4).

use crate::loss::Contrastive;

use super::{ClassifierLoss, MethodSpec, TEMPERATURE};

pub(super) const SPEC: MethodSpec = MethodSpec {
    name: "rcl",
    rows: "Tables 1 to 3: RCL",
    classifier_loss: ClassifierLoss::LogitAdjusted,
    contrastive: Some(Contrastive::rcl(TEMPERATURE)),
};
