use std::{sync::Arc, time::Instant};

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};

use super::{
    BestEpoch, Checkpoint, CompressionPlan, EpochSums, Losses, Objective, Progress, RunFolder,
    Schedule, Sgd, TrainError, setup,
};
use crate::{
    augment::{Normalize, View},
    batch::{Batch, Loader, LoaderConfig, Position, Sampler},
    data::{Part, Sets},
    eval::{EvalOptions, Evaluation, argmax},
    loss::Compression,
    model::{
        Network,
        weights::{self, State, values},
    },
    recipe::Recipe,
    report::{EpochRecord, MetricsLog},
};

/// Who watches a run, and may stop it.
pub trait Observer {
    /// Something a person should know.
    fn note(&mut self, text: &str);
    /// One optimizer step is done.
    fn step(&mut self, step: &StepReport);
    /// An epoch is done and logged.
    fn epoch(&mut self, record: &EpochRecord);
    /// Whether the run should save and stop.
    fn interrupted(&self) -> bool;
}

/// What one step tells.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Step of the epoch, from 1.
    pub step: usize,
    /// Steps of an epoch.
    pub steps: usize,
    /// Steps of the run that are done.
    pub done: u64,
    /// Steps of the whole run.
    pub whole: u64,
    /// The whole loss.
    pub loss: f64,
    /// The classifier's part.
    pub classifier: f64,
    /// The contrastive part.
    pub contrastive: Option<f64>,
    /// Training images per second in this step, each counted once.
    pub images_per_second: f64,
}

/// How far a run goes before it stops by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Optimizer steps in all.
    pub max_steps: Option<u64>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All epochs or steps are done.
    Finished,
    /// The observer stopped it; it is saved.
    Interrupted,
}

/// A run: the model and all that changes while it trains.
pub struct Trainer {
    recipe: Recipe,
    sets: Arc<Sets>,
    folder: RunFolder,
    device: Device,
    objective: Objective,
    schedule: Schedule,
    plan: Option<CompressionPlan>,
    normalize: Normalize,
    eval_options: EvalOptions,
    network: Network,
    sgd: Sgd,
    best: State,
    compression: Option<Compression>,
    progress: Progress,
}

impl Trainer {
    /// Refuses settings that do not fit the data, before anything is written.
    ///
    /// # Errors
    /// [`TrainError::BatchSize`], [`TrainError::EmptyClass`] or a setting of the evaluation.
    pub fn check(recipe: &Recipe, sets: &Sets) -> Result<(), TrainError> {
        setup::check(recipe, sets)?;
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
        Self::check(&recipe, &sets)?;
        let progress = setup::progress(&recipe, &sets)?;
        let objective = setup::objective(&recipe, &sets);
        Ok(Self {
            schedule: setup::schedule(&recipe),
            plan: CompressionPlan::of(&recipe),
            normalize: setup::normalize(&recipe),
            eval_options: setup::eval_options(&recipe)?,
            network: setup::network(&recipe, sets.class_names.len(), &device)?,
            sgd: Sgd::new(setup::sgd(&recipe)),
            best: State::new(),
            compression: None,
            recipe,
            sets,
            folder,
            device,
            objective,
            progress,
        })
    }

    /// The same run where its checkpoint left off; where there is none yet, at its beginning.
    ///
    /// # Errors
    /// [`TrainError`] if the checkpoint is damaged or belongs to another run.
    pub fn resume(mut self, observer: &mut dyn Observer) -> Result<Self, TrainError> {
        let path = self.folder.checkpoint();
        if !path.exists() {
            return Ok(self);
        }
        let checkpoint = Checkpoint::load(&path)?;
        let foreign = |what: &str| TrainError::Foreign { path: path.clone(), what: what.into() };
        if checkpoint.progress.fingerprint != self.progress.fingerprint {
            return Err(foreign("recipe or split"));
        }
        self.network =
            weights::with_state(self.network, checkpoint.model, &path.display().to_string())
                .map_err(|error| foreign(&format!("model ({error})")))?;
        self.sgd.restore(checkpoint.velocity, &self.device.clone().inner());
        self.best = checkpoint.best;
        let kernels = std::mem::replace(&mut self.progress, checkpoint.progress).kernels;
        if kernels != self.progress.kernels {
            let before = std::mem::replace(&mut self.progress.kernels, kernels.clone());
            observer.note(&format!(
                "the run was trained with {before} operators and goes on with {kernels}: its last \
                 bits will differ from an unbroken run's"
            ));
        }
        self.set_poor_classes(self.progress.poor_classes.clone());
        Ok(self)
    }

