//! A run from its recipe to its trainer: the data opened, the split made or used again, the folder
//! laid out.

mod branch;
mod compare;
mod earlier;
mod error;
mod evaluate;
pub mod paper;
mod prepare;
mod pretrained;
pub mod queue;
mod rescore;
mod resume;
pub mod search;
mod seeds;
mod spared;
mod stage1;
mod teacher;
mod without_effect;

use std::{path::Path, slice, sync::Arc};

use burn::tensor::Device;

use branch::Trunk;
pub use compare::compare;
use earlier::Earlier;
pub use error::RunError;
pub use evaluate::{EvaluateOptions, Evaluated, evaluate};
use prepare::{Prepared, prepare};
use pretrained::WeightsFrom;
pub use rescore::rescore;
pub(crate) use rescore::train_counts;
pub use resume::resume;
pub use seeds::of_seeds;
pub use spared::check_out;
use stage1::FirstStage;

use crate::{
    Result, atomic,
    data::{self, DataError, Split},
    device,
    method::{OwnMethod, Planner},
    model::Precision,
    recipe::{Recipe, RecipeError, RecipeFile},
    train::{Forecast, Limits, Observer, Out, RunFolder, TrainError, Trainer},
};

/// What makes runs: the device that they run on, and a method from outside the crate where there is one.
///
/// ```
/// use longtail::{device, recipe::RecipeFile, run::Runner, train::{Limits, Out}};
///
/// # let folder = tempfile::tempdir()?;
/// # let [photos, out] = ["photos", "run"].map(|name| folder.path().join(name));
/// # for (class, colour, images) in [("grey", [90; 3], 10), ("green", [20, 200, 30], 5)] {
/// #     std::fs::create_dir_all(photos.join(class))?;
/// #     for width in 8..8 + images {
/// #         let image = image::RgbImage::from_pixel(width, 8, image::Rgb(colour));
/// #         image.save(photos.join(class).join(format!("{width}.png")))?;
/// #     }
/// # }
/// // `photos` has a folder of 10 images and one of 5; a fifth of each is held out for testing.
/// let settings = format!("data.name = {photos:?}\n[train]\nepochs = 2\nbatch_size = 4");
/// let layer = RecipeFile::parse(&settings, "this example")?;
/// let mut run = Runner::new(device::cpu()).start(&[layer], &Out::At(out.clone()), &mut ())?;
/// run.run(Limits::default(), &mut ())?;
/// let results = run.results()?;
/// run.write_results(&results, &mut ())?;
/// assert_eq!(results.summary.last.test.map(|figures| figures.count), Some(3));
/// assert!(out.join("report.html").is_file());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Runner {
    device: Device,
    planner: Planner,
    commit: Option<String>,
}

impl Runner {
    /// Of the methods of this crate.
    pub fn new(device: Device) -> Self {
        Self { device, planner: Planner::default(), commit: None }
    }

    /// The same, of a program that was built at `commit`, which its runs then say.
    #[must_use]
    pub fn at_commit(self, commit: Option<String>) -> Self {
        Self { commit, ..self }
    }

    /// Of a method from outside the crate, in place of what recipes name.
    #[must_use]
    pub fn with_method(self, method: impl OwnMethod + 'static) -> Self {
        Self { planner: Planner::own(method), ..self }
    }

    /// A new run in the folder `out` of the settings in `layers`. Nothing is written before the data is loaded and all of
    /// it fits.
    ///
    /// # Errors
    /// [`crate::Error`] for data that cannot be used, a folder that is taken, settings that do not fit.
    pub fn start(
        &self,
        layers: &[RecipeFile],
        out: &Out,
        observer: &mut dyn Observer,
    ) -> Result<Trainer> {
        out.check_free()?;
        refuse_branches(layers)?;
        let prepared = self.prepare(layers, WeightsFrom::File, observer)?;
        self.begin(prepared, out, None, observer)
    }

