//! Logit-adjusted classifier and the rebalanced loss on the balanced one (Eq. 5).

use super::{Definition, TEMPERATURE, parts::classifier_and_contrastive};
use crate::loss::Contrastive;

pub(super) const DEFINITION: Definition = Definition {
    name: "bcl+rcl",
    rows: "Tables 1 to 3: BCL+RCL",
    contrastive: Some(Contrastive::bcl_rcl(TEMPERATURE)),
    first_stage: None,
    knobs: &[],
    plan: classifier_and_contrastive,
};
