//! Margins from class counts on a normalised classifier, with deferred re-weighting (Cao et al. 2019: LDAM with DRW).

use super::{
    Definition, Knob, Plan, Settings,
    deferred::{BETA, Deferred, REWEIGHT_AT},
    parts,
};
use crate::{
    loss::{
        ClassCounts, Draw, Ldam, LossError, Losses, Measure, Moment, Objective, classifier_alone,
    },
    model::{ClassifierKind, Network, NetworkConfig},
};

const MAX_MARGIN: Knob = Knob::number(
    "max_margin",
    [0.5, 0.0, 1.0],
    "margin of the smallest class, in cosines",
    "LDAM's code",
);
const SCALE: Knob =
    Knob::number("scale", [30.0, 0.01, 1e4], "what cosines are multiplied with", "LDAM's code");
pub(super) const DEFINITION: Definition = Definition {
    name: "ldam-drw",
    rows: "Table 3: LDAM+DRW",
    contrastive: None,
    first_stage: None,
    knobs: &[MAX_MARGIN, SCALE, BETA, REWEIGHT_AT],
    plan,
};

fn plan(settings: &Settings<'_>, counts: &ClassCounts) -> Plan {
    let scale = SCALE.real(&settings.method.knobs);
    let network = NetworkConfig {
        classifier: ClassifierKind::Cosine,
        cosine_scale: scale,
        ..parts::network(settings, counts.classes(), None)
    };
    let objective = LdamDrw::new(settings, counts);
    Plan {
        network,
        stages: vec![parts::stage(settings, parts::views(settings, 1), Box::new(objective))],
    }
}

#[derive(Debug)]
struct LdamDrw {
    ldam: Ldam,
    counts: ClassCounts,
    /// One per class.
    weights: Vec<f64>,
    deferred: Deferred,
}

impl LdamDrw {
    fn new(settings: &Settings<'_>, counts: &ClassCounts) -> Self {
        let knobs = &settings.method.knobs;
        Self {
            ldam: Ldam { max_margin: MAX_MARGIN.real(knobs), scale: SCALE.real(knobs) },
            counts: counts.clone(),
            weights: counts.class_balanced_weights(BETA.real(knobs)),
            deferred: Deferred::of(settings),
        }
    }

    fn weights_at(&self, moment: Moment) -> Option<&[f64]> {
        self.deferred.has_begun(moment).then_some(&self.weights)
    }
}

impl Objective for LdamDrw {
    fn before_epoch(
        &mut self,
        moment: Moment,
        _: &mut dyn Measure,
    ) -> Result<Option<String>, LossError> {
        Ok(self.deferred.said_before(moment))
    }

    /// Margins are not counted.
    fn class_factors(&self, moment: Moment) -> Option<Vec<f64>> {
        self.weights_at(moment).map(<[f64]>::to_vec)
    }

    fn losses(
        &self,
        network: &Network,
        draws: &[Draw],
        moment: Moment,
    ) -> Result<Losses, LossError> {
        classifier_alone(network, draws, "margin", |logits, labels| {
            self.ldam.loss_of_scaled(logits, labels, &self.counts, self.weights_at(moment))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::tests::recipe;

    #[test]
    fn rare_classes_weigh_more_once_weights_have_begun() {
        let counts = ClassCounts::new(vec![500, 50, 5]).unwrap();
        let objective = LdamDrw::new(&recipe("ldam-drw", "").settings(), &counts);
        let weights = |epoch| objective.weights_at(Moment { epoch, epochs: 200 });
        assert_eq!(weights(159), None);
        assert_eq!(weights(160), Some(&counts.class_balanced_weights(0.9999)[..]));
    }

    #[test]
    fn its_classifier_is_normalised_whatever_the_recipe_says() {
        let recipe = recipe("ldam-drw", "[model]\nclassifier = \"linear\"\n");
        let plan = plan(&recipe.settings(), &ClassCounts::new(vec![5, 4]).unwrap());
        assert_eq!(plan.network.classifier, ClassifierKind::Cosine);
        assert_eq!(plan.network.cosine_scale, 30.0);
    }
}
