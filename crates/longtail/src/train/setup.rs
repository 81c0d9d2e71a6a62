//! From a checked recipe to the parts of a run.

use std::sync::Arc;

use burn::tensor::Device;
use sha2::{Digest, Sha256};

use super::{Progress, TrainError};
use crate::{
    augment::Normalize,
    batch::{Loader, LoaderConfig, Position, Sampler},
    data::Sets,
    device,
    eval::{self, EvalOptions, ShotThresholds},
    loss::ClassCounts,
    method::{Method, Stage},
    model::Network,
    recipe::{HarmonicZero, Recipe},
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

pub(super) fn normalize(recipe: &Recipe) -> Normalize {
    Normalize { mean: recipe.views.mean, std: recipe.views.std }
}

/// The network of a recipe for `classes` classes, on `device`, to be filled with weights.
///
/// # Errors
/// [`TrainError::Loss`] without a class, [`TrainError::Model`] for a network that a checked recipe does not have.
pub fn network(recipe: &Recipe, classes: usize, device: &Device) -> Result<Network, TrainError> {
    // What a network looks like depends on no count.
    let counts = ClassCounts::new(vec![1; classes])?;
    let plan = Method::plan(recipe, &counts);
    Ok(Network::new(&plan.network, recipe.train.seed, device)?)
}

/// Which training images make which batch in a stage.
pub(super) fn samplers(recipe: &Recipe, stage: &Stage, sets: &Sets) -> Vec<Sampler> {
    let (indices, seed) = (sets.train.indices.clone(), recipe.train.seed);
    vec![Sampler::new(indices, stage.batch_size, stage.drop_last, seed)]
}

/// Steps of an epoch of a stage.
pub(super) fn steps_per_epoch(recipe: &Recipe, stage: &Stage, sets: &Sets) -> usize {
    samplers(recipe, stage, sets).first().map_or(0, Sampler::batches)
}

/// Batches of views of a stage from a position on.
pub(super) fn loader(recipe: &Recipe, stage: &Stage, sets: &Sets, start: Position) -> Loader {
    let config = LoaderConfig {
        samplers: samplers(recipe, stage, sets),
        views: stage.views.clone(),
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
