//! From layers of a recipe to all that a run is made of.

use std::num::NonZero;

use super::{
    Runner,
    pretrained::{self, WeightsFrom},
    teacher::Taught,
    without_effect::notes_of_layers,
};
use crate::{
    Result,
    augment::Normalize,
    data::{Opened, Part, Sets, Split, source},
    device,
    loss::{ClassCounts, Teacher},
    model::{EncoderConfig, Network, weights::Fitted},
    recipe::{DataTyped, Holdout, Profile, Recipe, RecipeFile, Sections},
    train::{Fits, Need, Observer, TrainError, Trainer},
};

/// Most images on disk that means and deviations of colours are made of.
const LOOKED_AT: usize = 2_000;

/// All that a run is made of, before anything is written.
pub(super) struct Prepared {
    pub recipe: Recipe,
    pub sets: Sets,
    pub split: Split,
    pub notes: Vec<String>,
    pub teacher: Option<Teacher>,
    pub weights: Option<Fitted>,
    /// What fits into memory; `None` where that is not known.
    pub fits: Option<Fits>,
}

/// All that is decided of a run before its images are decoded.
pub(super) struct Surveyed {
    pub recipe: Recipe,
    pub split: Split,
    opened: Opened,
    taught: Option<Taught>,
    weights: Option<Fitted>,
    /// Whether the images are people's own.
    is_own: bool,
    profile: Option<Profile>,
    notes: Vec<String>,
}

/// Opens the data and decides what follows from it.
pub(super) fn survey(
    layers: &[RecipeFile],
    runner: &Runner,
    weights: WeightsFrom,
    observer: &mut dyn Observer,
) -> Result<Surveyed> {
    let (asked, notes) = Recipe::resolve(layers)?;
    runner.planner.check(&asked.settings()).map_err(TrainError::from)?;
    let opened = Opened::open(&asked.data)?;
    let (split, of_split) = opened.split(&asked.data)?;
    let (asked_data, is_own) = (asked.data.clone(), source::is_own(&asked.data));
    let profile = is_own.then(|| profile(&opened, &split));
    let (mut recipe, chosen) =
        if is_own { resolve(layers, profile.as_ref())? } else { (asked, notes) };
    chosen.iter().for_each(|note| observer.note(note));
    if !recipe.data.split.as_os_str().is_empty() {
        opened.check_asked(&split, &beside_the_split(layers), &asked_data)?;
        // The recipe says what is trained on.
        recipe = recipe.with(|Sections { data, .. }| {
            data.imbalance = split.imbalance.unwrap_or_default();
            data.split_seed = split.split_seed;
        })?;
    }
    let taught = runner.teacher(&recipe, &split)?;
    recipe = naming(recipe, taught.as_ref())?;
    let weights = match weights {
        WeightsFrom::File => runner.pretrained(&recipe, split.class_names.len())?,
        WeightsFrom::Run => None,
    };
    recipe = pretrained::naming(recipe, weights.as_ref())?;
    let notes = [opened.notes.clone(), of_split].concat();
    Ok(Surveyed { recipe, split, opened, taught, weights, is_own, profile, notes })
}

fn resolve(layers: &[RecipeFile], profile: Option<&Profile>) -> Result<(Recipe, Vec<String>)> {
    Ok(match profile {
        Some(profile) => Recipe::resolve_for(layers, profile)?,
        None => Recipe::resolve(layers)?,
    })
}

/// Opens the data, decides what follows from it, and loads it.
pub(super) fn prepare(
    layers: &[RecipeFile],
    runner: &Runner,
    weights: WeightsFrom,
    observer: &mut dyn Observer,
) -> Result<Prepared> {
    let Surveyed { mut recipe, split, opened, taught, weights, is_own, profile, mut notes } =
        survey(layers, runner, weights, observer)?;
    let (counts, fits) = check(runner, &recipe, &opened, &split, taught.as_ref())?;
    let again = |layers: &[RecipeFile]| Some(resolve(layers, profile.as_ref()).ok()?.0);
    let unheard = notes_of_layers(&recipe, layers, again, &runner.planner, &counts);
    unheard.iter().for_each(|note| observer.note(note));
    let (teacher, of_teacher) = taught.map(|Taught { teacher, note }| (teacher, note)).unzip();
    notes.extend(of_teacher);
    notes.extend(weights.as_ref().map(|weights| weights.loaded().to_string()));
    let (source, of_images) = opened.load(&split, &recipe.data)?;
    notes.extend(of_images);
    notes.iter().for_each(|note| observer.note(note));
    let sets = Sets::new(source, &split, recipe.data.val != Holdout::None);
    if is_own {
        recipe = with_own_colours(recipe, layers, &sets)?;
        observer.note(&recipe.in_words());
    }
    Ok(Prepared { recipe, sets, split, notes, teacher, weights, fits })
}

