use std::sync::Arc;

use burn::{module::Module, tensor::Device};

use super::{
    Checkpoint, Ending, Learner, Limits, Lock, Observer, Progress, RunFolder, StepReport,
    TrainError,
    epoch::Measuring,
    setup,
    window::{ReadStep, Reading, Window},
};
use crate::{
    augment::Normalize,
    batch::{Batch, Loader, Position},
    data::Sets,
    eval::EvalOptions,
    loss::ClassCounts,
    method::{Method, Place, Plan, Stage},
    model::{
        Network,
        weights::{self, State},
    },
    optim::LossScale,
    recipe::Recipe,
    report::{MetricsLog, Recovered},
};

/// A run: the model and all that changes while it trains.
pub struct Trainer {
    pub(super) recipe: Recipe,
    pub(super) sets: Arc<Sets>,
    pub(super) folder: RunFolder,
    pub(super) plan: Plan,
    pub(super) normalize: Normalize,
    pub(super) eval_options: EvalOptions,
    pub(super) learner: Learner,
    pub(super) best: State,
    pub(super) progress: Progress,
    /// Of the recipe that the run had when it was gone on with.
    former_fingerprint: Option<String>,
    window: Window,
    lock: Option<Lock>,
}

impl Trainer {
    /// Refuses settings that do not fit the data, before anything is written.
    ///
    /// # Errors
    /// [`TrainError::BatchSize`], [`TrainError::EmptyClass`] or a setting of the evaluation.
    pub fn check(
        recipe: &Recipe,
        class_names: &[String],
        train_counts: &[usize],
    ) -> Result<(), TrainError> {
        setup::check(recipe, class_names, train_counts)?;
        setup::eval_options(recipe).map(|_| ())
    }

    /// A run at its beginning.
    ///
    /// # Errors
    /// [`TrainError`] for settings that do not fit the data.
    pub fn new(
        recipe: Recipe,
        sets: Arc<Sets>,
        folder: RunFolder,
        device: Device,
    ) -> Result<Self, TrainError> {
        Self::check(&recipe, &sets.class_names, &sets.train_counts)?;
        let progress = setup::progress(&recipe, &sets, &device)?;
        let counts = ClassCounts::new(sets.train_counts.clone())?;
        let plan = Method::plan(&recipe, &counts);
        let learner = Learner::new(&plan, recipe.train.seed, device)?;
        Ok(Self {
            plan,
            normalize: setup::normalize(&recipe),
            eval_options: setup::eval_options(&recipe)?,
            best: State::new(),
            recipe,
            sets,
            folder,
            learner,
            progress,
            former_fingerprint: None,
            window: Window::default(),
            lock: None,
        })
    }

    /// The same run, with the right to write into its folder until it is dropped.
    #[must_use]
    pub fn owning(mut self, lock: Lock) -> Self {
        self.lock = Some(lock);
        self
    }

