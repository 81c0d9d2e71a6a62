//! A classifier trained anew with class-balanced sampling (Kang et al. 2020: cRT).

use super::{
    Definition,
    decoupled::{TRAINED, definition, retrained},
};
use crate::model::{ClassifierStart, Part};

pub(super) const DEFINITION: Definition = definition("crt", TRAINED, |settings, counts| {
    retrained(settings, counts, ClassifierStart::New, Part::Classifier)
});
