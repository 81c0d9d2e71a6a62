//! From a checked recipe to the parts of a run.

use std::sync::Arc;

use burn::tensor::Device;
use sha2::{Digest, Sha256};

use super::{Decay, Objective, Progress, Schedule, SgdConfig, TrainError};
use crate::{
    augment::{ClassifierConfig, Normalize, PlainConfig, ResizedCropConfig, SimConfig, View},
    batch::{Loader, LoaderConfig, Position, Sampler},
    data::Sets,
    device,
    eval::{self, EvalOptions, ShotThresholds},
    loss::{ClassCounts, Contrastive, PriorCounts},
    model::{ModelError, Network, NetworkConfig},
    recipe::{ClassifierView, DecayKind, HarmonicZero, Prior, Recipe},
};

/// Refuses what does not fit the data.
pub(super) fn check(
    recipe: &Recipe,
    class_names: &[String],
    train_counts: &[usize],
) -> Result<(), TrainError> {
    let (batch_size, images) = (recipe.train.batch_size, train_counts.iter().sum());
    if batch_size > images {
        return Err(TrainError::BatchSize { batch_size, images });
    }
    match train_counts.iter().position(|&count| count == 0) {
        Some(class) => Err(TrainError::EmptyClass { class: class_names[class].clone() }),
        None => Ok(()),
    }
}

/// The beginning of a run that is made of this recipe and split.
pub(super) fn progress(
    recipe: &Recipe,
    sets: &Sets,
    device: &Device,
) -> Result<Progress, TrainError> {
    let mut progress =
        Progress::new(fingerprint(recipe, &sets.split_hash)?, device::operators(device).into());
    progress.train_counts.clone_from(&sets.train_counts);
    Ok(progress)
}

/// Hash of the recipe and the split that a run is made of.
pub(super) fn fingerprint(recipe: &Recipe, split_hash: &str) -> Result<String, TrainError> {
    Ok(hashed(&recipe.identity()?, split_hash))
}

/// That, and the same as versions before the paths of data sets were left out of it.
pub(super) fn fingerprints(recipe: &Recipe, split_hash: &str) -> Result<[String; 2], TrainError> {
    Ok([fingerprint(recipe, split_hash)?, hashed(&recipe.old_identity()?, split_hash)])
}

fn hashed(identity: &str, split: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(identity);
    hash.update(split);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The objective of a recipe for classes of `class_counts` training images.
pub fn objective(recipe: &Recipe, class_counts: &ClassCounts) -> Objective {
    let spec = recipe.method.name.spec();
    let section = &recipe.contrastive;
    let contrastive = Contrastive {
        temperature: section.temperature,
        include_self: section.include_self,
        normaliser: section.normaliser,
        class_average: section.class_average,
        prototypes: section.prototypes,
        prior: match section.prior {
            Prior::Off => PriorCounts::Off,
            Prior::Counts => PriorCounts::Exponent(section.prior_exponent),
        },
    };
    Objective {
        alpha: recipe.loss.alpha,
        beta: recipe.loss.beta,
        classifier_loss: spec.classifier_loss,
        tau: recipe.loss.tau,
        contrastive: spec.contrastive.map(|_| contrastive),
        class_counts: class_counts.clone(),
        bn_groups: recipe.model.bn_groups,
        head_on_cls_view: recipe.model.head_on_cls_view,
    }
}

/// The network of a recipe for `classes` classes, on `device`.
///
/// # Errors
/// [`ModelError`] for a depth that a checked recipe does not have.
pub fn network(recipe: &Recipe, classes: usize, device: &Device) -> Result<Network, ModelError> {
    let has_contrastive = recipe.method.name.spec().contrastive.is_some();
    let model = &recipe.model;
    let config = NetworkConfig {
        depth: recipe.depth().unwrap_or_default(),
        classes,
        classifier: model.classifier,
        cosine_scale: model.cosine_scale,
        head: has_contrastive.then_some([model.head_hidden, model.head_out]),
        prototypes: has_contrastive && recipe.contrastive.prototypes,
        init_heads: model.init_heads,
        precision: recipe.train.precision,
    };
    Network::new(&config, recipe.train.seed, device)
}

pub(super) fn schedule(recipe: &Recipe) -> Schedule {
    let section = &recipe.schedule;
    let decay = match section.decay {
        DecayKind::Cosine => Decay::Cosine,
        DecayKind::Step => {
            Decay::Step { milestones: section.milestones.clone(), gamma: section.gamma }
        }
    };
    let epochs = recipe.train.epochs;
    Schedule { lr: recipe.optimizer.lr, warmup: section.warmup, epochs, decay }
}

pub(super) fn sgd(recipe: &Recipe) -> SgdConfig {
    let optimizer = &recipe.optimizer;
    SgdConfig {
        momentum: optimizer.momentum,
        nesterov: optimizer.nesterov,
        weight_decay: optimizer.weight_decay,
        weight_decay_on_bn: optimizer.weight_decay_on_bn,
    }
}

pub(super) fn normalize(recipe: &Recipe) -> Normalize {
    Normalize { mean: recipe.views.mean, std: recipe.views.std }
}

/// The classifier's view, then the contrastive ones.
pub(super) fn views(recipe: &Recipe, objective: &Objective) -> Vec<View> {
    let views = &recipe.views;
    let scale_min = views.crop_scale_min;
    let plain = PlainConfig { scale_min, ..PlainConfig::default() };
    let classifier = match views.classifier {
        ClassifierView::AutoaugmentCutout => {
            View::Classifier(ClassifierConfig { plain, ..ClassifierConfig::default() })
        }
        ClassifierView::Plain => View::Plain(plain),
        ClassifierView::ResizedCrop => {
            View::ResizedCrop(ResizedCropConfig { scale_min, ..ResizedCropConfig::default() })
        }
    };
    let sim = View::Sim(SimConfig {
        blur_p: views.sim_blur_p,
        scale_min: views.sim_scale_min,
        ..SimConfig::default()
    });
    let mut all = vec![classifier];
    all.resize(objective.views(), sim);
    all
}

/// The order of the training images.
pub(super) fn sampler(recipe: &Recipe, sets: &Sets) -> Sampler {
    let train = &recipe.train;
    Sampler::new(sets.train.indices.clone(), train.batch_size, train.drop_last, train.seed)
}

/// Batches of views from a position on.
pub(super) fn loader(
    recipe: &Recipe,
    sets: &Sets,
    objective: &Objective,
    start: Position,
) -> Loader {
    let config = LoaderConfig {
        sampler: sampler(recipe, sets),
        views: views(recipe, objective),
        normalize: normalize(recipe),
        seed: recipe.train.seed,
    };
    Loader::start(Arc::clone(&sets.train.images), config, start)
}

/// How a recipe's figures are computed.
///
/// # Errors
/// [`TrainError::Eval`] for thresholds that contradict each other.
pub fn eval_options(recipe: &Recipe) -> Result<EvalOptions, TrainError> {
    let section = &recipe.eval;
    Ok(EvalOptions {
        harmonic_zero: match section.harmonic_zero {
            HarmonicZero::Strict => eval::HarmonicZero::Strict,
            HarmonicZero::Floor => eval::HarmonicZero::Floor(section.harmonic_floor),
            HarmonicZero::Drop => eval::HarmonicZero::Drop,
        },
        shot_thresholds: ShotThresholds::new(section.many_above, section.few_below)?,
    })
}
