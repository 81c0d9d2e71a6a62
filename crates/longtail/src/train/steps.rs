//! One optimizer step, and what is read and told of those that are done.

use super::{
    Limits, Observer, Progress, StepReport, TrainError, Trainer,
    window::{ReadStep, Reading, Seen},
};
use crate::batch::Batch;

impl Trainer {
    /// Reads and saves what is due; whether the observer stops the run, which is saved then.
    pub(super) fn after_step(
        &mut self,
        limits: Limits,
        observer: &mut dyn Observer,
    ) -> Result<bool, TrainError> {
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
        Ok(interrupted)
    }

    fn saves_after_this_step(&self) -> bool {
        let every = self.recipe.train.checkpoint_steps as u64;
        every > 0 && self.progress.step.is_multiple_of(every)
    }

    /// One optimizer step.
    pub(super) fn step(&mut self, batch: Batch) -> Result<(), TrainError> {
        let images = &self.sets.train.images;
        let size = [images.height(), images.width()];
        let seen = Seen { images: batch.images(), classified: batch.first_draw() };
        let (stage, moment) = (&self.plan.stages[self.progress.stage], self.place().moment);
        let step = self.learner.step(stage, moment, batch.draws, size)?;
        self.window.push(step, seen);
        self.progress.step += 1;
        self.progress.batch += 1;
        self.progress.images += seen.images as u64;
        Ok(())
    }

    /// Counts the steps whose losses were not read yet, and reports the last of them.
    pub(super) fn read_steps(
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
        for ReadStep { losses, seen } in &reading.steps {
            let weight = seen.images as f64;
            sums.loss += losses.total * weight;
            for (name, value) in &losses.parts {
                sums.parts.add(name, value * weight);
            }
            sums.correct += losses.correct;
            sums.images += seen.images as u64;
            sums.classified += seen.classified as u64;
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
        let images: usize = reading.steps.iter().map(|step| step.seen.images).sum();
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
}
