use crate::report::EpochRecord;

/// Who watches a run, and may stop it; `()` does neither.
pub trait Observer {
    /// Something a person should know.
    fn note(&mut self, text: &str) {
        let _ = text;
    }

    /// One optimizer step is done.
    fn step(&mut self, step: &StepReport) {
        let _ = step;
    }

    /// An epoch is done and logged.
    fn epoch(&mut self, record: &EpochRecord) {
        let _ = record;
    }

    /// Whether the run should save and stop.
    fn interrupted(&self) -> bool {
        false
    }
}

impl Observer for () {}

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
    /// Its parts by name, unweighted.
    pub parts: Vec<(&'static str, f64)>,
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
