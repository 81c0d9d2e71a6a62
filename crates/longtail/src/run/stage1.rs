//! A run whose first stage is that of another run, which several second stages may share.

use std::path::Path;

use super::{
    Beginning, Prepared, Runner,
    earlier::{Earlier, Other, other_values},
    pretrained::{self, WeightsFrom},
};
use crate::{
    Result,
    recipe::{MethodTyped, Recipe, RecipeFile},
    report::counted,
    train::{Observer, Out, TrainError, Trainer},
};

/// The finished run that another begins with.
pub(super) struct FirstStage(pub Earlier);

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
        pretrained::refuse_beside(stage1, layers)?;
        let first = FirstStage(Earlier::open(stage1)?);
        let layers = first.under(layers)?;
        // What can be known without the images is refused without them.
        first.check_recipe(&Recipe::resolve(&layers)?.0)?;
        let prepared = self.prepare(&layers, WeightsFrom::Run, observer)?;
        first.check(&prepared)?;
        self.begin(prepared, out, Some(Beginning::FirstStage(first)), observer)
    }
}

impl FirstStage {
    fn refuse<T>(&self, reason: String) -> Result<T> {
        Err(TrainError::FirstStage { path: self.0.folder.path().to_owned(), reason }.into())
    }

    /// The layers over all that the first stage was trained with.
    fn under(&self, layers: &[RecipeFile]) -> Result<Vec<RecipeFile>> {
        let Some(method) = layers.iter().rev().find_map(|layer| layer.method.name) else {
            return self.refuse("name a method of two stages with --method".into());
        };
        // What belongs to a method belongs to its first stage too.
        let mut base = self.0.saved.clone();
        base.method = MethodTyped { name: Some(method), ..Default::default() };
        Ok(std::iter::once(base).chain(layers.iter().cloned()).collect())
    }

    fn check(&self, Prepared { recipe, split, .. }: &Prepared) -> Result<()> {
        self.check_recipe(recipe)?;
        self.0.check_split(&split.hash)
    }

    /// Refuses a run that is not finished, or of another recipe than this one's first stage.
    fn check_recipe(&self, recipe: &Recipe) -> Result<()> {
        let (method, own) = (&recipe.method, &self.0.recipe.method);
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
        if let Some(Other { key, first, second }) = other_values(&self.0.recipe, &same)?.first() {
            return self.refuse(format!(
                "it was trained with {key} = {first}, not {second}: leave that option out, or train another first \
                 stage"
            ));
        }
        let (progress, epochs) = (&self.0.checkpoint.progress, self.0.recipe.train.epochs);
        if progress.epoch < epochs {
            let at = self.0.folder.path().display();
            let (done, of) = (progress.epoch, counted(epochs, "epoch", "epochs"));
            return self.refuse(format!(
                "it has done {done} of its {of}: finish it with longtail train --resume --out {at}"
            ));
        }
        Ok(())
    }

    /// What is to be said of it.
    pub fn note(&self) -> String {
        format!("the first stage is {}", self.0.place())
    }
}