    /// The same run, with what a person should know of its data.
    #[must_use]
    pub fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.progress.notes = notes;
        self
    }

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
        self.check_progress(&checkpoint.progress)?;
        let (asked, done) = (self.plan.epochs(), checkpoint.progress.epoch);
        if asked < done {
            let path = self.folder.path().to_owned();
            return Err(TrainError::FewerEpochs { path, asked, done });
        }
        let foreign = |what: String| TrainError::Foreign { path: path.clone(), what };
        let file = path.display().to_string();
        let (stage, seed) = (checkpoint.progress.stage, self.recipe.train.seed);
        self.learner.begin_all_stages(&self.plan, stage, seed);
        self.learner.network = weights::with_state(self.learner.network, checkpoint.model, &file)
            .map_err(|error| foreign(format!("model ({error})")))?;
        let device = self.learner.device().clone().inner();
        if let Some(name) = unknown(&checkpoint.velocity, &weights::state(&self.learner.network)) {
            return Err(foreign(format!("model (it holds a velocity of \"{name}\")")));
        }
        self.learner.sgd.restore(checkpoint.velocity, &device);
        if let (Some(scale), Some(state)) =
            (&mut self.learner.loss_scale, checkpoint.progress.loss_scale)
        {
            *scale = LossScale::restore(state, &device);
        }
        self.best = checkpoint.best;
        let new = std::mem::replace(&mut self.progress, checkpoint.progress);
        self.progress.fingerprint = new.fingerprint;
        self.former_fingerprint = Some(setup::fingerprint(before, &self.sets.split_hash)?);
        self.progress.train_counts = new.train_counts;
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

    fn restore_objective(&mut self) -> Result<(), TrainError> {
        let classes = self.sets.class_names.len();
        let Some(stage) = self.plan.stages.get_mut(self.progress.stage) else { return Ok(()) };
        let restored = stage.objective.restore(&self.progress.objective, classes);
        restored.map_err(|error| self.misfit(error.to_string()))
    }

    fn misfit(&self, reason: String) -> TrainError {
        TrainError::Damaged { path: self.folder.checkpoint(), reason, previous: None }
    }

    /// Steps of all epochs before `epoch`.
    fn steps_before(&self, epoch: usize) -> Option<u64> {
        let mut before = epoch;
        let mut steps = 0_u64;
        for (index, stage) in self.plan.stages.iter().enumerate() {
            let is_last = index + 1 == self.plan.stages.len();
            let epochs = if is_last { before } else { before.min(stage.epochs) };
            let of_stage = (epochs as u64).checked_mul(self.steps_per_epoch(index) as u64)?;
            steps = steps.checked_add(of_stage)?;
            before -= epochs;
        }
        Some(steps)
    }

    /// Where the run stands.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Epochs of all stages.
    pub fn epochs(&self) -> usize {
        self.plan.epochs()
    }

    /// The recipe.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// What it trains, validates and tests on.
    pub fn sets(&self) -> &Sets {
        &self.sets
    }

    /// The folder it writes to.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// The means and deviations its images are normalised with.
    pub fn normalize(&self) -> &Normalize {
        &self.normalize
    }

    /// How its figures are computed.
    pub fn eval_options(&self) -> &EvalOptions {
        &self.eval_options
    }

    /// The network as it stands, for evaluation.
    pub fn network(&self) -> Network {
        self.learner.network.valid()
    }

    /// The network of the best epoch so far; `None` before there is one.
    ///
    /// # Errors
    /// [`TrainError::Model`] if the weights do not fit, which those of a checkpoint do.
    pub fn best_network(&self) -> Result<Option<Network>, TrainError> {
        if self.best.is_empty() {
            return Ok(None);
        }
        let file = self.folder.checkpoint().display().to_string();
        Ok(Some(weights::with_state(self.learner.network.valid(), self.best.clone(), &file)?))
    }

    /// Trains to the end, to a limit, or until the observer stops it, and saves.
    ///
    /// # Errors
    /// [`TrainError`], most often [`TrainError::NotFinite`]; what was saved before stays.
    pub fn run(
        &mut self,
        limits: Limits,
        observer: &mut dyn Observer,
    ) -> Result<Ending, TrainError> {
        let mut log = self.log(observer)?;
        if self.progress.step == 0 {
            self.before_epoch(observer)?;
        }
        while self.progress.epoch < self.plan.epochs() {
            self.begin_stage(observer)?;
            if let Some(ending) = self.run_stage(limits, &mut log, observer)? {
                return Ok(ending);
            }
        }
        // A last stage without an epoch is done when it has begun.
        if self.begin_stage(observer)? {
            let val = self.evaluate(&self.learner.network.valid(), self.sets.val.as_ref())?;
            self.keep_best_of(self.progress.epoch.saturating_sub(1), val.as_ref());
            self.save()?;
        }
        Ok(Ending::Finished)
    }

    /// Trains to the end of the stage; gives how the run ended if it ended before.
    fn run_stage(
        &mut self,
        limits: Limits,
        log: &mut MetricsLog,
        observer: &mut dyn Observer,
    ) -> Result<Option<Ending>, TrainError> {
        let loader = self.loader()?;
        let steps = self.steps_per_epoch(self.progress.stage);
        while self.progress.epoch < self.plan.epochs() && self.place().stage == self.progress.stage
        {
            while self.progress.batch < steps {
                if limits.max_steps.is_some_and(|max| self.progress.step >= max) {
                    self.read_steps(limits, observer)?;
                    return self.stop_early(log, observer).map(Some);
                }
                let batch = self.window.wait(|| loader.next_batch())?;
                self.step(batch)?;
                let saves = observer.interrupted() || self.saves_after_this_step();
                if saves || self.window.is_full() {
                    self.read_steps(limits, observer)?;
                }
                // It may have decided on what it has just been told.
                let interrupted = observer.interrupted();
                if interrupted {
                    self.read_steps(limits, observer)?;
                }
                if saves || interrupted {
                    self.save()?;
                }
                if interrupted {
                    return Ok(Some(Ending::Interrupted));
                }
            }
            self.read_steps(limits, observer)?;
            self.end_epoch(log, observer)?;
            if observer.interrupted() {
                return Ok(Some(Ending::Interrupted));
            }
        }
        Ok(None)
    }

    /// Begins the stage of the epoch to come, unless it has begun; tells whether it did.
    fn begin_stage(&mut self, observer: &mut dyn Observer) -> Result<bool, TrainError> {
        let place = self.place();
        if place.stage == self.progress.stage {
            return Ok(false);
        }
        let (number, seed) = (place.stage, self.recipe.train.seed);
        self.progress.stage = number;
        self.progress.objective = serde_json::Value::Null;
        // The model of an earlier stage is not what the method makes.
        self.progress.best = None;
        self.best = State::new();
        self.progress.first_loss = None;
        self.learner.begin_stage(&self.plan.stages[number], number, seed);
        let Stage { name, epochs, .. } = self.stage();
        let (stage, stages) = (number + 1, self.plan.stages.len());
        let said = match epochs {
            0 => format!("stage {stage} of {stages}, {name}"),
            _ => format!("stage {stage} of {stages}, {name}: {epochs} epochs"),
        };
        let said = [Some(said), self.compute_classifier()?];
        let said = said.into_iter().flatten().collect::<Vec<_>>().join("; ");
        observer.note(&said);
        self.progress.sums.note = Some(said);
        if self.stage().epochs > 0 {
            self.before_epoch(observer)?;
        }
        Ok(true)
    }

    /// Computes the classifier of the stage where it is not trained; what there is to say of it.
    fn compute_classifier(&mut self) -> Result<Option<String>, TrainError> {
        let Some(compute) = &self.stage().computed else { return Ok(None) };
        let network = self.learner.network.clone();
        let (network, said) = compute.compute(network, &mut Measuring { trainer: self })?;
        self.learner.network = network;
        Ok(Some(said))
    }

    /// Where the epoch under way lies.
    pub(super) fn place(&self) -> Place {
        self.plan.place(self.progress.epoch)
    }

    /// The stage that has begun.
    pub(super) fn stage(&self) -> &Stage {
        &self.plan.stages[self.progress.stage]
    }

    /// The log, in which the epochs that are done stand as the run wrote them, as far as that is so.
    fn log(&self, observer: &mut dyn Observer) -> Result<MetricsLog, TrainError> {
        let (path, Progress { epoch, log, .. }) = (self.folder.metrics(), &self.progress);
        let recovered = Recovered::read(&path, *epoch, *log)?;
        recovered.note.iter().for_each(|note| observer.note(note));
        recovered.save()?;
        Ok(MetricsLog::open(path, *epoch)?)
    }

    /// Steps of an epoch of a stage.
    pub(super) fn steps_per_epoch(&self, stage: usize) -> usize {
        setup::steps_per_epoch(&self.plan.stages[stage], &self.sets)
    }

    fn loader(&self) -> Result<Loader, TrainError> {
        let start = Position { epoch: self.progress.epoch, batch: self.progress.batch };
        let first = self.plan.first_epoch(self.progress.stage);
        setup::loader(&self.recipe, self.stage(), first, &self.sets, start)
    }

    fn saves_after_this_step(&self) -> bool {
        let every = self.recipe.train.checkpoint_steps as u64;
        every > 0 && self.progress.step.is_multiple_of(every)
    }

    /// One optimizer step.
    fn step(&mut self, batch: Batch) -> Result<(), TrainError> {
        let images = &self.sets.train.images;
        let size = [images.height(), images.width()];
        let count = batch.images();
        let (stage, moment) = (&self.plan.stages[self.progress.stage], self.place().moment);
        let step = self.learner.step(stage, moment, batch.draws, size)?;
        self.window.push(step, count);
        self.progress.step += 1;
        self.progress.batch += 1;
        self.progress.images += count as u64;
        Ok(())
    }

    /// Counts the steps whose losses were not read yet, and reports the last of them.
    fn read_steps(
        &mut self,
        limits: Limits,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let Some(reading) = self.window.read() else { return Ok(()) };
        let first = self.progress.step + 1 - reading.steps.len() as u64;
        let diverged = reading.steps.iter().position(|step| !step.losses.total.is_finite());
        if let Some(place) = diverged {
            return Err(self.not_finite("loss".into(), first + place as u64));
        }
        self.count(&reading);
        if let Some(report) = self.report(limits, &reading) {
            observer.step(&report);
        }
        Ok(())
    }

    fn count(&mut self, reading: &Reading) {
        let Progress { sums, .. } = &mut self.progress;
        for ReadStep { losses, images } in &reading.steps {
            let weight = *images as f64;
            sums.loss += losses.total * weight;
            for (name, value) in &losses.parts {
                sums.parts.add(name, value * weight);
            }
            sums.correct += losses.correct;
            sums.images += *images as u64;
        }
        sums.seconds += reading.seconds;
        sums.waited += reading.waited;
        self.progress.seconds += reading.seconds;
        self.progress.waited += reading.waited;
    }

    /// Of the last step of a reading.
    fn report(&self, limits: Limits, reading: &Reading) -> Option<StepReport> {
        let losses = &reading.steps.last()?.losses;
        let steps = self.steps_per_epoch(self.progress.stage);
        let epochs = self.plan.epochs();
        let whole = self.steps_before(epochs).unwrap_or(u64::MAX);
        let images: usize = reading.steps.iter().map(|step| step.images).sum();
        Some(StepReport {
            epoch: self.progress.epoch,
            epochs,
            step: self.progress.batch,
            steps,
            done: self.progress.step,
            whole: limits.max_steps.map_or(whole, |max| max.min(whole)),
            loss: losses.total,
            parts: losses.parts.clone(),
            images_per_second: images as f64 / reading.seconds.max(f64::MIN_POSITIVE),
        })
    }

    /// Saves everything, unless a weight is no number any more.
    pub(super) fn save(&self) -> Result<(), TrainError> {
        self.save_known_as(None)
    }

    /// Saves a run whose recipe is about to be replaced: the checkpoint fits both. A run that has none yet needs none.
    pub(crate) fn save_before_new_recipe(&self) -> Result<(), TrainError> {
        match &self.former_fingerprint {
            Some(former) => self.save_known_as(Some(former.clone())),
            None => Ok(()),
        }
    }

    fn save_known_as(&self, former_fingerprint: Option<String>) -> Result<(), TrainError> {
        let model = weights::state(&self.learner.network);
        let broken = model.iter().find(|(_, w)| w.values.iter().any(|v| !v.is_finite()));
        if let Some((name, _)) = broken {
            return Err(self.not_finite(format!("parameter {name}"), self.progress.step));
        }
        let loss_scale = self.learner.loss_scale.as_ref().map(LossScale::state);
        let checkpoint = Checkpoint {
            progress: Progress {
                loss_scale,
                former_fingerprint,
                objective: self.stage().objective.state(),
                ..self.progress.clone()
            },
            model,
            velocity: self.learner.sgd.state(),
            best: self.best.clone(),
        };
        checkpoint.save(&self.folder.checkpoint(), &self.folder.previous_checkpoint())
    }

    fn not_finite(&self, what: String, step: u64) -> TrainError {
        let folder = self.folder.path().to_owned();
        TrainError::NotFinite { what, step, epoch: self.progress.epoch, folder }
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
