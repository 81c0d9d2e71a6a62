//! What the decoupled systems share (Kang et al. 2020): cross entropy on images as they come, then another classifier on
//! the features, which stay.

use super::{
    ComputeClassifier, Definition, Knob, Method, Plan, Settings, Stage, deferred::share_of, parts,
};
use crate::{
    batch::{SamplerConfig, Sampling},
    loss::{ClassCounts, ClassifierLoss},
    model::{ClassifierStart, Part},
    optim::{Decay, Schedule},
};

/// Images of a class in a row (`num_samples_cls` of the public code).
const IMAGES_PER_DRAW: usize = 4;

const CLASSIFIER_EPOCHS: Knob = Knob::number(
    "classifier_epochs",
    [0.15, 0.0, 10.0],
    "epochs of the second stage, as a share of the first's",
    "30 after 200 in BagofTricks; 10 after 90 on ImageNet-LT (Kang et al.)",
);
const CLASSIFIER_LR: Knob = Knob::number(
    "classifier_lr",
    [0.1, 1e-9, 1e9],
    "learning rate of the second stage",
    "BagofTricks; .2 on ImageNet-LT (Kang et al.)",
);
const CLASSIFIER_COSINE: Knob = Knob::flag(
    "classifier_cosine",
    false,
    "whether it falls by a cosine, instead of to a tenth after one and two thirds",
    "steps at 10 and 20 of 30 in BagofTricks; a cosine in Kang et al.",
);

/// The knobs of a second stage that is trained.
pub(super) const TRAINED: &[Knob] = &[CLASSIFIER_EPOCHS, CLASSIFIER_LR, CLASSIFIER_COSINE];

/// A definition of a decoupled system.
pub(super) const fn definition(
    name: &'static str,
    knobs: &'static [Knob],
    plan: fn(&Settings<'_>, &ClassCounts) -> Plan,
) -> Definition {
    Definition {
        name,
        rows: "Tables 3 and 4: Decoupled",
        contrastive: None,
        first_stage: Some(Method::Ce),
        knobs,
        plan,
    }
}

/// A second stage that trains `part` alone with class-balanced sampling.
pub(super) fn retrained(
    settings: &Settings<'_>,
    counts: &ClassCounts,
    start: ClassifierStart,
    part: Part,
) -> Plan {
    let knobs = &settings.method.knobs;
    let epochs = share_of(CLASSIFIER_EPOCHS.real(knobs), settings.train.epochs).max(1);
    let lr = CLASSIFIER_LR.real(knobs);
    let steps = Schedule {
        decay: Decay::Step,
        milestones: vec![epochs / 3, 2 * epochs / 3],
        gamma: 0.1,
        ..Schedule::cosine(lr, epochs)
    };
    let sampler = SamplerConfig {
        images_per_draw: IMAGES_PER_DRAW,
        epochs,
        ..parts::sampler(settings, Sampling::ClassBalanced)
    };
    two_stages(settings, counts, |stage| Stage {
        epochs,
        start,
        trains: vec![part],
        samplers: vec![sampler],
        schedule: if CLASSIFIER_COSINE.is_on(knobs) { Schedule::cosine(lr, epochs) } else { steps },
        ..stage
    })
}

/// A second stage that computes the classifier.
pub(super) fn computed(
    settings: &Settings<'_>,
    counts: &ClassCounts,
    start: ClassifierStart,
    compute: impl ComputeClassifier + 'static,
) -> Plan {
    two_stages(settings, counts, |stage| Stage {
        epochs: 0,
        start,
        computed: Some(Box::new(compute)),
        trains: Vec::new(),
        ..stage
    })
}

/// Plain cross entropy, then what `second` makes of the same.
fn two_stages(
    settings: &Settings<'_>,
    counts: &ClassCounts,
    second: impl FnOnce(Stage) -> Stage,
) -> Plan {
    let mut plan = parts::classifier_alone(settings, counts, ClassifierLoss::CrossEntropy);
    plan.stages.iter_mut().for_each(|stage| stage.name = "representation");
    let objective = parts::objective(settings, counts, ClassifierLoss::CrossEntropy, None);
    let same = parts::stage(settings, parts::views(settings, 1), Box::new(objective));
    plan.stages.push(second(Stage { name: "classifier", ..same }));
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::{Method, tests::recipe};

    fn plan(method: &str, more: &str) -> Plan {
        Method::plan(&recipe(method, more).settings(), &ClassCounts::new(vec![90, 9, 3]).unwrap())
    }

    #[test]
    fn the_second_stage_trains_the_classifier_alone_on_classes_drawn_alike() {
        for (method, part) in [("crt", Part::Classifier), ("lws", Part::ClassScales)] {
            let plan = plan(method, "");
            let [first, second] = &plan.stages[..] else { panic!("{method}") };
            assert_eq!((first.epochs, second.epochs, plan.epochs()), (200, 30, 230), "{method}");
            assert_eq!((first.trains.len(), &second.trains[..]), (Part::ALL.len(), &[part][..]));
            assert_eq!(first.samplers[0].sampling, Sampling::Instance);
            assert_eq!(second.samplers[0].sampling, Sampling::ClassBalanced);
            let lr = [0, 9, 10, 20].map(|epoch| second.schedule.lr(epoch));
            assert!((lr[0] - 0.1).abs() + (lr[1] - 0.1).abs() < 1e-12, "{lr:?}");
            assert!((lr[2] - 0.01).abs() + (lr[3] - 0.001).abs() < 1e-12, "{lr:?}");
        }
    }

    #[test]
    fn a_computed_classifier_takes_no_epoch() {
        for method in ["tau-norm", "ncm"] {
            let plan = plan(method, "[train]\nepochs = 20\n");
            assert_eq!((plan.epochs(), plan.stages[1].epochs), (20, 0), "{method}");
            assert_eq!(plan.place(20).stage, 1, "{method}");
            assert!(plan.stages[1].computed.is_some(), "{method}");
        }
    }
}
