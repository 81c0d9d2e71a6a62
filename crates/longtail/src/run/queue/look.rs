//! How a run of a queue stands, by its folder.

use super::{Goal, Job, Queue, Validation};
use crate::{
    Result,
    data::{Split, source},
    recipe::{Recipe, RecipeFile},
    report::{MetricsLog, Summary},
    run::{
        Runner,
        earlier::{Other, other_values},
        prepare,
        pretrained::WeightsFrom,
    },
    train::{self, Limits, RunFolder, TrainError},
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
    /// Seconds that its epochs have taken so far.
    pub seconds: f64,
}

impl Queue {
    pub(super) fn look_at(&self, job: &Job) -> Result<Look> {
        let folder = RunFolder::at(&job.folder);
        if RunFolder::check_free(&job.folder).is_ok() {
            let recipe = Recipe::resolve(&job.layers)?.0;
            let epochs = self.epochs(job, &recipe)?;
            return Ok(Look { recipe, stand: Stand::New, epochs, seconds: 0.0 });
        }
        let folder = RunFolder::open(folder.path())?;
        let saved = Recipe::read(&folder.recipe())?;
        let recipe = self.runner.same(&folder, &saved, &job.layers)?;
        let epochs = self.epochs(job, &recipe)?;
        let records = MetricsLog::read(folder.metrics()).unwrap_or_default();
        let seconds = records.iter().map(|record| record.seconds).sum();
        let done = done(job, &folder);
        let is_finished = done.is_some_and(|(done, steps)| {
            done >= epochs || self.limits.max_steps.is_some_and(|max| steps >= max)
        });
        let stand = match is_finished {
            true => Stand::Finished,
            false => Stand::Begun { epochs: records.len() },
        };
        Ok(Look { recipe, stand, epochs, seconds })
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

/// Epochs and steps that are behind what the job is for; `None` where that is not there.
fn done(job: &Job, folder: &RunFolder) -> Option<(usize, u64)> {
    match job.goal {
        Goal::Figures => {
            let summary = Summary::load(folder.summary()).ok()?;
            Some((summary.epochs, summary.steps))
        }
        Goal::Validation { .. } => {
            let known = Validation::of(folder)?;
            Some((known.epochs, known.steps))
        }
    }
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
