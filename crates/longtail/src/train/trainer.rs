use std::sync::Arc;

use burn::{module::Module, tensor::Device};

use super::{
    Checkpoint, Ending, Learner, Limits, Lock, Observer, Progress, RunFolder, TrainError, setup,
    window::Window,
};
use crate::{
    augment::Normalize,
    data::Sets,
    device,
    eval::EvalOptions,
    loss::{ClassCounts, Teacher},
    method::{Plan, Planner},
    model::{
        Network,
        weights::{self, State},
    },
    optim::LossScale,
    recipe::Recipe,
    report::{
        EpochRecord, LeftOut, LogKind, Logs, MetricsLog, Recovered, Weights, html::Published,
    },
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
    /// Validation and test images that could not be read any more, which the sets are without.
    pub(super) left_out: Option<LeftOut>,
    /// Of the recipe that the run had when it was gone on with.
    pub(super) former_fingerprint: Option<String>,
    /// The commit that the program was built at.
    pub(super) commit: Option<String>,
    /// What others published of its method on its data.
    pub(super) published: Option<Published>,
    /// The epochs that its log holds while it trains.
    pub(super) records: Vec<EpochRecord>,
    /// The programs that the run is logged for.
    pub(super) log_kinds: Vec<LogKind>,
    /// While it trains and they can be written.
    pub(super) logs: Option<Logs>,
    /// The models whose outputs results hold.
    pub(super) kept: Vec<Weights>,
    pub(super) window: Window,
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

    /// A run at its beginning, of what `planner` makes of the recipe.
    ///
    /// # Errors
    /// [`TrainError`] for settings that do not fit the data.
    pub fn new(
        planner: &Planner,
        recipe: Recipe,
        sets: Arc<Sets>,
        folder: RunFolder,
        device: Device,
    ) -> Result<Self, TrainError> {
        Self::check(&recipe, &sets.class_names, &sets.train_counts)?;
        let counts = ClassCounts::new(sets.train_counts.clone())?;
        let plan = planner.plan(&recipe.settings(), &counts)?;
        let progress = setup::progress(&recipe, &plan, &sets, &device)?;
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
            left_out: None,
            former_fingerprint: None,
            commit: None,
            published: None,
            records: Vec::new(),
            log_kinds: Vec::new(),
            logs: None,
            kept: Vec::new(),
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

    /// The same run, which learns from `teacher` where its method does.
    #[must_use]
    pub fn learning_from(mut self, teacher: Teacher) -> Self {
        self.plan.learn_from(&teacher.given(&self.normalize));
        self
    }

    /// The same run, by a program that was built at `commit`.
    #[must_use]
    pub fn at_commit(mut self, commit: Option<String>) -> Self {
        self.commit = commit;
        self
    }

    /// The same run, whose page shows what others published beside it.
    #[must_use]
    pub fn beside(mut self, published: Option<Published>) -> Self {
        self.published = published;
        self
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
        self.begin_logs(observer);
        let is_further = limits.max_steps.is_none_or(|most| self.progress.step < most);
        if is_further && self.progress.epoch < self.plan.epochs() {
            self.progress.trains_on(device::hardware(self.learner.device()));
        }
        let ending = self.run_stages(limits, &mut log, observer)?;
        if ending == Ending::Interrupted {
            self.write_page_underway(true, observer);
        }
        Ok(ending)
    }

    fn run_stages(
        &mut self,
        limits: Limits,
        log: &mut MetricsLog,
        observer: &mut dyn Observer,
    ) -> Result<Ending, TrainError> {
        if self.progress.step == 0 {
            self.before_epoch(observer)?;
        }
        while self.progress.epoch < self.plan.epochs() {
            // A stage in which no step is made is not begun, for it takes the place of the one before.
            if limits.max_steps.is_some_and(|most| self.progress.step >= most) {
                return self.stop_early(log, observer);
            }
            self.begin_stage(observer)?;
            if let Some(ending) = self.run_stage(limits, log, observer)? {
                return Ok(ending);
            }
        }
        // A last stage without an epoch is done when it has begun.
        if self.begin_stage(observer)? {
            let val = self.validate(observer)?;
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
                if self.after_step(limits, observer)? {
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

    /// The log, in which the epochs that are done stand as the run wrote them, as far as that is so.
    fn log(&mut self, observer: &mut dyn Observer) -> Result<MetricsLog, TrainError> {
        let (path, Progress { epoch, log, .. }) = (self.folder.metrics(), &self.progress);
        let recovered = Recovered::read(&path, *epoch, *log)?;
        recovered.note.iter().for_each(|note| observer.note(note));
        recovered.save()?;
        let next = *epoch;
        self.records = recovered.records()?;
        Ok(MetricsLog::open(path, next)?)
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

    pub(super) fn not_finite(&self, what: String, step: u64) -> TrainError {
        let has_checkpoint = self.folder.checkpoint().is_file();
        let kept_in = has_checkpoint.then(|| self.folder.path().to_owned());
        let mend = match self.progress.stage {
            0 => "a smaller --lr",
            _ => "a smaller learning rate of this stage, which [method] has",
        };
        TrainError::NotFinite { what, step, epoch: self.progress.epoch, kept_in, mend }
    }
}
