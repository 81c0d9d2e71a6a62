//! Balanced softmax on the classifier's view (Eq. 1), the first stage of BALMS.

use super::{Definition, parts::classifier_alone};
use crate::loss::ClassifierLoss;

pub(super) const DEFINITION: Definition = Definition {
    name: "balanced-softmax",
    rows: "first stage of Table 3: BALMS",
    contrastive: None,
    first_stage: None,
    knobs: &[],
    plan: |settings, counts| classifier_alone(settings, counts, ClassifierLoss::BalancedSoftmax),
};
