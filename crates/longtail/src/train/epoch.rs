//! What happens between the steps: validation, the log, the choice of the best epoch and of the classes
//! that compression holds to be poor.

use std::time::{Instant, SystemTime};

use burn::module::Module;

use super::{
    BestEpoch, Ending, EpochSums, HeldOut, Observer, Signs, Symptom, TrainError, Trainer, collapse,
};
use crate::{
    augment::View,
    data::Part,
    eval::{Evaluation, argmax},
    model::{Network, weights},
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
        let val = self.evaluate(&self.learner.network.valid(), self.sets.val.as_ref())?;
        self.keep_best(val.as_ref());
        let mut record = self.record(val, began.elapsed().as_secs_f64());
        self.progress.first_loss.get_or_insert(record.loss);
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
        self.choose_poor_classes(observer)?;
        self.progress.ended = Some(now());
        // Resuming cuts off lines of epochs that the checkpoint does not have, and cannot make up for
        // lines that it lacks: the line goes first.
        log.append(&record)?;
        self.progress.log = Some(log.state());
        self.save()?;
        observer.epoch(&record);
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
            let val = self.evaluate(&self.learner.network.valid(), self.sets.val.as_ref())?;
            let record = self.record(val, began.elapsed().as_secs_f64());
            log.append(&record)?;
            observer.epoch(&record);
        }
        Ok(Ending::Finished)
    }

    fn record(&self, val: Option<Evaluation>, validation: f64) -> EpochRecord {
        let sums = &self.progress.sums;
        let images = sums.images.max(1) as f64;
        let has_contrastive = self.learner.objective.contrastive.is_some();
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
            waited: sums.waited,
            val,
            note: self.switch_note(),
        }
    }

    /// What is said, once, of a run that does not learn.
    fn warning(&mut self, record: &EpochRecord) -> Option<String> {
        if self.progress.warning.is_some() {
            return None;
        }
        let signs = Signs {
            epochs_done: self.progress.epoch,
            epochs: self.recipe.train.epochs,
            warmup: self.recipe.schedule.warmup,
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
        let train = &self.recipe.train;
        let (steps, images) = (self.steps_per_epoch(), self.sets.train.indices.len());
        let mend = collapse::mend(steps, train.batch_size, images, self.recipe.optimizer.lr);
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
            self.best = weights::state(&self.learner.network);
        }
    }

    /// Chooses the poor classes when the epoch to come is the one to do so at.
    pub(super) fn choose_poor_classes(
        &mut self,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let Some(plan) = self.plan.clone() else { return Ok(()) };
        if !plan.is_due(self.progress.epoch, self.progress.poor_classes.is_some()) {
            return Ok(());
        }
        let (part, view, images) = plan.criterion(&self.sets);
        let valid = self.learner.network.valid();
        let accuracy = self.evaluate_under(&valid, &part, &view)?.per_class;
        let poor = plan.poor_classes(&accuracy);
        let names = poor.iter().map(|&c| self.sets.class_names[c as usize].as_str());
        observer.note(&plan.describe(&names.collect::<Vec<_>>(), images));
        self.set_poor_classes(Some(poor));
        Ok(())
    }

    pub(super) fn set_poor_classes(&mut self, poor: Option<Vec<u32>>) {
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
        let device = self.learner.device().clone().inner();
        let logits = network.predict(&part.images, &part.indices, view, &self.normalize, &device);
        let predictions: Vec<u32> = logits.iter().map(|row| argmax(row)).collect();
        let counts = &self.sets.train_counts;
        Ok(Evaluation::of(&part.labels(), &predictions, counts, &self.eval_options)?)
    }
}

/// To the second, in UTC as RFC 3339 has it.
fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
