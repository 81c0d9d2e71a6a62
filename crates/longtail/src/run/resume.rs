//! Going on with a run: its folder, its recipe with what may be said anew, its data wherever it is now.

use std::{path::Path, sync::Arc};

use burn::tensor::Device;

use super::{Runner, paper, saved, split_of, teacher::Taught};
use crate::{
    Result, atomic,
    data::{self, Opened, Sets, Split, Storage, source::given},
    device,
    loss::ClassCounts,
    recipe::{DataTyped, Holdout, MethodTyped, Recipe, RecipeFile},
    report::{LogKind, counted},
    train::{Checkpoint, Need, Observer, RunFolder, TrainError, Trainer},
};

/// Keys that say where data is, or how the program runs; a run goes on whatever they are.
pub(super) const PLACES: [&str; 13] = [
    "data.name",
    "data.dir",
    "data.train_list",
    "data.val_list",
    "data.test_list",
    "data.split",
    "data.cache",
    "data.cache_gib",
    "data.any_content",
    TEACHER,
    WEIGHTS,
    "branch.from",
    "train.checkpoint_steps",
];
/// Where the teacher is, of a run that has one.
const TEACHER: &str = "method.teacher";
/// Where the weights were that the run began with, which is not asked again.
const WEIGHTS: &str = "model.weights";
/// Sections of which a longer run has other values.
const OF_LENGTH: [&str; 1] = ["train.epochs"];

/// [`Runner::resume`] of a method of this crate.
///
/// # Errors
/// As there.
pub fn resume(
    out: &Path,
    layers: &[RecipeFile],
    device: Device,
    observer: &mut dyn Observer,
) -> Result<Trainer> {
    Runner::new(device).resume(out, layers, observer)
}

impl Runner {
    /// The run in the folder `out` where its checkpoint left off; it may have been on another device: results then
    /// agree but for rounding.
    ///
    /// `layers` may say again what the run's recipe says, where the data is now, how often checkpoints are written,
    /// and another number of epochs.
    ///
    /// # Errors
    /// [`crate::Error`] if there is no run, if another process has it, if `layers` says something else, or if the data
    /// or the checkpoint deviates from the run's.
    pub fn resume(
        &self,
        out: &Path,
        layers: &[RecipeFile],
        observer: &mut dyn Observer,
    ) -> Result<Trainer> {
        let (folder, saved) = saved(out)?;
        let lock = folder.lock()?;
        let Reopened { trainer, epochs_before: before, .. } =
            self.reopen(folder, saved, &self.named(layers), Purpose::Train, observer)?;
        let trainer = trainer.owning(lock);
        if trainer.recipe().train.epochs != before {
            // The recipe of a run is what it does. Killed between the two, the run can be gone on with either.
            trainer.save_before_new_recipe()?;
            let data = data::absolute(&trainer.recipe().data)?;
            let recipe = trainer.recipe().clone().with(|sections| sections.data = data)?;
            atomic::write(&trainer.folder().recipe(), recipe.to_toml()?.as_bytes())
                .map_err(TrainError::from)?;
        }
        observer.note(&where_it_goes_on(&trainer));
        let epochs = trainer.recipe().train.epochs;
        if epochs != before {
            let epochs = counted(epochs, "epoch", "epochs");
            observer.note(&format!(
                "{epochs} instead of {before}: from here on the schedule is that of a run of {epochs} \
                 (learning rate, warm-up, milestones, compression), which is not what it would have been from the start"
            ));
        }
        Ok(trainer)
    }

