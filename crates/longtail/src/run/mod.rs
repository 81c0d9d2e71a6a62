//! A run from its recipe to its trainer: the data opened, the split made or used again, the folder
//! laid out.

mod evaluate;
mod rescore;
mod resume;

use std::{num::NonZero, path::Path, sync::Arc};

use burn::tensor::Device;

pub use evaluate::{Evaluated, evaluate};
pub use rescore::rescore;
pub use resume::resume;

use crate::{
    Result,
    augment::Normalize,
    data::{self, Opened, Sets, Split, source},
    device,
    loss::ClassCounts,
    method::Method,
    model::Precision,
    recipe::{DataTyped, Profile, Recipe, RecipeFile, Val},
    report::atomic,
    train::{Forecast, Limits, Need, Observer, Out, RunFolder, TrainError, Trainer},
};

/// All that a run is made of, before anything is written.
struct Prepared {
    recipe: Recipe,
    sets: Sets,
    split: Split,
    notes: Vec<String>,
}

/// A new run in the folder `out`, on `device`, of the settings in `layers`. Nothing is written before the data is
/// loaded and all of it fits.
///
/// # Errors
/// [`crate::Error`] for data that cannot be used, a folder that is taken, settings that do not fit.
pub fn start(
    layers: &[RecipeFile],
    out: &Out,
    device: Device,
    observer: &mut dyn Observer,
) -> Result<Trainer> {
    out.check_free()?;
    let Prepared { mut recipe, sets, split, notes } = prepare(layers, &device, observer)?;
    notes_about(&device, &recipe).into_iter().for_each(|note| observer.note(note));
    recipe.data = data::absolute(&recipe.data)?;
    let text = recipe.to_toml()?;
    let (folder, lock) = RunFolder::create(out)?;
    split.save(&folder.split())?;
    atomic::write(&folder.recipe(), text.as_bytes()).map_err(TrainError::from)?;
    Ok(Trainer::new(recipe, Arc::new(sets), folder, device.autodiff())?
        .owning(lock)
        .with_notes(notes))
}

/// What a new run will take: its first steps are made and forgotten, and nothing is written.
///
/// # Errors
/// [`crate::Error`] for data that cannot be used and settings that do not fit.
pub fn forecast(
    layers: &[RecipeFile],
    limits: Limits,
    device: Device,
    observer: &mut dyn Observer,
) -> Result<(Recipe, Forecast)> {
    let Prepared { recipe, sets, .. } = prepare(layers, &device, observer)?;
    let forecast = Forecast::measure(&recipe, sets, limits, device.autodiff())?;
    Ok((recipe, forecast))
}

/// Opens the data, decides what follows from it, and loads it.
fn prepare(
    layers: &[RecipeFile],
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<Prepared> {
    let (asked, notes) = Recipe::resolve(layers)?;
    let opened = Opened::open(&asked.data)?;
    let (split, of_split) = opened.split(&asked.data)?;
    let (asked_data, is_own) = (asked.data.clone(), source::is_own(&asked.data));
    let (mut recipe, chosen) = match is_own {
        true => Recipe::resolve_for(layers, &profile(&opened, &split))?,
        false => (asked, notes),
    };
    chosen.iter().for_each(|note| observer.note(note));
    if !recipe.data.split.as_os_str().is_empty() {
        opened.check_asked(&split, &beside_the_split(layers), &asked_data)?;
        // The recipe says what is trained on.
        recipe.data.imbalance = split.imbalance.unwrap_or_default();
        recipe.data.split_seed = split.split_seed;
    }
    device::check_precision(device, recipe.train.precision)?;
    let counts = split.train_counts(&opened.listing.pool.labels);
    Trainer::check(&recipe, &split.class_names, &counts)?;
    let counts = ClassCounts::new(counts).map_err(TrainError::from)?;
    let need = Need::of(
        &recipe,
        &Method::plan(&recipe, &counts),
        opened.bytes(&split, &recipe.data),
        device::is_cpu(device),
    );
    need.check(device::free_memory())?;
    let mut notes = [opened.notes.clone(), of_split].concat();
    let (source, of_images) = opened.load(&split, &recipe.data)?;
    notes.extend(of_images);
    notes.iter().for_each(|note| observer.note(note));
    let sets = Sets::new(source, &split, recipe.data.val != Val::None);
    if is_own && layers.iter().all(|layer| layer.views.mean.is_none() && layer.views.std.is_none())
    {
        let Normalize { mean, std } = Normalize::of(&sets.train.images, &sets.train.indices);
        (recipe.views.mean, recipe.views.std) = (mean, std);
    }
    if is_own {
        observer.note(&recipe.in_words());
    }
    Ok(Prepared { recipe, sets, split, notes })
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

/// A run that was made before, with its recipe as it was saved.
fn saved(out: &Path) -> Result<(RunFolder, RecipeFile)> {
    let folder = RunFolder::open(out)?;
    let file = RecipeFile::read_of_run(&folder.recipe())?;
    Ok((folder, file))
}
