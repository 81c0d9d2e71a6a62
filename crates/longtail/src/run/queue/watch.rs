//! A run of a queue, watched for the queue's clock.

use super::{QueueObserver, clock::Clock};
use crate::{
    report::EpochRecord,
    train::{Observer, StepReport},
};

/// Hands on what a run tells, and keeps the time.
pub(super) struct Watched<'a> {
    pub observer: &'a mut dyn QueueObserver,
    pub clock: &'a mut Clock,
}

impl Observer for Watched<'_> {
    fn note(&mut self, text: &str) {
        self.observer.note(text);
    }

    fn step(&mut self, step: &StepReport) {
        self.observer.step(step);
    }

    fn epoch(&mut self, record: &EpochRecord) {
        self.observer.epoch(record);
        let is_first = self.clock.epoch(record.seconds);
        if let Some(left) = self.clock.left().filter(|_| is_first) {
            self.observer.note(&format!("{left} left for all runs"));
        }
    }

    fn interrupted(&self) -> bool {
        self.observer.interrupted()
    }
}
