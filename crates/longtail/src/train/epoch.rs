//! What happens between the steps: validation, the log, the choice of the best epoch, and the objective's look at the
//! network.

use std::time::{Instant, SystemTime};

use burn::module::Module;

use super::{
    BestEpoch, Ending, EpochLosses, EpochSums, HeldOut, Observer, Signs, Symptom, TrainError,
    Trainer, collapse, unreadable::measured,
};
use crate::{
    data::{DataError, Part, Sets},
    eval::{Evaluation, argmax, embed, predict},
    loss::{Criterion, LossError, Measure, Measured},
    method::{Features, FeaturesOf},
    model::{Network, weights},
    recipe::Holdout,
    report::{EpochRecord, MetricsLog, Outcome},
};

impl Trainer {
    /// Validates, logs, chooses, decides about compression and saves.
    pub(super) fn end_epoch(
        &mut self,
        log: &mut MetricsLog,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let began = Instant::now();
        let val = self.validate(observer)?;
        self.keep_best_of(self.progress.epoch, val.as_ref());
        let mut record = self.record(val, began.elapsed().as_secs_f64());
        self.progress.first_loss.get_or_insert(record.loss);
        let parts = record.loss_parts.clone();
        self.progress.losses = Some(EpochLosses { total: record.loss, parts });
        self.progress.epoch += 1;
        if let Some(warning) = self.warning(&record) {
            observer.note(&format!("WARNING: {warning}"));
            record.note = Some(
                [record.note.take(), Some(warning)]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join("; "),
            );
        }
        self.progress.batch = 0;
        self.progress.sums = EpochSums::default();
        if self.progress.epoch < self.plan.epochs() && self.place().stage == self.progress.stage {
            self.before_epoch(observer)?;
        }
        self.progress.ended = Some(now());
        // Resuming cuts off lines of epochs that the checkpoint does not have, and cannot make up for
        // lines that it lacks: the line goes first.
        log.append(&record)?;
        self.progress.log = Some(log.state());
        self.save()?;
        self.log_epoch(&record, observer);
        observer.epoch(&record);
        self.news().iter().for_each(|news| observer.note(news));
        self.records.push(record);
        self.write_page_underway(false, observer);
        Ok(())
    }

    /// Logs the part of an epoch that was trained, and saves.
    pub(super) fn stop_early(
        &mut self,
        log: &mut MetricsLog,
        observer: &mut dyn Observer,
    ) -> Result<Ending, TrainError> {
        self.progress.ended = Some(now());
        self.save()?;
        if self.progress.batch > 0 {
            let began = Instant::now();
            let val = self.validate(observer)?;
            let record = self.record(val, began.elapsed().as_secs_f64());
            log.append(&record)?;
            self.log_epoch(&record, observer);
            observer.epoch(&record);
        }
        Ok(Ending::Finished)
    }

    /// What is to be said of the reading of images.
    fn news(&self) -> Vec<String> {
        let Sets { train, val, test, .. } = &*self.sets;
        let parts = [Some(train), val.as_ref(), test.as_ref()].into_iter().flatten();
        parts.filter_map(|part| part.images.news()).collect()
    }

    fn record(&self, val: Option<Evaluation>, validation: f64) -> EpochRecord {
        let sums = &self.progress.sums;
        let images = sums.images.max(1) as f64;
        let classified = sums.classified.max(1) as f64;
        EpochRecord {
            epoch: self.progress.epoch,
            step: self.progress.step,
            lr: self.stage().schedule.lr(self.place().moment.epoch),
            loss: sums.loss / images,
            loss_parts: sums.parts.divided_by(images),
            train_accuracy: Some(sums.correct as f64 / classified),
            images_per_second: sums.images as f64 / sums.seconds.max(f64::MIN_POSITIVE),
            seconds: sums.seconds + validation,
            waited: sums.waited,
            val,
            note: sums.note.clone(),
        }
    }

    /// What is said, once, of a run that does not learn.
    fn warning(&mut self, record: &EpochRecord) -> Option<String> {
        if self.progress.warning.is_some() {
            return None;
        }
        let stage = self.stage();
        let before = self.plan.first_epoch(self.progress.stage);
        let signs = Signs {
            // The stage's: another one begins with another loss.
            epochs_done: self.progress.epoch - before,
            epochs: stage.epochs,
            warmup: stage.schedule.warmup,
            steps: self.progress.step,
            classes: self.sets.class_names.len(),
            first_loss: self.progress.first_loss.unwrap_or(record.loss),
            loss: record.loss,
            train_accuracy: record.train_accuracy.unwrap_or(1.0),
            held_out: record.val.as_ref().and_then(|val| self.held_out(val, "validation")),
        };
        let warning = self.warned(&signs.symptom()?, "does not learn");
        self.progress.warning = Some(warning.clone());
        Some(warning)
    }

    /// What is said of a run that has not learned, by its final figures; where there are none, what was said before.
    pub(super) fn final_warning(&self, last: &Outcome) -> Option<String> {
        let test = last.test.as_ref().and_then(|test| self.held_out(test, "test"));
        let val = || last.val.as_ref().and_then(|val| self.held_out(val, "validation"));
        match test.or_else(val) {
            None => self.progress.warning.clone(),
            Some(held_out) => {
                let symptom = held_out.symptom(self.progress.step)?;
                Some(self.warned(&symptom, "did not learn"))
            }
        }
    }

