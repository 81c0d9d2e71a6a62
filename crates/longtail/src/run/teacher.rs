//! The finished run that another one learns from.

use std::{
    path::{Path, PathBuf},
    result,
};

use super::{Runner, split_of};
use crate::{
    Result,
    data::{Split, names},
    device,
    loss::Teacher,
    method::Planner,
    model::weights,
    recipe::Recipe,
    report::counted,
    train::{self, Checkpoint, RunFolder, TrainError},
};

/// Class names that a refusal lists.
const NAMED: usize = 8;

/// A teacher, and what is to be said of it.
pub(super) struct Taught {
    pub teacher: Teacher,
    pub note: String,
}

/// A run that is finished.
struct Finished {
    recipe: Recipe,
    split: Split,
    checkpoint: Checkpoint,
    file: PathBuf,
    planner: Planner,
}

impl Runner {
    /// The network that `recipe` names as its teacher, for images of `split`; `None` where it names none. Validation's
    /// choice of its weights is taken, as for predicting.
    ///
    /// # Errors
    /// [`TrainError::Teacher`] for a run that is not finished, has other classes or images of another size, or is
    /// another one than the recipe says; and what is wrong with its folder.
    pub(super) fn teacher(&self, recipe: &Recipe, split: &Split) -> Result<Option<Taught>> {
        let Some(path) = &recipe.method.teacher else { return Ok(None) };
        let refuse = |reason: String| TrainError::Teacher { path: path.clone(), reason };
        let Finished { recipe: own, split: own_split, checkpoint, file, planner } =
            self.finished(path)?;
        let names = &own_split.class_names;
        fits(recipe, split, &own, names).map_err(refuse)?;
        device::check_precision(&self.device, own.train.precision)?;
        let stage = checkpoint.progress.stage;
        let chosen = if checkpoint.best.is_empty() { checkpoint.model } else { checkpoint.best };
        let network = train::network(&planner, &own, names.len(), stage, &self.device)?;
        let network = weights::with_state(network, chosen, &file.display().to_string())
            .map_err(TrainError::from)?;
        let teacher = Teacher::new(network, names, train::normalize(&own));
        if recipe.method.teacher_digest.as_ref().is_some_and(|known| known != teacher.digest()) {
            let other = "its network is another one than this run learns from";
            return Err(refuse(other.into()).into());
        }
        Ok(Some(Taught { teacher, note: note(recipe, split, &own, &own_split) }))
    }

    fn finished(&self, path: &Path) -> Result<Finished> {
        let refuse = |reason: String| TrainError::Teacher { path: path.to_owned(), reason };
        let folder = RunFolder::open(path).map_err(|error| match error {
            TrainError::NoRun { missing, .. } => {
                refuse(format!("it has no {missing}; --teacher says where it is"))
            }
            other => other,
        })?;
        let (recipe, split) = (Recipe::read(&folder.recipe())?, split_of(&folder)?);
        let (checkpoint, file) = (Checkpoint::load_of(&folder)?, folder.checkpoint());
        checkpoint.check_identity(&recipe, &split.hash, &file)?;
        let (planner, progress) = (self.planner_of(&recipe), &checkpoint.progress);
        let whole = train::whole(&planner, &recipe, split.class_names.len())?;
        if (progress.epoch, progress.stage) < whole {
            let (done, of) = (progress.epoch, counted(whole.0, "epoch", "epochs"));
            let finish = format!("finish it with longtail train --resume --out {}", path.display());
            return Err(refuse(format!("it has done {done} of its {of}: {finish}")).into());
        }
        Ok(Finished { recipe, split, checkpoint, file, planner })
    }

    /// A run of a method from outside is read by this program's, any other by the crate's own.
    fn planner_of(&self, recipe: &Recipe) -> Planner {
        match recipe.method.own {
            Some(_) => self.planner.clone(),
            None => Planner::default(),
        }
    }
}

/// Refuses a teacher that cannot see the images or does not tell their classes; gives the reason.
fn fits(
    recipe: &Recipe,
    split: &Split,
    own: &Recipe,
    names: &[String],
) -> result::Result<(), String> {
    let (size, of_teacher) = (recipe.data.image_size, own.data.image_size);
    if size != of_teacher {
        return Err(format!("its images have {of_teacher} pixels a side, and these {size}"));
    }
    if *names != split.class_names {
        let listed = |names: &[String]| names::listed(names, NAMED);
        let (of_teacher, these) = (listed(names), listed(&split.class_names));
        return Err(format!("its classes are {of_teacher}, and these {these}"));
    }
    Ok(())
}

/// What is to be said of a teacher.
fn note(recipe: &Recipe, split: &Split, own: &Recipe, own_split: &Split) -> String {
    let path = recipe.method.teacher.as_deref().unwrap_or(Path::new("")).display();
    let note = format!("the teacher is the run of {} in {path}", own.method);
    match split.hash == own_split.hash {
        true => note,
        false => format!(
            "{note}, which was made of another split: it may have been trained on images that validate or test here"
        ),
    }
}