    /// Where the run stands.
    pub fn progress(&self) -> &Progress {
        &self.progress
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
        self.network.valid()
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
        Ok(Some(weights::with_state(self.network.valid(), self.best.clone(), &file)?))
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
        let mut log = MetricsLog::open(self.folder.metrics(), self.progress.epoch)?;
        let loader = self.loader();
        if self.progress.step == 0 {
            self.choose_poor_classes(observer)?;
        }
        let steps = self.steps_per_epoch();
        while self.progress.epoch < self.recipe.train.epochs {
            while self.progress.batch < steps {
                if limits.max_steps.is_some_and(|max| self.progress.step >= max) {
                    return self.stop_early(&mut log, observer);
                }
                let report = self.step(&loader.next_batch()?, limits)?;
                observer.step(&report);
                if observer.interrupted() {
                    self.save()?;
                    return Ok(Ending::Interrupted);
                }
                let every = self.recipe.train.checkpoint_steps as u64;
                if every > 0 && self.progress.step.is_multiple_of(every) {
                    self.save()?;
                }
            }
            self.end_epoch(&mut log, observer)?;
        }
        Ok(Ending::Finished)
    }

    fn steps_per_epoch(&self) -> usize {
        self.sampler().batches()
    }

    fn sampler(&self) -> Sampler {
        let train = &self.recipe.train;
        let indices = self.sets.train.indices.clone();
        Sampler::new(indices, train.batch_size, train.drop_last, train.seed)
    }

    fn loader(&self) -> Loader {
        let config = LoaderConfig {
            sampler: self.sampler(),
            views: setup::views(&self.recipe, &self.objective),
            normalize: self.normalize.clone(),
            seed: self.recipe.train.seed,
        };
        let start = Position { epoch: self.progress.epoch, batch: self.progress.batch };
        Loader::start(Arc::clone(&self.sets.train.images), config, start)
    }

    /// One optimizer step.
    fn step(&mut self, batch: &Batch, limits: Limits) -> Result<StepReport, TrainError> {
        let began = Instant::now();
        let images = &self.sets.train.images;
        let rows = batch.labels.len() * self.objective.views();
        let shape = [rows, images.height(), images.width(), 3];
        let pixels = TensorData::new(batch.pixels.clone(), shape);
        let input = Tensor::from_data(pixels, &self.device);
        let losses = self.objective.losses(
            &self.network,
            input,
            &batch.labels,
            self.compression.as_ref(),
        )?;
        let [loss, classifier] = [&losses.total, &losses.classifier].map(scalar);
        let contrastive = losses.contrastive.as_ref().map(scalar);
        if !loss.is_finite() {
            return Err(self.not_finite("loss".into(), self.progress.step + 1));
        }
        let correct = correct(&losses, &batch.labels);

        let lr = self.schedule.lr(self.progress.epoch);
        let gradients = losses.total.backward();
        let network = self.sgd.step(lr, self.network.clone(), gradients);
        self.network = losses.statistics.update(network);

        let seconds = began.elapsed().as_secs_f64();
        let count = batch.labels.len();
        self.count(count, correct, [loss, classifier, contrastive.unwrap_or(0.0)], seconds);
        Ok(self.report(limits, [loss, classifier], contrastive, count as f64 / seconds))
    }

    fn count(&mut self, images: usize, correct: u64, losses: [f64; 3], seconds: f64) {
        let [loss, classifier, contrastive] = losses.map(|loss| loss * images as f64);
        let Progress { sums, .. } = &mut self.progress;
        sums.loss += loss;
        sums.classifier += classifier;
        sums.contrastive += contrastive;
        sums.images += images as u64;
        sums.correct += correct;
        sums.seconds += seconds;
        self.progress.seconds += seconds;
        self.progress.images += images as u64;
        self.progress.step += 1;
        self.progress.batch += 1;
    }

    fn report(
        &self,
        limits: Limits,
        [loss, classifier]: [f64; 2],
        contrastive: Option<f64>,
        images_per_second: f64,
    ) -> StepReport {
        let steps = self.steps_per_epoch();
        let epochs = self.recipe.train.epochs;
        let whole = (steps * epochs) as u64;
        StepReport {
            epoch: self.progress.epoch,
            epochs,
            step: self.progress.batch,
            steps,
            done: self.progress.step,
            whole: limits.max_steps.map_or(whole, |max| max.min(whole)),
            loss,
            classifier,
            contrastive,
            images_per_second,
        }
    }

    /// Validates, logs, chooses, decides about compression and saves.
    fn end_epoch(
        &mut self,
        log: &mut MetricsLog,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let began = Instant::now();
        let val = self.evaluate(&self.network.valid(), self.sets.val.as_ref())?;
        self.keep_best(val.as_ref());
        let epoch = self.progress.epoch;
        let record = self.record(val, began.elapsed().as_secs_f64());
        self.progress.epoch += 1;
        self.progress.batch = 0;
        self.progress.sums = EpochSums::default();
        self.choose_poor_classes(observer)?;
        debug_assert_eq!(record.epoch, epoch);
        // Resuming cuts off lines of epochs that the checkpoint does not have, and cannot make up for
        // lines that it lacks: the line goes first.
        log.append(&record)?;
        self.save()?;
        observer.epoch(&record);
        Ok(())
    }

    /// Logs the part of an epoch that was trained, and saves.
    fn stop_early(
        &mut self,
        log: &mut MetricsLog,
        observer: &mut dyn Observer,
    ) -> Result<Ending, TrainError> {
        self.save()?;
        if self.progress.batch > 0 {
            let began = Instant::now();
            let val = self.evaluate(&self.network.valid(), self.sets.val.as_ref())?;
            let record = self.record(val, began.elapsed().as_secs_f64());
            log.append(&record)?;
            observer.epoch(&record);
        }
        Ok(Ending::Finished)
    }