/// The recipe with means and deviations of its training images, of some where they stay on disk, where no layer has
/// others.
fn with_own_colours(recipe: Recipe, layers: &[RecipeFile], sets: &Sets) -> Result<Recipe> {
    if says_colours(layers) {
        return Ok(recipe);
    }
    let Part { images, indices } = &sets.train;
    // Each is decoded for it, where they are not here.
    let step = if images.is_on_demand() { indices.len().div_ceil(LOOKED_AT).max(1) } else { 1 };
    let some: Vec<u32> = indices.iter().copied().step_by(step).collect();
    let Normalize { mean, std } = Normalize::of(images, &some)?;
    Ok(recipe.with(|Sections { views, .. }| (views.mean, views.std) = (mean, std))?)
}

/// Whether a layer has means and deviations.
pub(super) fn says_colours(layers: &[RecipeFile]) -> bool {
    layers.iter().any(|layer| layer.views.mean.is_some() || layer.views.std.is_some())
}

/// The recipe with where its teacher is and which one that is.
fn naming(recipe: Recipe, taught: Option<&Taught>) -> Result<Recipe> {
    let Some(Taught { teacher, .. }) = taught else { return Ok(recipe) };
    let path = recipe.method.teacher.clone().unwrap_or_default();
    let absolute = std::path::absolute(&path)
        .map_err(|error| TrainError::Teacher { path, reason: error.to_string() })?;
    Ok(recipe.with(|Sections { method, .. }| {
        method.teacher = Some(absolute);
        method.teacher_digest = Some(teacher.digest().to_owned());
    })?)
}

/// Refuses what does not fit the data, the device, its memory, or the encoder; gives the images of every class, and what
/// fits into memory.
fn check(
    Runner { device, planner, .. }: &Runner,
    recipe: &Recipe,
    opened: &Opened,
    split: &Split,
    taught: Option<&Taught>,
) -> Result<(ClassCounts, Option<Fits>)> {
    device::check_precision(device, recipe.train.precision)?;
    let counts = split.train_counts(&opened.listing.pool.labels);
    Trainer::check(recipe, &split.class_names, &counts)?;
    let counts = ClassCounts::new(counts).map_err(TrainError::from)?;
    let mut plan = planner.plan(&recipe.settings(), &counts).map_err(TrainError::from)?;
    if let (Some(Taught { teacher, .. }), Some(path)) = (taught, &recipe.method.teacher)
        && !plan.learn_from(teacher)
    {
        let reason = format!("{} learns from none: leave --teacher out", recipe.method);
        return Err(TrainError::Teacher { path: path.clone(), reason }.into());
    }
    let bytes = opened.bytes(split, &recipe.data);
    let need = Need::of(recipe, &plan, bytes, device::is_cpu(device));
    let free = device::free_memory();
    need.check(free)?;
    if let EncoderConfig::Own { .. } = plan.network.encoder {
        let network =
            Network::new(&plan.network, recipe.train.seed, device).map_err(TrainError::from)?;
        let size = [recipe.data.image_size; 2];
        network.check(size, device).map_err(TrainError::from)?;
        if plan.stages.iter().any(|stage| stage.micro_batch > 0) {
            network.check_micro_batches().map_err(TrainError::from)?;
        }
    }
    let images = counts.counts().iter().sum();
    Ok((counts, need.fits(free, images)))
}

/// What the layer that names a split, and those over it, say of data.
fn beside_the_split(layers: &[RecipeFile]) -> DataTyped {
    let from = layers.iter().rposition(|layer| layer.data.split.is_some()).unwrap_or(layers.len());
    let mut typed = RecipeFile::default();
    layers[from..].iter().for_each(|layer| typed.merge(layer.clone()));
    typed.data
}

fn profile(opened: &Opened, split: &Split) -> Profile {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = rayon::current_num_threads();
    Profile::new(split.train.len(), &opened.sizes(), cores.min(threads.max(1)))
}