    /// [`Runner::resume`] without a word on where, and without writing.
    pub(super) fn reopen(
        &self,
        folder: RunFolder,
        saved: RecipeFile,
        layers: &[RecipeFile],
        purpose: Purpose,
        observer: &mut dyn Observer,
    ) -> Result<Reopened> {
        let before = Recipe::resolve(std::slice::from_ref(&saved))?.0;
        let recipe = again(&folder, &before, saved, layers)?;
        device::check_precision(&self.device, recipe.train.precision)?;
        let split = split_of(&folder)?;
        let taught = match purpose {
            Purpose::Train => self.teacher(&recipe, &split)?,
            Purpose::Evaluate => None,
        };
        // Its first checkpoint has them, unless somebody has removed that.
        let checkpoints = [folder.checkpoint(), folder.previous_checkpoint()];
        let is_gone = checkpoints.iter().all(|path| path.symlink_metadata().is_err());
        // A training goes on without one from its beginning, but not over weights that it came to.
        if is_gone && (purpose == Purpose::Evaluate || folder.has_weights()) {
            Checkpoint::load_of(&folder)?;
        }
        let weights = match purpose {
            Purpose::Train if is_gone => self.pretrained(&recipe, split.class_names.len())?,
            _ => None,
        };
        let (sets, note, notes) = self.sets(&recipe, &split)?;
        note.iter().for_each(|note| observer.note(note));
        let published = paper::published(&recipe);
        let trainer = Trainer::new(
            &self.planner,
            recipe,
            Arc::new(sets),
            folder,
            self.device.clone().autodiff(),
        )?
        .at_commit(self.commit.clone())
        .beside(published);
        let trainer = match taught {
            Some(Taught { teacher, .. }) => trainer.learning_from(teacher),
            None => trainer,
        };
        // Those of a run that has no checkpoint yet; another has them there.
        let trainer = match weights {
            Some(weights) => {
                let said = weights.loaded().to_string();
                trainer.with_notes([notes, vec![said]].concat()).beginning_with(weights)?
            }
            None => trainer.with_notes(notes).resume(&before, observer)?,
        };
        let logged = LogKind::found_in(&trainer.folder().logs());
        let trainer = trainer.logging(&logged);
        Ok(Reopened { trainer, epochs_before: before.train.epochs, is_checked: note.is_none() })
    }

    /// The images of a run, which have to be those that it was made of; what is to be said where that is not proven; and
    /// what was said of them when the run began.
    fn sets(&self, recipe: &Recipe, split: &Split) -> Result<(Sets, Option<String>, Vec<String>)> {
        let opened = Opened::to_score(&recipe.data)?;
        let note = split.check(&opened.listing)?;
        let counts = split.train_counts(&opened.listing.pool.labels);
        let images = opened.bytes(split, &recipe.data);
        let counts = ClassCounts::new(counts).map_err(TrainError::from)?;
        let plan = self.planner.plan(&recipe.settings(), &counts).map_err(TrainError::from)?;
        Need::of(recipe, &plan, images, device::is_cpu(&self.device))
            .check(device::free_memory())?;
        let mut notes = opened.notes.clone();
        // A split that was given may be gone.
        if let Ok((again, said)) = opened.split(&recipe.data)
            && again.hash == split.hash
        {
            notes.extend(said);
        }
        let (source, of_images) = opened.load(split, &recipe.data)?;
        notes.extend(of_images);
        Ok((Sets::new(source, split, recipe.data.val != Holdout::None), note, notes))
    }
}

/// The epoch and step at which a run goes on.
fn where_it_goes_on(trainer: &Trainer) -> String {
    let (progress, epochs) = (trainer.progress(), trainer.epochs());
    match (progress.epoch, progress.batch) {
        (epoch, _) if epoch >= epochs => {
            let epochs = match epochs {
                1 => "its one epoch is".into(),
                more => format!("all {more} epochs are"),
            };
            let steps = counted(progress.step as usize, "step", "steps");
            format!("{epochs} done ({steps}); --epochs goes on")
        }
        (0, 0) => "the run begins at its first step".into(),
        (epoch, 0) => {
            format!("the run goes on after epoch {epoch} of {epochs}, step {}", progress.step)
        }
        (epoch, _) => {
            format!(
                "the run goes on within epoch {} of {epochs}, after step {}",
                epoch + 1,
                progress.step
            )
        }
    }
}

/// What a run is opened again for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To go on with it: what it learns from is needed.
    Train,
    /// For its figures.
    Evaluate,
}

