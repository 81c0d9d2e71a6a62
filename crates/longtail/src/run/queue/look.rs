//! How a run of a queue stands, by its folder.

use std::path::Path;

use super::{Goal, Job, Queue, Validation};
use crate::{
    Result,
    data::{Split, source},
    recipe::{Recipe, RecipeFile},
    report::{EpochRecord, MetricsLog, Summary},
    run::{
        Runner,
        earlier::{Other, other_values},
        prepare,
        pretrained::WeightsFrom,
    },
    train::{self, Checkpoint, Limits, Progress, RunFolder, TrainError},
};

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// There is none yet.
    New,
    /// It was begun, and is gone on with.
    Begun {
        /// Epochs done.
        epochs: usize,
    },
    /// It is finished, and used again.
    Finished,
}

/// How a run of a queue stands.
#[derive(Debug, Clone)]
pub struct Look {
    /// What it is, as far as that is known without its images.
    pub recipe: Recipe,
    /// How far it is.
    pub stand: Stand,
    /// Epochs that it has when it is finished.
    pub epochs: usize,
    /// What it has done so far.
    pub done: Done,
    /// What its log tells of its whole epochs.
    pub seen: Seen,
}

/// What a run has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Whole epochs.
    pub epochs: usize,
    /// Optimizer steps in all.
    pub steps: u64,
}

/// Whole epochs with their time; what a limit of steps left of an epoch is none of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Seen {
    /// Their number.
    pub epochs: usize,
    /// Their optimizer steps.
    pub steps: u64,
    /// Seconds that they took, validation included.
    pub seconds: f64,
}

impl Seen {
    fn of(records: &[EpochRecord], whole: usize) -> Self {
        let records: Vec<_> = records.iter().filter(|record| record.epoch < whole).collect();
        Self {
            epochs: records.len(),
            steps: records.last().map_or(0, |record| record.step),
            seconds: records.iter().map(|record| record.seconds).sum(),
        }
    }
}

impl Queue {
    pub(super) fn look_at(&self, job: &Job) -> Result<Look> {
        let folder = RunFolder::at(&job.folder);
        if RunFolder::check_free(&job.folder).is_ok() {
            let recipe = Recipe::resolve(&job.layers)?.0;
            let epochs = self.epochs(job, &recipe)?;
            let teacher = recipe.method.teacher.as_ref();
            let has_weights = !recipe.model.weights.as_os_str().is_empty();
            if teacher.map_or(has_weights, |teacher| !self.makes_before(job, teacher)) {
                // What is wrong with a teacher or weights is told before the runs of an evening, not after.
                let layers = self.runner.named(&job.layers);
                prepare::survey(&layers, &self.runner, WeightsFrom::File, &mut ())?;
            }
            let (done, seen) = Default::default();
            return Ok(Look { recipe, stand: Stand::New, epochs, done, seen });
        }
        let folder = RunFolder::open(folder.path())?;
        let saved = Recipe::read(&folder.recipe())?;
        let recipe = self.runner.same(&folder, &saved, &job.layers)?;
        let epochs = self.epochs(job, &recipe)?;
        let records = MetricsLog::read(folder.metrics()).unwrap_or_default();
        let known = done(job, &folder);
        let is_finished = known.is_some_and(|done| {
            done.epochs >= epochs || self.limits.max_steps.is_some_and(|max| done.steps >= max)
        });
        let done = known.or_else(|| checkpoint(&folder)).unwrap_or_default();
        if let Some(most) = self.limits.max_steps.filter(|most| done.steps > *most) {
            let path = folder.path().to_owned();
            return Err(TrainError::Further { path, steps: done.steps, most }.into());
        }
        let stand = match is_finished {
            true => Stand::Finished,
            false => Stand::Begun { epochs: done.epochs },
        };
        let seen = Seen::of(&records, done.epochs);
        Ok(Look { recipe, stand, epochs, done, seen })
    }

    /// Whether the run in `folder` is made by this queue before `job` is.
    fn makes_before(&self, job: &Job, folder: &Path) -> bool {
        let absolute = |path: &Path| std::path::absolute(path).ok();
        let before = self.jobs.iter().take_while(|other| other.folder != job.folder);
        before
            .filter(|other| other.goal == Goal::Figures)
            .any(|other| absolute(&other.folder) == absolute(folder))
    }

    /// Epochs of a job when it is finished.
    fn epochs(&self, job: &Job, recipe: &Recipe) -> Result<usize> {
        // Their number does not depend on the classes.
        let whole = train::epochs(&self.runner.planner, recipe, 2).map_err(crate::Error::from)?;
        Ok(match job.goal {
            Goal::Validation { epochs: Some(epochs) } => epochs.min(whole),
            _ => whole,
        })
    }

    /// What the queue stops its runs at.
    pub fn limits(&self) -> Limits {
        self.limits
    }
}

/// What is behind what the job is for; `None` where that is not there.
fn done(job: &Job, folder: &RunFolder) -> Option<Done> {
    match job.goal {
        Goal::Figures => {
            let Summary { epochs, steps, .. } = Summary::load(folder.summary()).ok()?;
            Some(Done { epochs, steps })
        }
        Goal::Validation { .. } => {
            let Validation { epochs, steps, .. } = Validation::of(folder)?;
            Some(Done { epochs, steps })
        }
    }
}

/// What the checkpoint holds; one that cannot be read is told of when the run goes on.
fn checkpoint(folder: &RunFolder) -> Option<Done> {
    let Progress { epoch, step, .. } = Checkpoint::load_last(folder).ok()??.progress;
    Some(Done { epochs: epoch, steps: step })
}

impl Runner {
    /// What the layers mean, if that is the run in `folder`.
    fn same(&self, folder: &RunFolder, saved: &Recipe, layers: &[RecipeFile]) -> Result<Recipe> {
        let (recipe, split) = self.meant(saved, layers)?;
        let path = || folder.path().to_owned();
        if saved.identity()? != recipe.identity()? {
            let difference = match other_values(saved, &recipe)?.into_iter().next() {
                Some(Other { key, first, second }) => format!("{key} = {first}, not {second}"),
                None => "its recipe.toml is another one".into(),
            };
            return Err(TrainError::OtherRecipe { path: path(), difference }.into());
        }
        if let Some(split) = split
            && Split::load(&folder.split())?.hash != split
        {
            let difference = "its split.json is of other images".into();
            return Err(TrainError::OtherRecipe { path: path(), difference }.into());
        }
        Ok(recipe)
    }

    /// What the layers mean, and the hash of the split where that does not follow from the recipe. Colours, which only
    /// decoded images have, are those of `saved`.
    fn meant(&self, saved: &Recipe, layers: &[RecipeFile]) -> Result<(Recipe, Option<String>)> {
        let layers = self.named(layers);
        let asked = Recipe::resolve(&layers)?.0;
        let is_own = source::is_own(&asked.data);
        let has_split = !asked.data.split.as_os_str().is_empty();
        let has_weights = !asked.model.weights.as_os_str().is_empty();
        if !is_own && !has_split && !has_weights && asked.method.teacher.is_none() {
            return Ok((asked, None));
        }
        let prepare::Surveyed { recipe, split, .. } =
            prepare::survey(&layers, self, WeightsFrom::File, &mut ())?;
        let recipe = match is_own && !prepare::says_colours(&layers) {
            true => recipe.with(|sections| {
                (sections.views.mean, sections.views.std) = (saved.views.mean, saved.views.std);
            })?,
            false => recipe,
        };
        Ok((recipe, Some(split.hash)))
    }
}
