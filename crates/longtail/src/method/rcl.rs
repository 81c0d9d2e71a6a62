//! Logit-adjusted classifier and rebalanced contrastive loss (Eq. 4).

use super::{Definition, TEMPERATURE, parts::classifier_and_contrastive};
use crate::loss::Contrastive;

pub(super) const DEFINITION: Definition = Definition {
    name: "rcl",
    rows: "Tables 1 to 3: RCL",
    contrastive: Some(Contrastive::rcl(TEMPERATURE)),
    first_stage: None,
    knobs: &[],
    plan: classifier_and_contrastive,
};
