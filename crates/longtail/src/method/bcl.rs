//! Logit-adjusted classifier and balanced contrastive loss (Eq. 3), with class prototypes.

use super::{Definition, TEMPERATURE, parts::classifier_and_contrastive};
use crate::loss::Contrastive;

pub(super) const DEFINITION: Definition = Definition {
    name: "bcl",
    rows: "Tables 1 to 3: BCL",
    contrastive: Some(Contrastive::bcl(TEMPERATURE)),
    first_stage: None,
    knobs: &[],
    plan: classifier_and_contrastive,
};
