//! Logit-adjusted classifier and supervised contrastive loss on two SimAugment views.

use super::{Definition, TEMPERATURE, parts::classifier_and_contrastive};
use crate::loss::Contrastive;

pub(super) const DEFINITION: Definition = Definition {
    name: "scl",
    rows: "Tables 1 and 2: LC + SCL",
    contrastive: Some(Contrastive::scl(TEMPERATURE)),
    first_stage: None,
    knobs: &[],
    plan: classifier_and_contrastive,
};
