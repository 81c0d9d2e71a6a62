//! Runs that another run begins with.

use std::{collections::BTreeMap, io, path::Path};

use super::{resume::PLACES, saved};
use crate::{
    Result,
    recipe::{Recipe, RecipeFile},
    regular,
    report::{LARGEST_LOG, ReportError, counted},
    train::{Checkpoint, RunFolder},
};

/// A run as it was saved.
pub(super) struct Earlier {
    pub folder: RunFolder,
    pub recipe: Recipe,
    pub saved: RecipeFile,
    pub checkpoint: Checkpoint,
}

impl Earlier {
    pub fn open(path: &Path) -> Result<Self> {
        let (folder, saved) = saved(path)?;
        let recipe = Recipe::resolve(std::slice::from_ref(&saved))?.0;
        let checkpoint = Checkpoint::load_of(&folder)?;
        Ok(Self { folder, recipe, saved, checkpoint })
    }

    /// Refuses a run that was made of another split than the one of this hash, or a checkpoint that is not its own.
    pub fn check_split(&self, hash: &str) -> Result<()> {
        Ok(self.checkpoint.check_identity(&self.recipe, hash, &self.folder.checkpoint())?)
    }

    /// Where it is and how far it has come.
    pub fn place(&self) -> String {
        let (path, progress) = (self.folder.path().display(), &self.checkpoint.progress);
        let within = match progress.batch {
            0 => "",
            _ => " and a part of another",
        };
        format!(
            "the run in {path}: {}{within}, {}",
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

/// The values that are others in the second recipe, wherever data and runs lie; those first that others follow.
pub(super) fn other_values(first: &Recipe, second: &Recipe) -> Result<Vec<Other>> {
    let values = |recipe: &Recipe| RecipeFile::parse(&recipe.to_toml()?, "a recipe")?.values();
    let (first, second) = (values(first)?, values(second)?);
    let differs = |key: &&str| !PLACES.contains(key) && first.get(*key) != second.get(*key);
    let rest = second.keys().map(String::as_str).filter(|key| !FOLLOWED.contains(key));
    let of = |values: &BTreeMap<String, String>, key: &str| values.get(key).cloned();
    let other = |key: &str| Other {
        key: key.to_owned(),
        first: of(&first, key).unwrap_or_default(),
        second: of(&second, key).unwrap_or_default(),
    };
    Ok(FOLLOWED.into_iter().chain(rest).filter(differs).map(other).collect())
}
