//! One learned scale per class on the classifier's logits (Kang et al. 2020: LWS).

use super::{
    Definition,
    decoupled::{TRAINED, definition, retrained},
};
use crate::model::{ClassifierStart, Part};

pub(super) const DEFINITION: Definition = definition("lws", TRAINED, |settings, counts| {
    retrained(settings, counts, ClassifierStart::ClassScales, Part::ClassScales)
});
