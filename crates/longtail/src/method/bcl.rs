//! Logit-adjusted classifier and balanced contrastive loss (Eq. 3), with class prototypes.

use crate::loss::Contrastive;

use super::{ClassifierLoss, MethodSpec, TEMPERATURE};

pub(super) const SPEC: MethodSpec = MethodSpec {
    name: "bcl",
    rows: "Tables 1 to 3: BCL",
    classifier_loss: ClassifierLoss::LogitAdjusted,
    contrastive: Some(Contrastive::bcl(TEMPERATURE)),
};
