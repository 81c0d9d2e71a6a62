//! From a checked recipe to the parts of a run.

use std::sync::Arc;

use burn::tensor::Device;
use sha2::{Digest, Sha256};

use super::{Progress, TrainError};
use crate::{
    augment::Normalize,
    batch::{Loader, LoaderConfig, Position, Sampler, SamplerConfig},
    data::Sets,
    device,
    eval::{EvalOptions, ShotThresholds},
    hex::hex,
    loss::ClassCounts,
    method::{Plan, Planner, Stage},
    model::Network,
    recipe::Recipe,
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
    plan: &Plan,
    sets: &Sets,
    device: &Device,
) -> Result<Progress, TrainError> {
    let mut progress =
        Progress::new(fingerprint(recipe, &sets.split_hash)?, device::operators(device).into());
    progress.train_counts.clone_from(&sets.train_counts);
    progress.stages = plan.stages.iter().map(|stage| stage.name.to_owned()).collect();
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
    hex(hash.finalize())
}

/// What the images of a recipe are normalised with.
pub fn normalize(recipe: &Recipe) -> Normalize {
    Normalize { mean: recipe.views.mean, std: recipe.views.std }
}

/// The network of a recipe, planned by `planner`, for `classes` classes as its stage `stage` has it, on `device`, to be filled with weights.
///
/// # Errors
/// [`TrainError::ClassCounts`] without a class, [`TrainError::Model`] for a network that a checked recipe does not have.
pub fn network(
    planner: &Planner,
    recipe: &Recipe,
    classes: usize,
    stage: usize,
    device: &Device,
) -> Result<Network, TrainError> {
    let (plan, seed) = (plan_for(planner, recipe, classes)?, recipe.train.seed);
    let begun = plan.stages.iter().enumerate().take(stage + 1);
    let first = Network::new(&plan.network, seed, device)?;
    Ok(begun
        .fold(first, |network, (number, stage)| network.with_classifier(stage.start, seed, number)))
}

/// What the encoder of a recipe, planned by `planner`, is called.
///
/// # Errors
/// As [`network`].
pub fn encoder(planner: &Planner, recipe: &Recipe, classes: usize) -> Result<String, TrainError> {
    Ok(plan_for(planner, recipe, classes)?.network.encoder.to_string())
}

/// The prior that the logits of a network of `train_counts` hold, which was trained up to `epoch`, counted over all stages
/// from 0, in its stage `stage`.
///
/// # Errors
/// As [`network`].
pub(crate) fn model_prior(
    planner: &Planner,
    recipe: &Recipe,
    train_counts: &[usize],
    stage: usize,
    epoch: usize,
) -> Result<Vec<f64>, TrainError> {
    let counts = ClassCounts::new(train_counts.to_vec())?;
    let plan = planner.plan(&recipe.settings(), &counts)?;
    let uniform = || vec![1.0; train_counts.len()];
    let of = |stage: &Stage| stage.model_prior(&counts, plan.place(epoch).moment);
    Ok(plan.stages.get(stage).map_or_else(uniform, of))
}

/// Epochs of all stages of a recipe for `classes` classes.
///
/// # Errors
/// [`TrainError::ClassCounts`] without a class.
pub fn epochs(planner: &Planner, recipe: &Recipe, classes: usize) -> Result<usize, TrainError> {
    Ok(plan_for(planner, recipe, classes)?.epochs())
}

/// Epochs of a finished run of a recipe for `classes` classes, and its last stage.
///
/// # Errors
/// [`TrainError::ClassCounts`] without a class.
pub fn whole(
    planner: &Planner,
    recipe: &Recipe,
    classes: usize,
) -> Result<(usize, usize), TrainError> {
    let plan = plan_for(planner, recipe, classes)?;
    Ok((plan.epochs(), plan.stages.len().saturating_sub(1)))
}

/// The plan of a recipe as far as it does not depend on the images: networks and lengths do not.
fn plan_for(planner: &Planner, recipe: &Recipe, classes: usize) -> Result<Plan, TrainError> {
    Ok(planner.plan(&recipe.settings(), &ClassCounts::new(vec![1; classes])?)?)
}

/// Which training images make which batch in a stage that begins with epoch `first`.
///
/// # Errors
/// [`TrainError::Sampling`] for images that cannot be drawn so.
pub(super) fn samplers(
    recipe: &Recipe,
    stage: &Stage,
    first: usize,
    sets: &Sets,
) -> Result<Vec<Sampler>, TrainError> {
    let labels = sets.train.images.labels();
    let sampler = |(stream, config): (usize, &SamplerConfig)| {
        let (seed, first_epoch) = (recipe.train.seed, first);
        let config = SamplerConfig { seed, stream: stream as u16, first_epoch, ..config.clone() };
        Ok(Sampler::with_config(sets.train.indices.clone(), labels, &config)?)
    };
    stage.samplers.iter().enumerate().map(sampler).collect()
}

/// Steps of an epoch of a stage.
pub(super) fn steps_per_epoch(stage: &Stage, sets: &Sets) -> usize {
    stage.samplers.first().map_or(0, |sampler| sampler.batches(sets.train.indices.len()))
}

/// Batches of views of a stage that begins with epoch `first`, from a position on.
pub(super) fn loader(
    recipe: &Recipe,
    stage: &Stage,
    first: usize,
    sets: &Sets,
    start: Position,
) -> Result<Loader, TrainError> {
    let config = LoaderConfig {
        samplers: samplers(recipe, stage, first, sets)?,
        views: stage.views.clone(),
        normalize: normalize(recipe),
        seed: recipe.train.seed,
    };
    Ok(Loader::start(Arc::clone(&sets.train.images), config, start))
}

/// How a recipe's figures are computed.
///
/// # Errors
/// [`TrainError::Eval`] for thresholds that contradict each other.
pub fn eval_options(recipe: &Recipe) -> Result<EvalOptions, TrainError> {
    let section = &recipe.eval;
    Ok(EvalOptions {
        harmonic_zero: section.harmonic_zero,
        harmonic_floor: section.harmonic_floor,
        shot_thresholds: ShotThresholds::new(section.many_above, section.few_below)?,
    })
}
