//! What more than one test draws.

use longtail::loss::{ClassAverage, Contrastive, Normaliser, Prior};
use proptest::prelude::*;

/// A contrastive loss with every knob.
pub fn any_loss() -> impl Strategy<Value = Contrastive> {
    (
        prop_oneof![Just(0.01), Just(0.07), Just(0.1), Just(1.0)],
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        prop_oneof![
            Just(ClassAverage::None),
            Just(ClassAverage::TermsPresent),
            Just(ClassAverage::Printed)
        ],
        prop_oneof![
            Just((Prior::Off, 1.0)),
            Just((Prior::Counts, 0.5)),
            Just((Prior::Counts, 1.0))
        ],
    )
        .prop_map(|(temperature, include_self, mean, prototypes, class_average, prior)| {
            let (prior, prior_exponent) = prior;
            let normaliser =
                if mean { Normaliser::MeanOverPositives } else { Normaliser::BatchCount };
            Contrastive {
                temperature,
                include_self,
                normaliser,
                class_average,
                prototypes,
                prior,
                prior_exponent,
            }
        })
}
