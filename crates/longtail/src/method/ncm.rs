//! The nearest of the class means of the features (Kang et al. 2020: NCM).

use super::{
    ComputeClassifier, Definition, Features,
    decoupled::{computed, definition},
};
use crate::{
    loss::{Criterion, LossError},
    model::{ClassifierStart, NearestClassMean, Network},
};

pub(super) const DEFINITION: Definition = definition("ncm", &[], |settings, counts| {
    computed(settings, counts, ClassifierStart::ClassMeans, ClassMeans)
});

#[derive(Debug)]
struct ClassMeans;

impl ComputeClassifier for ClassMeans {
    fn compute(
        &self,
        network: Network,
        features: &mut dyn Features,
    ) -> Result<(Network, String), LossError> {
        let of = features.of(&network, Criterion::Train)?;
        let classes = network.classes();
        let means = NearestClassMean::fit(&of.rows, &of.labels, classes)
            .map_err(|error| LossError::Measure { reason: error.to_string() })?;
        Ok((network.with_class_means(&means), format!("class means of {}", of.images)))
    }
}
