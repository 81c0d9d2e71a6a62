//! A run where its checkpoint left off.

use serde_json::Value;

use super::{Checkpoint, Observer, Progress, TrainError, Trainer, setup};
use crate::{
    model::weights::{self, Fitted, State},
    optim::LossScale,
    recipe::Recipe,
};

impl Trainer {
    /// The same run where its checkpoint left off; where there is none yet, at its beginning. `before` is the
    /// recipe that the checkpoint was made with, which may have another number of epochs.
    ///
    /// # Errors
    /// [`TrainError`] if the checkpoint is damaged, belongs to another run, or is further than this recipe goes.
    pub fn resume(
        mut self,
        before: &Recipe,
        observer: &mut dyn Observer,
    ) -> Result<Self, TrainError> {
        let path = self.folder.checkpoint();
        let Some(checkpoint) = Checkpoint::load_last(&self.folder)? else { return Ok(self) };
        checkpoint.check_identity(before, &self.sets.split_hash, &path)?;
        self.check_stages(&checkpoint.progress)?;
        self.check_length(before, &checkpoint.progress)?;
        self.check_progress(&checkpoint.progress)?;
        let Checkpoint { progress, model, velocity, best } = checkpoint;
        self.restore_learner(&progress, model, velocity)?;
        self.best = best;
        let new = std::mem::replace(&mut self.progress, progress);
        self.progress.fingerprint = new.fingerprint;
        self.former_fingerprint = Some(setup::fingerprint(before, &self.sets.split_hash)?);
        self.progress.train_counts = new.train_counts;
        self.progress.stages = new.stages;
        let kernels = new.kernels;
        if kernels != self.progress.kernels {
            let before = std::mem::replace(&mut self.progress.kernels, kernels.clone());
            observer.note(&format!(
                "the run was trained with {before} operators and goes on with {kernels}: its last \
                 bits will differ from an unbroken run's"
            ));
        }
        self.restore_objective()?;
        Ok(self)
    }

    /// The same run at its beginning, with weights of a file; saved at once, so that it goes on without the file.
    ///
    /// # Errors
    /// [`TrainError`] if the weights do not fit, or if it cannot be saved.
    pub(crate) fn beginning_with(mut self, weights: Fitted) -> Result<Self, TrainError> {
        self.learner.network = weights.fill(self.learner.network)?;
        self.save()?;
        Ok(self)
    }

    /// The same run behind its first stage, which is the run that `checkpoint` is of; saved at once.
    ///
    /// # Errors
    /// [`TrainError`] if the weights do not fit, or if it cannot be saved.
    pub(crate) fn after_first_stage(mut self, checkpoint: Checkpoint) -> Result<Self, TrainError> {
        let Checkpoint { progress, model, velocity, best } = checkpoint;
        self.restore_learner(&progress, model, velocity)?;
        self.best = best;
        self.progress = self.progress.going_on_from(progress);
        self.check_progress(&self.progress)?;
        self.save()?;
        Ok(self)
    }

    /// The same run from where the run was that `checkpoint` is of, which had the same network and batches; saved at
    /// once. Without `keeps_objective` the objective forgets what it has chosen and looks at the network anew.
    ///
    /// # Errors
    /// [`TrainError`] if the weights do not fit, or if it cannot be saved.
    pub(crate) fn branching(
        mut self,
        checkpoint: Checkpoint,
        keeps_objective: bool,
        observer: &mut dyn Observer,
    ) -> Result<Self, TrainError> {
        let Checkpoint { progress, model, velocity, best } = checkpoint;
        self.check_stages(&progress)?;
        self.restore_learner(&progress, model, velocity)?;
        self.best = best;
        let objective = if keeps_objective { progress.objective.clone() } else { Value::Null };
        self.progress = self.progress.going_on_from(progress);
        self.progress.objective = objective;
        self.check_progress(&self.progress)?;
        self.restore_objective()?;
        if !keeps_objective {
            if self.progress.batch == 0 {
                self.progress.sums.note = None;
            }
            self.before_epoch(observer)?;
        }
        self.save()?;
        Ok(self)
    }

