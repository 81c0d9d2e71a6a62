//! The file of weights that a run begins with.

use std::path::Path;

use super::Runner;
use crate::{
    Result,
    model::weights::{Fitted, Pretrained, PretrainedError},
    recipe::{Recipe, RecipeFile, Sections},
    train::{self, TrainError},
};

/// Where a run's first weights come from, if its recipe names a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WeightsFrom {
    /// There.
    File,
    /// From an earlier run, which may have had them from there.
    Run,
}

impl Runner {
    /// What a network of `recipe` for `classes` classes takes of the file that the recipe names; `None` where it names
    /// none.
    ///
    /// # Errors
    /// [`TrainError::Pretrained`] for a file that cannot be read, does not fit, or is another one than the recipe says.
    pub(super) fn pretrained(&self, recipe: &Recipe, classes: usize) -> Result<Option<Fitted>> {
        let path = &recipe.model.weights;
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        let network = train::network(&self.planner, recipe, classes, 0, &self.device)?;
        let fitted = Pretrained::read(path).and_then(|pretrained| pretrained.fitted(&network));
        let fitted = fitted.map_err(TrainError::from)?;
        let known = &recipe.model.weights_digest;
        match known.is_empty() || *known == fitted.digest() {
            true => Ok(Some(fitted)),
            false => {
                let file = fitted.loaded().file.clone();
                Err(TrainError::from(PretrainedError::Other { file }).into())
            }
        }
    }
}

/// The recipe with where its weights are and which ones those are.
pub(super) fn naming(recipe: Recipe, weights: Option<&Fitted>) -> Result<Recipe> {
    let Some(weights) = weights else { return Ok(recipe) };
    let path = &recipe.model.weights;
    let read = |source| PretrainedError::Read { file: path.display().to_string(), source };
    let absolute = std::path::absolute(path).map_err(read).map_err(TrainError::from)?;
    Ok(recipe.with(|Sections { model, .. }| {
        model.weights = absolute;
        model.weights_digest = weights.digest();
    })?)
}

/// Refuses layers that name weights beside the run in `path`, which brings its own.
pub(super) fn refuse_beside(path: &Path, layers: &[RecipeFile]) -> Result<()> {
    match layers.iter().any(|layer| layer.model.names_weights()) {
        true => Err(TrainError::WeightsOfRun(path.to_owned()).into()),
        false => Ok(()),
    }
}
