//! A run of a queue, watched for the queue's clock.

use super::{QueueObserver, clock::Clock};
use crate::{
    report::EpochRecord,
    train::{Observer, StepReport},
};

/// Hands on what a run tells, and keeps the time.
pub(super) struct Watched<'a> {
    observer: &'a mut dyn QueueObserver,
    clock: &'a mut Clock,
    /// Steps of the epoch that are done, and all that it has.
    steps: (usize, usize),
}

impl<'a> Watched<'a> {
    pub fn new(observer: &'a mut dyn QueueObserver, clock: &'a mut Clock) -> Self {
        Self { observer, clock, steps: (0, 0) }
    }
}

impl Observer for Watched<'_> {
    fn note(&mut self, text: &str) {
        self.observer.note(text);
    }

    fn step(&mut self, step: &StepReport) {
        self.steps = (step.step, step.steps);
        self.observer.step(step);
    }

    fn epoch(&mut self, record: &EpochRecord) {
        self.observer.epoch(record);
        let (done, steps) = self.steps;
        if done < steps {
            return;
        }
        let is_first = self.clock.epoch(record.seconds, steps as u64);
        if let Some(left) = self.clock.left().filter(|_| is_first) {
            self.observer.note(&format!("{left} left for all runs"));
        }
    }

    fn interrupted(&self) -> bool {
        self.observer.interrupted()
    }
}