    /// Lays the folder of a run out; its recipe, without which there is no run, comes last.
    fn begin(
        &self,
        Prepared { recipe, sets, split, mut notes, teacher, weights, .. }: Prepared,
        out: &Out,
        earlier: Option<Beginning>,
        observer: &mut dyn Observer,
    ) -> Result<Trainer> {
        notes_about(&self.device, &recipe).into_iter().for_each(|note| observer.note(note));
        let data = data::absolute(&recipe.data)?;
        let recipe = recipe.with(|sections| sections.data = data)?;
        let text = recipe.to_toml()?;
        let log = earlier.as_ref().map(|earlier| earlier.run().log()).transpose()?;
        notes.extend(earlier.as_ref().map(Beginning::note).inspect(|note| observer.note(note)));
        let (folder, lock) = RunFolder::create(out)?;
        split.save(&folder.split())?;
        let at = folder.recipe();
        if let Some(log) = log {
            atomic::write(&folder.metrics(), &log).map_err(TrainError::from)?;
        }
        let device = self.device.clone().autodiff();
        let published = paper::published(&recipe);
        let mut trainer = Trainer::new(&self.planner, recipe, Arc::new(sets), folder, device)?
            .at_commit(self.commit.clone())
            .beside(published)
            .owning(lock)
            .with_notes(notes);
        if let Some(teacher) = teacher {
            trainer = trainer.learning_from(teacher);
        }
        if let Some(weights) = weights {
            trainer = trainer.beginning_with(weights)?;
        }
        trainer = match earlier {
            None => trainer,
            Some(Beginning::FirstStage(first)) => trainer.after_first_stage(first.0.checkpoint)?,
            Some(Beginning::Branch(trunk)) => {
                let keeps_objective = trunk.keeps_objective();
                trainer.branching(trunk.run.checkpoint, keeps_objective, observer)?
            }
        };
        atomic::write(&at, text.as_bytes()).map_err(TrainError::from)?;
        Ok(trainer)
    }

    /// What a new run will take: its first steps are made and forgotten, and nothing is written.
    ///
    /// # Errors
    /// [`crate::Error`] for data that cannot be used and settings that do not fit.
    pub fn forecast(
        &self,
        layers: &[RecipeFile],
        limits: Limits,
        observer: &mut dyn Observer,
    ) -> Result<(Recipe, Forecast)> {
        let prepared = self.prepare(layers, WeightsFrom::File, observer)?;
        let Prepared { recipe, sets, teacher, fits, .. } = prepared;
        let device = self.device.clone().autodiff();
        let forecast = Forecast::measure(&self.planner, &recipe, sets, teacher, limits, device)?;
        Ok((recipe, Forecast { fits, ..forecast }))
    }

    /// The layers under the name of the method from outside, where there is one.
    fn named(&self, layers: &[RecipeFile]) -> Vec<RecipeFile> {
        let mut layers = layers.to_vec();
        if let Some(own) = self.planner.own_name() {
            let mut layer = RecipeFile::default();
            layer.method.own = Some(own);
            layers.push(layer);
        }
        layers
    }

    /// Opens the data, decides what follows from it, and loads it.
    fn prepare(
        &self,
        layers: &[RecipeFile],
        weights: WeightsFrom,
        observer: &mut dyn Observer,
    ) -> Result<Prepared> {
        prepare(&self.named(layers), self, weights, observer)
    }
}

/// [`Runner::start`] of a method of this crate.
///
/// # Errors
/// As there.
pub fn start(
    layers: &[RecipeFile],
    out: &Out,
    device: Device,
    observer: &mut dyn Observer,
) -> Result<Trainer> {
    Runner::new(device).start(layers, out, observer)
}

/// [`Runner::forecast`] of a method of this crate.
///
/// # Errors
/// As there.
pub fn forecast(
    layers: &[RecipeFile],
    limits: Limits,
    device: Device,
    observer: &mut dyn Observer,
) -> Result<(Recipe, Forecast)> {
    Runner::new(device).forecast(layers, limits, observer)
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

/// Refuses the recipe of a run that went on from another one: from its beginning it would not be that run.
fn refuse_branches(layers: &[RecipeFile]) -> Result<()> {
    let Some(branch) = layers.iter().find_map(|layer| layer.branch.as_ref()) else { return Ok(()) };
    let mend = "this is the recipe of a run that went on from that one: begin with --branch-from, or take [branch] out";
    Err(RecipeError::value("branch.from", branch.from.display(), mend).into())
}

/// What a run begins with that another one has made.
enum Beginning {
    FirstStage(FirstStage),
    Branch(Trunk),
}

impl Beginning {
    fn run(&self) -> &Earlier {
        match self {
            Self::FirstStage(first) => &first.0,
            Self::Branch(trunk) => &trunk.run,
        }
    }

    fn note(&self) -> String {
        match self {
            Self::FirstStage(first) => first.note(),
            Self::Branch(trunk) => trunk.note(),
        }
    }
}

/// A run that was made before, with its recipe as it was saved.
fn saved(out: &Path) -> Result<(RunFolder, RecipeFile)> {
    let folder = RunFolder::open(out)?;
    let at = folder.recipe();
    let file = RecipeFile::read_of_run(&at)?;
    // A value that a later version takes and this one does not is told as a key of it is.
    Recipe::resolve(slice::from_ref(&file)).map_err(|error| error.of_run(&at))?;
    Ok((folder, file))
}

/// The split of a run.
pub(crate) fn split_of(folder: &RunFolder) -> Result<Split> {
    let newer = |error: DataError| match RecipeError::newer(folder.path(), &error) {
        Some(newer) => crate::Error::from(newer),
        None => error.into(),
    };
    Split::load(&folder.split()).map_err(newer)
}
