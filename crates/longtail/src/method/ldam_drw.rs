//! Margins from class counts on a normalised classifier, re-weighted late (Cao et al. 2019: LDAM with DRW).

use super::{Definition, Knob, Plan, parts};
use crate::{
    loss::{
        ClassCounts, Draw, Ldam, LossError, Losses, Measure, Moment, Objective, classifier_alone,
    },
    model::{ClassifierKind, Network, NetworkConfig},
    recipe::Recipe,
};

const MAX_MARGIN: Knob = Knob::number(
    "max_margin",
    [0.5, 0.0, 1.0],
    "margin of the smallest class, in cosines",
    "LDAM's code",
);
const SCALE: Knob =
    Knob::number("scale", [30.0, 0.01, 1e4], "what cosines are multiplied with", "LDAM's code");
const BETA: Knob = Knob::number(
    "beta",
    [0.9999, 0.0, 0.999_999_999],
    "β of the effective numbers that weigh classes, 0: none",
    "LDAM's code",
);
const REWEIGHT_AT: Knob = Knob::number(
    "reweight_at",
    [0.8, 0.0, 1.0],
    "share of the epochs after which classes are weighted",
    "epoch 160 of 200 in LDAM's code",
);

pub(super) const DEFINITION: Definition = Definition {
    name: "ldam-drw",
    rows: "Table 3: LDAM+DRW",
    contrastive: None,
    knobs: &[MAX_MARGIN, SCALE, BETA, REWEIGHT_AT],
    plan,
};

fn plan(recipe: &Recipe, counts: &ClassCounts) -> Plan {
    let scale = SCALE.real(&recipe.method.knobs);
    let network = NetworkConfig {
        classifier: ClassifierKind::Cosine,
        cosine_scale: scale,
        ..parts::network(recipe, counts.classes(), None)
    };
    let objective = LdamDrw::new(recipe, counts);
    Plan {
        network,
        stages: vec![parts::stage(recipe, parts::views(recipe, 1), Box::new(objective))],
    }
}

/// The epoch after this share of `epochs`.
pub(super) fn share_of(share: f64, epochs: usize) -> usize {
    // A tenth of a billionth of an epoch is rounding: 0.8 · 200 is 160.
    (share * epochs as f64 + 1e-10).floor() as usize
}

#[derive(Debug)]
struct LdamDrw {
    ldam: Ldam,
    counts: ClassCounts,
    /// One per class.
    weights: Vec<f64>,
    /// First epoch with weights, from 0.
    start: usize,
}

impl LdamDrw {
    fn new(recipe: &Recipe, counts: &ClassCounts) -> Self {
        let knobs = &recipe.method.knobs;
        Self {
            ldam: Ldam { max_margin: MAX_MARGIN.real(knobs), scale: SCALE.real(knobs) },
            counts: counts.clone(),
            weights: counts.class_balanced_weights(BETA.real(knobs)),
            start: share_of(REWEIGHT_AT.real(knobs), recipe.train.epochs),
        }
    }

    fn weights_at(&self, moment: Moment) -> Option<&[f64]> {
        (moment.epoch >= self.start).then_some(&self.weights)
    }
}

impl Objective for LdamDrw {
    fn before_epoch(
        &mut self,
        moment: Moment,
        _: &mut dyn Measure,
    ) -> Result<Option<String>, LossError> {
        let begins = moment.epoch == self.start && moment.epoch > 0;
        Ok(begins.then(|| format!("classes are weighted from epoch {} on", self.start)))
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
    fn classes_are_weighted_from_four_fifths_on() {
        let counts = ClassCounts::new(vec![500, 50, 5]).unwrap();
        for (epochs, start) in [(200, 160), (20, 16), (7, 5)] {
            let recipe = recipe("ldam-drw", &format!("[train]\nepochs = {epochs}\n"));
            let objective = LdamDrw::new(&recipe, &counts);
            let weights = |epoch| objective.weights_at(Moment { epoch, epochs });
            assert_eq!(weights(start - 1), None, "{epochs}");
            assert_eq!(weights(start), Some(&objective.weights[..]), "{epochs}");
            assert_eq!(weights(epochs - 1), Some(&objective.weights[..]), "{epochs}");
        }
    }

    #[test]
    fn its_classifier_is_normalised_whatever_the_recipe_says() {
        let recipe = recipe("ldam-drw", "[model]\nclassifier = \"linear\"\n");
        let plan = plan(&recipe, &ClassCounts::new(vec![5, 4]).unwrap());
        assert_eq!(plan.network.classifier, ClassifierKind::Cosine);
        assert_eq!(plan.network.cosine_scale, 30.0);
    }
}