    fn record(&self, val: Option<Evaluation>, validation: f64) -> EpochRecord {
        let sums = &self.progress.sums;
        let images = sums.images.max(1) as f64;
        let has_contrastive = self.objective.contrastive.is_some();
        EpochRecord {
            epoch: self.progress.epoch,
            step: self.progress.step,
            lr: self.schedule.lr(self.progress.epoch),
            loss: sums.loss / images,
            loss_ce: sums.classifier / images,
            loss_contrastive: has_contrastive.then_some(sums.contrastive / images),
            train_accuracy: Some(sums.correct as f64 / images),
            images_per_second: sums.images as f64 / sums.seconds.max(f64::MIN_POSITIVE),
            seconds: sums.seconds + validation,
            val,
            note: self.switch_note(),
        }
    }

    /// Said of the first epoch that is trained with compression.
    fn switch_note(&self) -> Option<String> {
        let plan = self.plan.as_ref()?;
        let poor = self.progress.poor_classes.as_ref()?;
        let names = poor.iter().map(|&c| self.sets.class_names[c as usize].as_str());
        let images = plan.criterion(&self.sets).2;
        (self.progress.epoch == plan.start)
            .then(|| plan.describe(&names.collect::<Vec<_>>(), images))
    }

    fn keep_best(&mut self, val: Option<&Evaluation>) {
        let Some(val) = val else { return };
        let so_far = self.progress.best.as_ref().map(|best| best.val.arithmetic_mean);
        if so_far.is_none_or(|so_far| val.arithmetic_mean > so_far) {
            self.progress.best = Some(BestEpoch { epoch: self.progress.epoch, val: val.clone() });
            self.best = weights::state(&self.network);
        }
    }

    /// Chooses the poor classes when the epoch to come is the one to do so at.
    fn choose_poor_classes(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let Some(plan) = self.plan.clone() else { return Ok(()) };
        if !plan.is_due(self.progress.epoch, self.progress.poor_classes.is_some()) {
            return Ok(());
        }
        let (part, view, images) = plan.criterion(&self.sets);
        let valid = self.network.valid();
        let accuracy = self.evaluate_under(&valid, &part, &view)?.per_class;
        let poor = plan.poor_classes(&accuracy);
        let names = poor.iter().map(|&c| self.sets.class_names[c as usize].as_str());
        observer.note(&plan.describe(&names.collect::<Vec<_>>(), images));
        self.set_poor_classes(Some(poor));
        Ok(())
    }

    fn set_poor_classes(&mut self, poor: Option<Vec<u32>>) {
        let classes = self.sets.class_names.len();
        self.compression = match (&self.plan, &poor) {
            (Some(plan), Some(poor)) => Some(plan.compression(poor, classes)),
            _ => None,
        };
        self.progress.poor_classes = poor;
    }

    /// Figures of `network` on `part` under the test transform; `None` without a part.
    pub(super) fn evaluate(
        &self,
        network: &Network,
        part: Option<&Part>,
    ) -> Result<Option<Evaluation>, TrainError> {
        part.map(|part| self.evaluate_under(network, part, &View::Test)).transpose()
    }

    fn evaluate_under(
        &self,
        network: &Network,
        part: &Part,
        view: &View,
    ) -> Result<Evaluation, TrainError> {
        let device = self.device.clone().inner();
        let logits = network.predict(&part.images, &part.indices, view, &self.normalize, &device);
        let predictions: Vec<u32> = logits.iter().map(|row| argmax(row)).collect();
        let counts = &self.sets.train_counts;
        Ok(Evaluation::of(&part.labels(), &predictions, counts, &self.eval_options)?)
    }

    /// Saves everything, unless a weight is no number any more.
    fn save(&self) -> Result<(), TrainError> {
        let model = weights::state(&self.network);
        let broken = model.iter().find(|(_, w)| w.values.iter().any(|v| !v.is_finite()));
        if let Some((name, _)) = broken {
            return Err(self.not_finite(format!("parameter {name}"), self.progress.step));
        }
        let checkpoint = Checkpoint {
            progress: self.progress.clone(),
            model,
            velocity: self.sgd.state(),
            best: self.best.clone(),
        };
        checkpoint.save(&self.folder.checkpoint())
    }

    fn not_finite(&self, what: String, step: u64) -> TrainError {
        let folder = self.folder.path().to_owned();
        TrainError::NotFinite { what, step, epoch: self.progress.epoch, folder }
    }
}

fn scalar(tensor: &Tensor<1>) -> f64 {
    values(tensor.clone().inner()).first().map_or(f64::NAN, |value| f64::from(*value))
}

/// Images whose largest logit is their label's.
fn correct(losses: &Losses, labels: &[u32]) -> u64 {
    let classes = losses.logits.dims()[1];
    let logits = values(losses.logits.clone().inner());
    logits.chunks_exact(classes).zip(labels).filter(|(row, label)| argmax(row) == **label).count()
        as u64
}