    /// Refuses other stages than those that the run was begun with, in another order or of other names: under one name a
    /// program may have changed its method.
    fn check_stages(&self, progress: &Progress) -> Result<(), TrainError> {
        let (before, now) = (&progress.stages, &self.progress.stages);
        if before.is_empty() || before == now {
            return Ok(());
        }
        let what = format!("plan (its stages are {}, not {})", before.join(", "), now.join(", "));
        Err(TrainError::Foreign { path: self.folder.checkpoint(), what })
    }

    /// Refuses another length than the run can still have: no less than it has done, and its own where a later stage
    /// has begun, which stands upon the whole of the one before it.
    fn check_length(&self, before: &Recipe, progress: &Progress) -> Result<(), TrainError> {
        let path = || self.folder.path().to_owned();
        let is_other = before.train.epochs != self.recipe.train.epochs;
        if let (true, 1.., Some(stage)) =
            (is_other, progress.stage, self.plan.stages.get(progress.stage))
        {
            let (path, number) = (path(), progress.stage + 1);
            return Err(TrainError::StageBegun { path, number, name: stage.name });
        }
        let (asked, done) = (self.plan.first_epoch(progress.stage + 1), progress.epoch);
        if asked < done {
            return Err(TrainError::FewerEpochs { path: path(), asked, done });
        }
        Ok(())
    }

    /// Refuses counters that no run of this recipe has.
    fn check_progress(&self, progress: &Progress) -> Result<(), TrainError> {
        let classes = self.sets.class_names.len();
        let place = self.plan.place(progress.epoch);
        // Between two stages the former one has ended and the latter not begun.
        let is_stage = progress.stage == place.stage
            || progress.stage + 1 == place.stage && place.moment.epoch + progress.batch == 0;
        let is_whole = is_stage
            && progress.batch <= self.steps_per_epoch(place.stage)
            && self
                .steps_before(progress.epoch)
                .and_then(|done| done.checked_add(progress.batch as u64))
                == Some(progress.step)
            && progress.best.as_ref().is_none_or(|best| best.val.per_class.len() == classes);
        if is_whole { Ok(()) } else { Err(self.misfit("its counters do not fit the run".into())) }
    }

    /// Weights, velocity and scale of the loss, of the network as the stage has it.
    fn restore_learner(
        &mut self,
        progress: &Progress,
        model: State,
        velocity: State,
    ) -> Result<(), TrainError> {
        let path = self.folder.checkpoint();
        let foreign = |what: String| TrainError::Foreign { path: path.clone(), what };
        let learner = &mut self.learner;
        learner.begin_all_stages(&self.plan, progress.stage, self.recipe.train.seed);
        let network = learner.network.clone();
        learner.network = weights::with_state(network, model, &path.display().to_string())
            .map_err(|error| foreign(format!("model ({error})")))?;
        if let Some(name) = unknown(&velocity, &weights::state(&learner.network)) {
            return Err(foreign(format!("model (it holds a velocity of \"{name}\")")));
        }
        let device = learner.device().clone().inner();
        learner.sgd.restore(velocity, &device);
        if let (Some(scale), Some(state)) = (&mut learner.loss_scale, progress.loss_scale) {
            *scale = LossScale::restore(state, &device);
        }
        Ok(())
    }

    fn restore_objective(&mut self) -> Result<(), TrainError> {
        let classes = self.sets.class_names.len();
        let Some(stage) = self.plan.stages.get_mut(self.progress.stage) else { return Ok(()) };
        let restored = stage.objective.restore(&self.progress.objective, classes);
        restored.map_err(|error| self.misfit(error.to_string()))
    }

    fn misfit(&self, reason: String) -> TrainError {
        TrainError::Damaged { path: self.folder.checkpoint(), reason, previous: None }
    }
}

/// A velocity without a parameter of its name and size.
fn unknown<'a>(velocity: &'a State, parameters: &State) -> Option<&'a str> {
    let fits = |name: &String, velocity: usize| {
        parameters.get(name).is_some_and(|parameter| parameter.values.len() == velocity)
    };
    let mut names = velocity.iter().filter(|(name, v)| !fits(name, v.values.len()));
    names.next().map(|(name, _)| name.as_str())
}
