//! Plain cross entropy on the classifier's view: what every remedy is measured against.

use super::{Definition, parts::classifier_alone};
use crate::loss::ClassifierLoss;

pub(super) const DEFINITION: Definition = Definition {
    name: "ce",
    rows: "Table 3: Cross Entropy",
    contrastive: None,
    first_stage: None,
    knobs: &[],
    plan: |settings, counts| classifier_alone(settings, counts, ClassifierLoss::CrossEntropy),
};