/// A run where its checkpoint left off.
pub(super) struct Reopened {
    pub trainer: Trainer,
    /// The number of epochs that its recipe had.
    pub epochs_before: usize,
    /// Whether its images are proven to be those that it was made of.
    pub is_checked: bool,
}

/// The saved recipe with the layers over it, unless they change what the run is. What was typed is named, not
/// what follows from it.
fn again(
    folder: &RunFolder,
    before: &Recipe,
    saved: RecipeFile,
    layers: &[RecipeFile],
) -> Result<Recipe> {
    let mut typed = RecipeFile::default();
    layers.iter().for_each(|layer| typed.merge(layer.clone()));
    if let Some(difference) = difference(&saved, &typed)? {
        let path = folder.path().to_owned();
        return Err(TrainError::OtherRecipe { path, difference }.into());
    }
    let typed = RecipeFile {
        data: place(&before.data, typed.data),
        method: MethodTyped {
            teacher: typed.method.teacher,
            // Wherever it is now, it is the same.
            teacher_digest: before.method.teacher_digest.clone(),
            ..Default::default()
        },
        train: crate::recipe::TrainTyped {
            epochs: typed.train.epochs,
            checkpoint_steps: typed.train.checkpoint_steps,
            ..Default::default()
        },
        ..RecipeFile::default()
    };
    Ok(Recipe::resolve(&[saved, typed])?.0)
}

/// The first value that was typed and is not the run's.
fn difference(saved: &RecipeFile, typed: &RecipeFile) -> Result<Option<String>> {
    let (saved, typed) = (saved.values()?, typed.values()?);
    let is_known = |key: &str| key != WEIGHTS && (key != TEACHER || saved.contains_key(key));
    let is_free = |key: &str| is_known(key) && PLACES.contains(&key) || OF_LENGTH.contains(&key);
    let other = typed.iter().find(|(key, value)| !is_free(key) && saved.get(*key) != Some(value));
    Ok(other.map(|(key, value)| match saved.get(key) {
        Some(was) => format!("{key} = {was}, not {value}"),
        None => format!("{key} = {value} is new"),
    }))
}

/// Where the data is now, of what was typed. A new `--data` takes the place of all that said where it was; lists
/// that are not where they were are looked for below a new `--data-dir`.
pub(super) fn place(before: &crate::recipe::Data, typed: DataTyped) -> DataTyped {
    let mut now = DataTyped {
        name: typed.name.clone(),
        dir: typed.dir.clone(),
        train_list: typed.train_list.clone(),
        val_list: typed.val_list.clone(),
        test_list: typed.test_list.clone(),
        any_content: typed.any_content,
        cache_gib: typed.cache_gib,
        cache: typed.cache.clone(),
        // Images that stay on disk for there is a cache do so wherever it is.
        storage: (typed.cache.is_some() && given(&before.cache).is_some()).then_some(Storage::Disk),
        ..DataTyped::default()
    };
    if typed.name.is_some() || typed.train_list.is_some() {
        for path in [&mut now.dir, &mut now.train_list, &mut now.val_list, &mut now.test_list] {
            path.get_or_insert_default();
        }
        return now;
    }
    let Some(dir) = typed.dir else { return now };
    let lists = [
        (&before.train_list, &mut now.train_list),
        (&before.val_list, &mut now.val_list),
        (&before.test_list, &mut now.test_list),
    ];
    for (was, now) in lists {
        if now.is_none() && !was.as_os_str().is_empty() && !was.exists() {
            *now = below(&dir, was);
        }
    }
    now
}

/// The file `was` at the same place below `dir`: as deep as its last parts fit.
fn below(dir: &Path, was: &Path) -> Option<std::path::PathBuf> {
    let parts: Vec<_> = was.components().collect();
    let tail = |from: usize| dir.join(parts[from..].iter().collect::<std::path::PathBuf>());
    (1..parts.len()).map(tail).find(|path| path.is_file())
}
