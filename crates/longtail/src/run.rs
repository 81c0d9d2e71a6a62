//! A run from its recipe to its trainer: the data opened, the split made or used again, the folder
//! laid out.

use std::{path::Path, sync::Arc};

use burn::tensor::Device;

use crate::{
    Result,
    augment::{Normalize, View},
    data::{self, ImageSet, Sets, Split},
    device,
    model::{Network, Precision, weights},
    recipe::{Recipe, RecipeFile, Val},
    report::atomic,
    train::{Checkpoint, Forecast, Limits, Observer, RunFolder, TrainError, Trainer, network},
};

/// A new run in the folder `out`, on `device`. Nothing is written before the data is loaded and all of it fits.
///
/// # Errors
/// [`crate::Error`] for data that cannot be used, a folder that is taken, settings that do not fit.
pub fn start(
    recipe: Recipe,
    out: &Path,
    device: Device,
    observer: &mut dyn Observer,
) -> Result<Trainer> {
    RunFolder::check_free(out)?;
    device::check_precision(&device, recipe.train.precision)?;
    let (sets, split) = open(&recipe, None, observer)?;
    notes_about(&device, &recipe).into_iter().for_each(|note| observer.note(note));
    let text = recipe.to_toml()?;
    Trainer::check(&recipe, &sets)?;
    let folder = RunFolder::create(out)?;
    split.save(&folder.split())?;
    atomic::write(&folder.recipe(), text.as_bytes()).map_err(TrainError::from)?;
    Ok(Trainer::new(recipe, Arc::new(sets), folder, device.autodiff())?)
}

/// What is slow on this device, of what the recipe asks for.
fn notes_about(device: &Device, recipe: &Recipe) -> Vec<&'static str> {
    let mut notes = Vec::new();
    let is_cpu = device::is_cpu(device);
    if !is_cpu && !recipe.train.drop_last {
        notes.push(
            "the last batch of an epoch is smaller (train.drop_last = false): the GPU tunes its \
             operators for it as well",
        );
    }
    if is_cpu && recipe.train.precision == Precision::F16 {
        notes.push("f16 is slow on the CPU, which has operators for f32 and bf16 only");
    }
    notes
}

/// What a new run will take: its first steps are made and forgotten, and nothing is written.
///
/// # Errors
/// [`crate::Error`] for data that cannot be used and settings that do not fit.
pub fn forecast(
    recipe: &Recipe,
    limits: Limits,
    device: Device,
    observer: &mut dyn Observer,
) -> Result<Forecast> {
    device::check_precision(&device, recipe.train.precision)?;
    let (sets, _) = open(recipe, None, observer)?;
    Trainer::check(recipe, &sets)?;
    Ok(Forecast::measure(recipe, sets, limits, device.autodiff())?)
}

/// The run in the folder `out` where its checkpoint left off, on `device`, which need not be the one it
/// was on: results then agree but for rounding.
///
/// `layers` may say again what the run's recipe says, where the data is now, and how often
/// checkpoints are written.
///
/// # Errors
/// [`crate::Error`] if there is no run, if `layers` says something else, or if the data or the
/// checkpoint deviates from the run's.
pub fn resume(
    out: &Path,
    layers: &[RecipeFile],
    device: Device,
    observer: &mut dyn Observer,
) -> Result<Trainer> {
    let folder = RunFolder::open(out)?;
    let saved = RecipeFile::read(&folder.recipe())?;
    let (before, _) = Recipe::resolve(std::slice::from_ref(&saved))?;
    let recipe = same_run(&folder, &before, saved, layers)?;
    device::check_precision(&device, recipe.train.precision)?;
    let split = Split::load(&folder.split())?;
    let (sets, _) = open(&recipe, Some(split), observer)?;
    let trainer = Trainer::new(recipe, Arc::new(sets), folder, device.autodiff())?;
    Ok(trainer.resume(observer)?)
}

/// The saved recipe with the layers over it, unless they change what the run is.
fn same_run(
    folder: &RunFolder,
    before: &Recipe,
    saved: RecipeFile,
    layers: &[RecipeFile],
) -> Result<Recipe> {
    let mut all = vec![saved];
    all.extend_from_slice(layers);
    let (recipe, _) = Recipe::resolve(&all)?;
    let (old, new) = (before.identity()?, recipe.identity()?);
    match old.lines().zip(new.lines()).find(|(old, new)| old != new) {
        Some((old, new)) => Err(TrainError::OtherRecipe {
            path: folder.path().to_owned(),
            difference: format!("{old}, not {new}"),
        }
        .into()),
        None => Ok(recipe),
    }
}

/// Loads the data; takes `split`, or the split that the recipe asks for.
fn open(
    recipe: &Recipe,
    split: Option<Split>,
    observer: &mut dyn Observer,
) -> Result<(Sets, Split)> {
    let loaded = data::open(&recipe.data)?;
    loaded.warnings.iter().for_each(|warning| observer.note(warning));
    let (split, notes) = match split {
        Some(split) => {
            split.check(&loaded.source)?;
            (split, Vec::new())
        }
        None => data::split_of(&loaded, &recipe.data)?,
    };
    notes.iter().for_each(|note| observer.note(note));
    let use_val = recipe.data.val != Val::None;
    Ok((Sets::new(loaded.source, &split, use_val), split))
}

/// A trained model that names the classes of images; it needs nothing but the run's folder.
#[derive(Debug)]
pub struct Predictor {
    network: Network,
    recipe: Recipe,
    class_names: Vec<String>,
    device: Device,
}

impl Predictor {
    /// The model of the run in `folder`, of its last epoch or of the `best` one, on `device`.
    ///
    /// # Errors
    /// [`crate::Error`] if there is no run, no checkpoint yet, or a damaged one.
    pub fn open(folder: &Path, best: bool, device: Device) -> Result<Self> {
        let folder = RunFolder::open(folder)?;
        let recipe = Recipe::read(&folder.recipe())?;
        let class_names = Split::load(&folder.split())?.class_names;
        let path = folder.checkpoint();
        if !path.is_file() {
            let (path, missing) = (folder.path().to_owned(), "checkpoint yet: train it first");
            return Err(TrainError::NoRun { path, missing }.into());
        }
        let checkpoint = Checkpoint::load(&path)?;
        let state = match best && !checkpoint.best.is_empty() {
            true => checkpoint.best,
            false => checkpoint.model,
        };
        device::check_precision(&device, recipe.train.precision)?;
        let network = network(&recipe, class_names.len(), &device).map_err(TrainError::from)?;
        let network = weights::with_state(network, state, &path.display().to_string())
            .map_err(TrainError::from)?;
        Ok(Self { network, recipe, class_names, device })
    }

    /// Height and width that images are brought to.
    pub fn image_size(&self) -> usize {
        self.recipe.data.image_size
    }

    /// Class names by label.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Logits of all `images`, one row per image.
    pub fn logits(&self, images: &ImageSet) -> Vec<Vec<f32>> {
        let indices: Vec<u32> = (0..images.len() as u32).collect();
        let views = &self.recipe.views;
        let normalize = Normalize { mean: views.mean, std: views.std };
        self.network.predict(images, &indices, &View::Test, &normalize, &self.device)
    }
}
