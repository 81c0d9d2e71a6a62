//! Class-balanced focal loss over independent sigmoids (Cui et al. 2019).

use super::{Definition, Knob, Plan, Settings, parts};
use crate::{
    loss::{
        ClassCounts, Draw, LossError, Losses, Moment, Objective, class_balanced_focal,
        class_balanced_softmax_focal, classifier_alone,
    },
    model::{Network, NetworkConfig},
};

const BETA: Knob = Knob::number(
    "beta",
    [0.9999, 0.0, 0.999_999_999],
    "β of the effective numbers that weigh classes, 0: none",
    "the best of .9, .99, .999, .9999 on CIFAR-10-LT (Cui et al.); .9 on CIFAR-100-LT in BagofTricks",
);
const GAMMA: Knob = Knob::number(
    "gamma",
    [1.0, 0.0, 10.0],
    "γ, by which well classified images count less",
    "BagofTricks; Cui et al. tried .5, 1, 2",
);
const SOFTMAX: Knob = Knob::flag(
    "softmax",
    false,
    "whether classes share a softmax instead of having a sigmoid each",
    "the sigmoid form is Cui et al.'s",
);

pub(super) const DEFINITION: Definition = Definition {
    name: "cb-focal",
    rows: "Tables 3 and 4: CB+Focal",
    contrastive: None,
    first_stage: None,
    knobs: &[BETA, GAMMA, SOFTMAX],
    plan,
};

fn plan(settings: &Settings<'_>, counts: &ClassCounts) -> Plan {
    let knobs = &settings.method.knobs;
    let softmax = SOFTMAX.is_on(knobs);
    let objective = CbFocal {
        counts: counts.clone(),
        beta: BETA.real(knobs),
        gamma: GAMMA.real(knobs),
        softmax,
    };
    // Every sigmoid begins at 1/C, so that the many negative classes do not drown the first steps.
    let others = counts.classes().saturating_sub(1).max(1) as f64;
    let network = NetworkConfig {
        classifier_bias: (!softmax).then(|| -others.ln()),
        ..parts::network(settings, counts.classes(), None)
    };
    let mut stage = parts::stage(settings, parts::views(settings, 1), Box::new(objective));
    stage.optimizer.weight_decay_on_classifier_bias = softmax;
    Plan { network, stages: vec![stage] }
}

#[derive(Debug)]
struct CbFocal {
    counts: ClassCounts,
    beta: f64,
    gamma: f64,
    softmax: bool,
}

impl Objective for CbFocal {
    fn class_factors(&self, _: Moment) -> Option<Vec<f64>> {
        Some(self.counts.class_balanced_weights(self.beta))
    }

    fn losses(&self, network: &Network, draws: &[Draw], _: Moment) -> Result<Losses, LossError> {
        let loss = if self.softmax { class_balanced_softmax_focal } else { class_balanced_focal };
        classifier_alone(network, draws, "focal", |logits, labels| {
            loss(logits, labels, &self.counts, self.beta, self.gamma)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::tests::recipe;

    #[test]
    fn the_sigmoid_form_begins_at_one_over_the_classes_and_spares_the_bias() {
        let counts = ClassCounts::new(vec![9, 3, 2, 1, 1]).unwrap();
        let sigmoid = plan(&recipe("cb-focal", "").settings(), &counts);
        let bias = sigmoid.network.classifier_bias.unwrap();
        assert!((1.0 / (1.0 + (-bias).exp()) - 0.2).abs() < 1e-12, "{bias}");
        assert!(!sigmoid.stages[0].optimizer.weight_decay_on_classifier_bias);
        let softmax = plan(&recipe("cb-focal", "[method]\nsoftmax = true\n").settings(), &counts);
        assert_eq!(softmax.network.classifier_bias, None);
        assert!(softmax.stages[0].optimizer.weight_decay_on_classifier_bias);
    }
}
