//! A run that goes on from where another one was, under other settings.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::{
    Beginning, Prepared, Runner,
    earlier::{Earlier, Other, other_values},
    pretrained::{self, WeightsFrom},
};
use crate::{
    Result,
    hex::hex,
    loss::ClassCounts,
    model::weights,
    recipe::{self, Recipe, RecipeFile, Sections},
    report::counted,
    train::{Observer, Out, TrainError, Trainer},
};

/// Sections of a recipe, and keys, that a branch has as they are where it begins.
const KEPT: [&str; 4] = ["data.", "model.", "train.batch_size", "train.drop_last"];
/// Sections of which the objective is made.
const OF_OBJECTIVE: [&str; 4] = ["method.", "loss.", "contrastive.", "compression."];

/// The run that another goes on from.
pub(super) struct Trunk {
    pub run: Earlier,
    /// What the branch does otherwise.
    others: Vec<Other>,
}

impl Runner {
    /// A new run that goes on from where the run in `trunk` was last saved, under its settings with `layers` over them:
    /// weights, velocity, the epochs so far and the best of them are that run's. Where `layers` change nothing, it ends
    /// with the bits of that run. What several settings do from half time on costs each half a run.
    ///
    /// The images, the network and the batches are as in that run. Its recipe says in `[branch]` where it began.
    ///
    /// # Errors
    /// [`TrainError::Branch`] if `layers` change what a branch has to keep, or if that run is further than this one goes;
    /// else as [`Runner::start`].
    pub fn start_from(
        &self,
        trunk: &Path,
        layers: &[RecipeFile],
        out: &Out,
        observer: &mut dyn Observer,
    ) -> Result<Trainer> {
        out.check_free()?;
        pretrained::refuse_beside(trunk, layers)?;
        let run = Earlier::open(trunk)?;
        let layers: Vec<_> =
            std::iter::once(run.saved.clone()).chain(layers.iter().cloned()).collect();
        let others = run.others(&Recipe::resolve(&layers)?.0)?;
        let mut prepared = self.prepare(&layers, WeightsFrom::Run, observer)?;
        run.check_split(&prepared.split.hash)?;
        self.check_plan(&run, &prepared)?;
        let branch = run.branch()?;
        let Prepared { recipe, .. } = prepared;
        prepared.recipe = recipe.with(|Sections { branch: place, .. }| *place = Some(branch))?;
        let trunk = Trunk { run, others };
        self.begin(prepared, out, Some(Beginning::Branch(trunk)), observer)
    }

    /// Refuses another network than the run's, which other methods have, and an end that the run has reached.
    fn check_plan(&self, run: &Earlier, Prepared { recipe, sets, .. }: &Prepared) -> Result<()> {
        let counts = ClassCounts::new(sets.train_counts.clone()).map_err(TrainError::from)?;
        let plan = |recipe: &Recipe| self.planner.plan(&recipe.settings(), &counts);
        let (before, now) = (plan(&run.recipe), plan(recipe));
        let (before, now) = (before.map_err(TrainError::from)?, now.map_err(TrainError::from)?);
        let (of_run, of_branch) = (&run.recipe.method, &recipe.method);
        if before.network != now.network {
            let reason = format!("the network of {of_run} is another one than that of {of_branch}");
            return Err(run.refused(reason).into());
        }
        let progress = &run.checkpoint.progress;
        let (end, done) = (now.first_epoch(progress.stage + 1), progress.epoch);
        if end <= done {
            let (done, end) = (counted(done, "epoch", "epochs"), counted(end, "epoch", "epochs"));
            let reason = format!(
                "it has done {done}, and the branch is to end after {end}: choose more --epochs"
            );
            return Err(run.refused(reason).into());
        }
        Ok(())
    }
}

impl Earlier {
    fn refused(&self, reason: String) -> TrainError {
        TrainError::Branch { path: self.folder.path().to_owned(), reason }
    }

    /// What a branch of this recipe does otherwise.
    fn others(&self, recipe: &Recipe) -> Result<Vec<Other>> {
        let others = other_values(&self.recipe, recipe)?;
        let is_kept = |other: &&Other| KEPT.iter().any(|kept| other.key.starts_with(kept));
        if let Some(Other { key, first, second }) = others.iter().find(is_kept) {
            let reason = format!(
                "it has {key} = {first}, not {second}, which a branch keeps: leave that option out"
            );
            return Err(self.refused(reason).into());
        }
        Ok(others)
    }

    /// Where a branch begins.
    fn branch(&self) -> Result<recipe::Branch> {
        let from = std::path::absolute(self.folder.path())
            .map_err(|error| self.refused(error.to_string()))?;
        let mut hash = Sha256::new();
        weights::hash(&self.checkpoint.model, &mut hash);
        weights::hash(&self.checkpoint.velocity, &mut hash);
        let progress = &self.checkpoint.progress;
        let (epoch, step) = (progress.epoch, progress.step);
        Ok(recipe::Branch { from, epoch, step, digest: hex(hash.finalize()) })
    }
}

impl Trunk {
    /// Whether the objective goes on with what it has chosen.
    pub fn keeps_objective(&self) -> bool {
        let is_of_it = |other: &Other| OF_OBJECTIVE.iter().any(|of| other.key.starts_with(of));
        !self.others.iter().any(is_of_it)
    }

    /// What is to be said of it.
    pub fn note(&self) -> String {
        let other =
            |Other { key, first, second }: &Other| format!("{key} = {second} instead of {first}");
        let others = match &self.others[..] {
            [] => "nothing changed".to_owned(),
            others => others.iter().map(other).collect::<Vec<_>>().join(", "),
        };
        format!("branches from {}; from there on {others}", self.run.place())
    }
}
