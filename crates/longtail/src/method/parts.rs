//! What methods make their plans of: the parts that a recipe describes.

use super::{Plan, Settings, Stage};
use crate::{
    augment::{
        ClassifierConfig, ClassifierView, ContrastiveViews, PlainConfig, RandAugment,
        RandAugmentConfig, ResizedCropConfig, SimConfig, View, Views,
    },
    batch::{SamplerConfig, Sampling},
    loss::{
        ClassCounts, ClassifierContrastive, ClassifierLoss, CompressionMode, CompressionPreset,
        CompressionStart, CompressionSwitch, ContrastiveBranch, Objective,
    },
    model::{ClassifierStart, NetworkConfig, Part},
    optim::{Schedule, SgdConfig},
};

/// One stage with the classifier's loss on the first view.
pub fn classifier_alone(
    settings: &Settings<'_>,
    counts: &ClassCounts,
    classifier: ClassifierLoss,
) -> Plan {
    one_stage(settings, counts, objective(settings, counts, classifier, None))
}

/// One stage with a logit-adjusted classifier and the contrastive loss of the recipe on two views more.
pub fn classifier_and_contrastive(settings: &Settings<'_>, counts: &ClassCounts) -> Plan {
    let branch = ContrastiveBranch {
        head_on_cls_view: settings.model.head_on_cls_view,
        compression: compression(settings),
        ..ContrastiveBranch::new(*settings.contrastive, settings.loss.beta)
    };
    one_stage(settings, counts, objective(settings, counts, adjusted(settings), Some(branch)))
}

/// The logit-adjusted loss of the settings.
pub fn adjusted(settings: &Settings<'_>) -> ClassifierLoss {
    ClassifierLoss::LogitAdjusted { tau: settings.loss.tau }
}

/// The recipe's objective of a classifier on the first view and, with a branch, of a contrastive loss on all.
pub fn objective(
    settings: &Settings<'_>,
    counts: &ClassCounts,
    classifier: ClassifierLoss,
    contrastive: Option<ContrastiveBranch>,
) -> ClassifierContrastive {
    ClassifierContrastive {
        alpha: settings.loss.alpha,
        classifier,
        contrastive,
        class_counts: counts.clone(),
        bn_groups: settings.model.bn_groups,
    }
}

fn one_stage(
    settings: &Settings<'_>,
    counts: &ClassCounts,
    objective: ClassifierContrastive,
) -> Plan {
    let prototypes = objective.contrastive.as_ref().map(|branch| branch.loss.prototypes);
    let network = network(settings, counts.classes(), prototypes);
    let views = views(settings, if prototypes.is_some() { 3 } else { 1 });
    Plan { network, stages: vec![stage(settings, views, Box::new(objective))] }
}

/// The stage of the recipe's length, batch, schedule and optimizer.
pub fn stage(settings: &Settings<'_>, views: Vec<View>, objective: Box<dyn Objective>) -> Stage {
    let train = settings.train;
    Stage {
        name: "training",
        start: ClassifierStart::Keep,
        computed: None,
        trains: Part::ALL.to_vec(),
        epochs: train.epochs,
        samplers: vec![sampler(settings, Sampling::Instance)],
        micro_batch: train.micro_batch,
        views,
        objective,
        schedule: schedule(settings),
        optimizer: optimizer(settings),
    }
}

/// A sampler of the recipe's batches.
pub fn sampler(settings: &Settings<'_>, sampling: Sampling) -> SamplerConfig {
    let train = settings.train;
    SamplerConfig {
        sampling,
        batch_size: train.batch_size,
        drop_last: train.drop_last,
        epochs: train.epochs,
        ..SamplerConfig::default()
    }
}

/// The recipe's network; with a projection head where there is a contrastive branch, which may have prototypes.
pub fn network(
    settings: &Settings<'_>,
    classes: usize,
    contrastive_with_prototypes: Option<bool>,
) -> NetworkConfig {
    let model = settings.model;
    NetworkConfig {
        classifier: model.classifier,
        cosine_scale: model.cosine_scale,
        head: contrastive_with_prototypes.map(|_| [model.head_hidden, model.head_out]),
        prototypes: contrastive_with_prototypes == Some(true),
        init_heads: model.init_heads,
        precision: settings.train.precision,
        ..NetworkConfig::new(model.backbone, classes)
    }
}

/// `None` where compression is off.
fn compression(settings: &Settings<'_>) -> Option<CompressionSwitch> {
    let section = settings.compression;
    let (low, rest) = match section.preset {
        CompressionPreset::Off => return None,
        CompressionPreset::Custom => {
            let plus = f64::from(section.mode == CompressionMode::OnePlus);
            (section.factor_low + plus, section.factor_rest + plus)
        }
        preset => preset.factors()?,
    };
    let start = match section.start {
        CompressionStart::Half => settings.train.epochs / 2,
        CompressionStart::Epoch(epoch) => epoch,
    };
    Some(CompressionSwitch {
        start,
        low,
        rest,
        threshold: section.threshold,
        reevaluate: section.reevaluate,
        criterion: section.criterion_set,
        apply_to: section.apply_to,
        prototypes: section.compress_prototypes,
    })
}

