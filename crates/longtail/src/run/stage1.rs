//! A run whose first stage is that of another run, which several second stages may share.

use std::{collections::BTreeMap, io, path::Path};

use super::{Prepared, Runner, resume::PLACES, saved};
use crate::{
    Result,
    recipe::{Recipe, RecipeFile},
    regular,
    report::{LARGEST_LOG, ReportError, counted},
    train::{Checkpoint, Observer, Out, RunFolder, TrainError, Trainer},
};

/// A run that another begins with.
pub(super) struct FirstStage {
    folder: RunFolder,
    recipe: Recipe,
    saved: RecipeFile,
    pub checkpoint: Checkpoint,
}

impl Runner {
    /// A new run of a method of two stages whose first one is the finished run in `stage1`: what that run has trained,
    /// logged and taken is this run's, which ends with the bits that it would have had if it had trained its first stage
    /// itself. `layers` name the method and its settings; everything else is as in that run.
    ///
    /// # Errors
    /// [`TrainError::FirstStage`] if that run is not finished or is no first stage of this one; else as
    /// [`Runner::start`].
    pub fn start_on(
        &self,
        stage1: &Path,
        layers: &[RecipeFile],
        out: &Out,
        observer: &mut dyn Observer,
    ) -> Result<Trainer> {
        out.check_free()?;
        let first = FirstStage::open(stage1)?;
        let layers = first.under(layers)?;
        // What can be known without the images is refused without them.
        first.check_recipe(&Recipe::resolve(&layers)?.0)?;
        let prepared = self.prepare(&layers, observer)?;
        first.check(&prepared)?;
        self.begin(prepared, out, Some(first), observer)
    }
}

impl FirstStage {
    fn open(path: &Path) -> Result<Self> {
        let (folder, saved) = saved(path)?;
        let recipe = Recipe::resolve(std::slice::from_ref(&saved))?.0;
        let checkpoint = Checkpoint::load_of(&folder)?;
        Ok(Self { folder, recipe, saved, checkpoint })
    }

    fn refuse<T>(&self, reason: String) -> Result<T> {
        Err(TrainError::FirstStage { path: self.folder.path().to_owned(), reason }.into())
    }

    /// The layers over all that the first stage was trained with.
    fn under(&self, layers: &[RecipeFile]) -> Result<Vec<RecipeFile>> {
        let Some(method) = layers.iter().rev().find_map(|layer| layer.method.name) else {
            return self.refuse("name a method of two stages with --method".into());
        };
        // What belongs to a method belongs to its first stage too.
        let mut base = self.saved.clone();
        base.method = crate::recipe::MethodTyped { name: Some(method), ..Default::default() };
        Ok(std::iter::once(base).chain(layers.iter().cloned()).collect())
    }

    fn check(&self, Prepared { recipe, split, .. }: &Prepared) -> Result<()> {
        self.check_recipe(recipe)?;
        let checkpoint = self.folder.checkpoint();
        Ok(self.checkpoint.check_identity(&self.recipe, &split.hash, &checkpoint)?)
    }

    /// Refuses a run that is not finished, or of another recipe than this one's first stage.
    fn check_recipe(&self, recipe: &Recipe) -> Result<()> {
        let (method, own) = (&recipe.method, &self.recipe.method);
        match method.name.definition().first_stage {
            None => {
                return self.refuse(format!("{method} has no first stage that another run can be"));
            }
            Some(first) if own.own.is_some() || first != own.name => {
                return self.refuse(format!("it is of {own}, and {method} begins with {first}"));
            }
            Some(_) => {}
        }
        let same = recipe.clone().with(|sections| sections.method = own.clone())?;
        if let Some(difference) = difference(&self.recipe, &same)? {
            return self.refuse(difference);
        }
        let (progress, epochs) = (&self.checkpoint.progress, self.recipe.train.epochs);
        if progress.epoch < epochs {
            let at = self.folder.path().display();
            let (done, of) = (progress.epoch, counted(epochs, "epoch", "epochs"));
            return self.refuse(format!(
                "it has done {done} of its {of}: finish it with longtail train --resume --out {at}"
            ));
        }
        Ok(())
    }

    /// What is to be said of it.
    pub fn note(&self) -> String {
        let (path, progress) = (self.folder.path().display(), &self.checkpoint.progress);
        format!(
            "the first stage is the run in {path}: {}, {}",
            counted(progress.epoch, "epoch", "epochs"),
            counted(progress.step as usize, "step", "steps")
        )
    }

    /// The lines of its epochs.
    pub fn log(&self) -> Result<Vec<u8>> {
        let path = self.folder.metrics();
        match regular::read(&path, LARGEST_LOG) {
            // The run says itself what its log lacks.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => Ok(read.map_err(ReportError::io("read", &path))?),
        }
    }
}

/// Keys that others follow: the first of them that differs is the one that was typed.
const FOLLOWED: [&str; 3] = ["method.name", "train.epochs", "train.batch_size"];

/// A value that two recipes do not share.
pub(super) struct Other {
    pub key: String,
    pub first: String,
    pub second: String,
}

/// The first value that is another one in the second recipe.
pub(super) fn other_value(first: &Recipe, second: &Recipe) -> Result<Option<Other>> {
    let values = |recipe: &Recipe| RecipeFile::parse(&recipe.to_toml()?, "a recipe")?.values();
    let (first, second) = (values(first)?, values(second)?);
    let differs = |key: &&str| !PLACES.contains(key) && first.get(*key) != second.get(*key);
    let all = FOLLOWED.into_iter().chain(second.keys().map(String::as_str));
    Ok(all.into_iter().find(differs).map(|key| {
        let of = |values: &BTreeMap<String, String>| values.get(key).cloned().unwrap_or_default();
        Other { key: key.to_owned(), first: of(&first), second: of(&second) }
    }))
}

/// [`other_value`] as a reason why the one is no first stage of the other.
fn difference(first: &Recipe, second: &Recipe) -> Result<Option<String>> {
    Ok(other_value(first, second)?.map(|Other { key, first, second }| {
        format!(
            "it was trained with {key} = {first}, not {second}: leave that option out, or train another first stage"
        )
    }))
}
