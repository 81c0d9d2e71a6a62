use std::time::Instant;

use super::{Measured, StepLosses};

/// Steps of a GPU between two looks at their losses: a look waits until the GPU has done all its work.
const UNREAD: usize = 50;

/// The steps since their losses were last read.
#[derive(Debug, Default)]
pub(super) struct Window {
    began: Option<Instant>,
    waited: f64,
    images: usize,
    steps: Vec<Measured>,
}

/// What the steps of a window come to.
#[derive(Debug)]
pub(super) struct Reading {
    /// Each step's, in order.
    pub losses: Vec<StepLosses>,
    /// Training images of each.
    pub images: usize,
    /// Seconds from the first step's batch to the last step's losses.
    pub seconds: f64,
    /// Seconds of them that were spent waiting for batches.
    pub waited: f64,
}

impl Window {
    /// Runs `wait`, which gives a step its batch.
    pub fn wait<T>(&mut self, wait: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        self.began.get_or_insert(began);
        let batch = wait();
        self.waited += began.elapsed().as_secs_f64();
        batch
    }

    /// Notes a step on `images` images.
    pub fn push(&mut self, step: Measured, images: usize) {
        self.images = images;
        self.steps.push(step);
    }

    /// Whether the steps should be read: at once where that takes no waiting.
    pub fn is_full(&self) -> bool {
        let waits = self.steps.last().is_some_and(Measured::is_on_device);
        self.steps.len() >= if waits { UNREAD } else { 1 }
    }

    /// Reads the steps and empties the window; `None` if there are none.
    pub fn read(&mut self) -> Option<Reading> {
        let window = std::mem::take(self);
        let began = window.began.filter(|_| !window.steps.is_empty())?;
        let losses = Measured::read_all(&window.steps);
        let seconds = began.elapsed().as_secs_f64();
        Some(Reading { losses, images: window.images, seconds, waited: window.waited })
    }
}