    /// A symptom with the likely mend.
    fn warned(&self, symptom: &Symptom, what: &str) -> String {
        let (steps, stage) = (self.steps_per_epoch(self.progress.stage), self.stage());
        let images = self.sets.train.indices.len();
        let mend = match self.progress.stage {
            0 => collapse::mend(steps, stage.batch_size(), images, stage.schedule.lr),
            _ => "try another learning rate of this stage, which [method] has".into(),
        };
        format!("the run {what}: {symptom}; {mend}")
    }

    fn held_out(&self, evaluation: &Evaluation, set: &'static str) -> Option<HeldOut<'_>> {
        let most = evaluation.most_predicted?;
        Some(HeldOut {
            set,
            class: self.sets.class_names.get(most.class as usize)?,
            share: most.share,
            balanced: evaluation.arithmetic_mean,
            classes: evaluation.classes_tested,
        })
    }

    /// Keeps the network as the best one, of `epoch`, if it is that on validation.
    pub(super) fn keep_best_of(&mut self, epoch: usize, val: Option<&Evaluation>) {
        let Some(val) = val else { return };
        let so_far = self.progress.best.as_ref().map(|best| best.val.arithmetic_mean);
        if so_far.is_none_or(|so_far| val.arithmetic_mean > so_far) {
            self.progress.best = Some(BestEpoch { epoch, val: val.clone() });
            self.best = weights::state(&self.learner.network);
        }
    }

    /// Lets the objective look at the network before the epoch to come.
    pub(super) fn before_epoch(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let moment = self.place().moment;
        let mut stages = std::mem::take(&mut self.plan.stages);
        let objective = &mut stages[self.progress.stage].objective;
        let said = objective.before_epoch(moment, &mut Measuring { trainer: self });
        self.plan.stages = stages;
        if let Some(said) = said? {
            observer.note(&said);
            let note = self.progress.sums.note.take().into_iter().chain([said]);
            self.progress.sums.note = Some(note.collect::<Vec<_>>().join("; "));
        }
        Ok(())
    }

    /// The images of a criterion, and what they are. Training images stand in for a set that there is none of.
    fn images_of(&self, criterion: Criterion) -> (&Part, &'static str) {
        let val = self.sets.val.as_ref().filter(|_| self.recipe.data.val != Holdout::None);
        let asked = match criterion {
            Criterion::Train => None,
            Criterion::Val => val.map(|part| (part, "validation images")),
            Criterion::Test => {
                let test = self.sets.test.as_ref();
                test.map(|part| (part, "the test set, as in the literature"))
            }
        };
        asked.unwrap_or((&self.sets.train, "training images"))
    }

    /// Figures of `network` on `part` under the test transform; `None` without a part.
    pub(super) fn evaluate(
        &self,
        network: &Network,
        part: Option<&Part>,
    ) -> Result<Option<Evaluation>, TrainError> {
        part.map(|part| self.evaluate_part(network, part)).transpose()
    }

    fn evaluate_part(&self, network: &Network, part: &Part) -> Result<Evaluation, TrainError> {
        let device = self.learner.device().clone().inner();
        let logits = predict(network, &part.images, &part.indices, &self.normalize, &device)?;
        let predictions: Vec<u32> = logits.iter().map(|row| argmax(row)).collect();
        let counts = &self.sets.train_counts;
        Ok(Evaluation::of(&part.labels(), &predictions, counts, &self.eval_options)?)
    }
}

/// The network as it stands, measured for an objective.
pub(super) struct Measuring<'a> {
    pub(super) trainer: &'a Trainer,
}

impl Measure for Measuring<'_> {
    fn accuracies(&mut self, criterion: Criterion) -> Result<Measured, LossError> {
        let (part, images) = self.trainer.images_of(criterion);
        let valid = self.trainer.learner.network.valid();
        let evaluate = |part: &Part| self.trainer.evaluate_part(&valid, part);
        let evaluated = match criterion {
            Criterion::Train => evaluate(part),
            Criterion::Val | Criterion::Test => measured(part, evaluate),
        };
        let evaluated =
            evaluated.map_err(|error| LossError::Measure { reason: error.to_string() })?;
        Ok(Measured { per_class: evaluated.per_class, images })
    }

    fn class_names(&self) -> &[String] {
        &self.trainer.sets.class_names
    }
}

impl Features for Measuring<'_> {
    fn of(&mut self, network: &Network, criterion: Criterion) -> Result<FeaturesOf, LossError> {
        let Trainer { normalize, learner, .. } = self.trainer;
        let (part, what) = self.trainer.images_of(criterion);
        let device = learner.device().clone().inner();
        let network = network.valid();
        let of = |part: &Part| {
            let rows = embed(&network, &part.images, &part.indices, normalize, &device)?;
            Ok::<_, DataError>((rows, part.labels()))
        };
        let found = match criterion {
            Criterion::Train => of(part),
            Criterion::Val | Criterion::Test => measured(part, of),
        };
        let (rows, labels) =
            found.map_err(|error| LossError::Measure { reason: error.to_string() })?;
        Ok(FeaturesOf { rows, labels, images: what })
    }
}

/// To the second, in UTC as RFC 3339 has it.
fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
