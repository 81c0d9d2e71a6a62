//! Logit-adjusted classifier and supervised contrastive loss on two SimAugment views.

use crate::loss::Contrastive;

use super::{ClassifierLoss, MethodSpec, TEMPERATURE};

pub(super) const SPEC: MethodSpec = MethodSpec {
    name: "scl",
    rows: "Tables 1 and 2: LC + SCL",
    classifier_loss: ClassifierLoss::LogitAdjusted,
    contrastive: Some(Contrastive::scl(TEMPERATURE)),
};