/// The classifier's view, then contrastive ones.
pub fn views(settings: &Settings<'_>, count: usize) -> Vec<View> {
    let views = settings.views;
    let stack = View::Sim(SimConfig { randaugment: Some(randaugment(views)), ..sim(views) });
    let sim = View::Sim(sim(views));
    let [first, others] = match views.contrastive {
        ContrastiveViews::SimSim => [sim.clone(), sim],
        ContrastiveViews::SimRand => [sim, stack],
        ContrastiveViews::RandRand => [stack.clone(), stack],
    };
    let mut all = vec![classifier_view(views), first];
    all.resize(count.max(2), others);
    all.truncate(count);
    all
}

fn classifier_view(views: &Views) -> View {
    let scale_min = views.crop_scale_min;
    let plain = PlainConfig { scale_min, ..PlainConfig::default() };
    let crop = ResizedCropConfig { scale_min, ..ResizedCropConfig::default() };
    match views.classifier {
        ClassifierView::AutoaugmentCutout => {
            View::Classifier(ClassifierConfig { plain, ..ClassifierConfig::default() })
        }
        ClassifierView::Plain => View::Plain(plain),
        ClassifierView::ResizedCrop => View::ResizedCrop(crop),
        ClassifierView::RandAugment => View::RandAugment(RandAugmentConfig {
            crop,
            randaugment: randaugment(views),
            ..RandAugmentConfig::default()
        }),
    }
}

fn sim(views: &Views) -> SimConfig {
    let (blur_p, scale_min) = (views.sim_blur_p, views.sim_scale_min);
    SimConfig { blur_p, scale_min, ..SimConfig::default() }
}

fn randaugment(views: &Views) -> RandAugment {
    RandAugment {
        operations: views.randaugment_operations,
        magnitude: views.randaugment_magnitude,
        ..RandAugment::default()
    }
}

/// The learning rate of the recipe over its epochs.
pub fn schedule(settings: &Settings<'_>) -> Schedule {
    let section = settings.schedule;
    Schedule {
        lr: settings.optimizer.lr,
        warmup: section.warmup,
        epochs: settings.train.epochs,
        decay: section.decay,
        milestones: section.milestones.clone(),
        gamma: section.gamma,
    }
}

/// The optimizer of the settings.
pub fn optimizer(settings: &Settings<'_>) -> SgdConfig {
    let optimizer = settings.optimizer;
    SgdConfig {
        momentum: optimizer.momentum,
        nesterov: optimizer.nesterov,
        weight_decay: optimizer.weight_decay,
        weight_decay_on_bn: optimizer.weight_decay_on_bn,
        weight_decay_on_classifier_bias: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        loss::Moment,
        recipe::{Recipe, RecipeFile},
    };

    fn switch(text: &str) -> Option<CompressionSwitch> {
        let text = format!("[data]\nname = \"cifar10-lt\"\n{text}");
        let layer = RecipeFile::parse(&text, "t").unwrap();
        compression(&Recipe::resolve(&[layer]).unwrap().0.settings())
    }

    fn factors(preset: &str) -> Vec<f64> {
        let switch = switch(&format!("[compression]\npreset = \"{preset}\"")).unwrap();
        let accuracy = [Some(0.9), Some(0.19), Some(0.2), None];
        switch.compression(&switch.low_accuracy_classes(&accuracy), 4).factors
    }

    #[test]
    fn presets_are_the_readings_of_the_paper() {
        assert_eq!(factors("paper-3.3.2"), [1.0, 0.005, 1.0, 1.0]);
        assert_eq!(factors("paper-4.3"), [0.005, 1.0, 0.005, 0.005]);
        assert_eq!(factors("fcc-like"), [1.005, 2.0, 1.005, 1.005]);
        let custom = "custom\"\nmode = \"one-plus\"\nfactor_low = 0.5\nfactor_rest = 0.25";
        let switch = switch(&format!("[compression]\npreset = \"{custom}")).unwrap();
        assert_eq!(switch.compression(&[1], 2).factors, [1.25, 1.5]);
    }

    #[test]
    fn compression_starts_at_half_time_and_is_off_by_default() {
        assert!(switch("").is_none());
        let half = switch("[train]\nepochs = 25\n[compression]\npreset = \"fcc-like\"").unwrap();
        assert_eq!(half.start, 12);
        let due = |switch: &CompressionSwitch, epoch, chosen| {
            switch.is_due(Moment { epoch, epochs: 200 }, chosen)
        };
        assert!(!due(&half, 11, false) && due(&half, 12, false) && !due(&half, 13, true));
        let every =
            switch("[compression]\npreset = \"fcc-like\"\nreevaluate = \"every-epoch\"").unwrap();
        assert!(!due(&every, 99, false) && due(&every, 150, true));
    }

    #[test]
    fn chosen_classes_go_on_under_the_name_that_earlier_checkpoints_have() {
        let recipe =
            crate::method::tests::recipe("bcl+rcl", "[compression]\npreset = \"fcc-like\"\n");
        let counts = ClassCounts::new(vec![9, 3, 1]).unwrap();
        for key in ["low_accuracy_classes", "poor_classes"] {
            let mut plan = classifier_and_contrastive(&recipe.settings(), &counts);
            let objective = &mut plan.stages[0].objective;
            objective.restore(&serde_json::json!({ key: [1] }), 3).unwrap();
            assert_eq!(objective.chosen_classes(), Some(&[1][..]), "{key}");
        }
    }
}
