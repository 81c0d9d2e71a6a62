//! Logit-adjusted cross entropy on the classifier's view (Eq. 2).

use super::{
    Definition,
    parts::{adjusted, classifier_alone},
};

pub(super) const DEFINITION: Definition = Definition {
    name: "la",
    rows: "Tables 1 and 2: LC alone; Table 3: LogitAdjust",
    contrastive: None,
    first_stage: None,
    knobs: &[],
    plan: |settings, counts| classifier_alone(settings, counts, adjusted(settings)),
};
