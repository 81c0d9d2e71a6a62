use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::checkpoint::FORMAT;
use crate::{
    eval::Evaluation,
    report::{LogState, LossParts},
};

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Format of the checkpoint.
    pub format: u32,
    /// Hash of the recipe and the split that the run is made of.
    pub fingerprint: String,
    /// The epoch under way, from 0, over all stages.
    pub epoch: usize,
    /// The stage that has begun, from 0.
    #[serde(default)]
    pub stage: usize,
    /// What the stages of the plan are called, in order; empty in checkpoints of earlier versions.
    #[serde(default)]
    pub stages: Vec<String>,
    /// Batches of the epoch that are done.
    pub batch: usize,
    /// Optimizer steps in all.
    pub step: u64,
    /// Images trained on in all, counted once a step.
    pub images: u64,
    /// Seconds of training in all.
    pub seconds: f64,
    /// Seconds of them that were spent waiting for batches.
    #[serde(default)]
    pub waited: f64,
    /// Sums over the epoch under way.
    pub sums: EpochSums,
    /// What the objective of the stage has chosen.
    #[serde(default)]
    pub objective: Value,
    /// The same in formats 1 and 2, whose only objective knew this.
    #[serde(default, skip_serializing)]
    pub(super) poor_classes: Option<Vec<u32>>,
    /// The best epoch so far, chosen on validation.
    pub best: Option<BestEpoch>,
    /// Which implementation of the operators the steps ran on; another gives other last bits.
    pub kernels: String,
    /// What the steps were made on, one machine after the other; `None` in checkpoints of earlier versions.
    #[serde(default)]
    pub hardware: Option<String>,
    /// State of the loss scaling, with f16.
    #[serde(default)]
    pub loss_scale: Option<[f32; 2]>,
    /// n, training images of every class; empty in checkpoints of earlier versions.
    #[serde(default)]
    pub train_counts: Vec<usize>,
    /// What a person should know of the data, told when the run began.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Mean loss of the run's first epoch.
    #[serde(default)]
    pub first_loss: Option<f64>,
    /// Mean loss and parts of the last epoch that ended.
    #[serde(default)]
    pub losses: Option<EpochLosses>,
    /// What was said when the run was seen not to learn.
    #[serde(default)]
    pub warning: Option<String>,
    /// The fingerprint before the number of epochs was changed, while the recipe may still be that of before.
    #[serde(default)]
    pub former_fingerprint: Option<String>,
    /// The log's lines of the epochs that are done; `None` in checkpoints of earlier versions.
    #[serde(default)]
    pub log: Option<LogState>,
    /// When the last epoch ended or training stopped for good, in UTC as RFC 3339 has it.
    #[serde(default)]
    pub ended: Option<String>,
}

/// What an epoch's line in the log is made of, so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochSums {
    /// Σ total loss · images.
    pub loss: f64,
    /// Σ part of the loss · images, of every part.
    #[serde(default)]
    pub parts: LossParts,
    /// What changed before the epoch began, for its line in the log.
    #[serde(default)]
    pub note: Option<String>,
    /// The parts in formats 1 and 2.
    #[serde(default, skip_serializing)]
    pub(super) classifier: Option<f64>,
    #[serde(default, skip_serializing)]
    pub(super) contrastive: Option<f64>,
    /// Images seen.
    pub images: u64,
    /// Images whose classifier view was classified right, of those of the first draw.
    pub correct: u64,
    /// Images of the first draw.
    #[serde(default)]
    pub classified: u64,
    /// Seconds spent.
    pub seconds: f64,
    /// Seconds of them that were spent waiting for batches.
    #[serde(default)]
    pub waited: f64,
}

/// An epoch and its figures on validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestEpoch {
    /// The epoch, from 0.
    pub epoch: usize,
    /// Its figures.
    pub val: Evaluation,
}

/// The losses of an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochLosses {
    /// Mean of the whole loss over the epoch's images.
    pub total: f64,
    /// Means of its parts, unweighted.
    pub parts: LossParts,
}

impl Progress {
    /// At the very beginning.
    pub fn new(fingerprint: String, kernels: String) -> Self {
        Self {
            format: FORMAT,
            fingerprint,
            epoch: 0,
            stage: 0,
            stages: Vec::new(),
            batch: 0,
            step: 0,
            images: 0,
            seconds: 0.0,
            waited: 0.0,
            sums: EpochSums::default(),
            objective: Value::Null,
            poor_classes: None,
            best: None,
            kernels,
            hardware: None,
            loss_scale: None,
            train_counts: Vec::new(),
            notes: Vec::new(),
            first_loss: None,
            losses: None,
            warning: None,
            former_fingerprint: None,
            log: None,
            ended: None,
        }
    }

    /// Notes what further steps are made on.
    pub(super) fn trains_on(&mut self, hardware: String) {
        self.hardware = Some(match self.hardware.take() {
            None => hardware,
            Some(before) if before.ends_with(&hardware) => before,
            Some(before) => format!("{before}; then {hardware}"),
        });
    }

    /// Where the run of `earlier` was, in the run that this one is the beginning of.
    pub(super) fn going_on_from(&self, earlier: Self) -> Self {
        let Self { format, fingerprint, kernels, notes, train_counts, stages, .. } = self.clone();
        Self {
            format,
            fingerprint,
            kernels,
            notes,
            train_counts,
            stages,
            former_fingerprint: None,
            ended: None,
            ..earlier
        }
    }

    /// What a checkpoint of format 1 or 2 says, in today's terms.
    pub(super) fn of_today(mut self) -> Self {
        if let Some(classes) = self.poor_classes.take() {
            self.objective = json!({ "low_accuracy_classes": classes });
        }
        if self.sums.classified == 0 {
            self.sums.classified = self.sums.images;
        }
        let EpochSums { parts, classifier, contrastive, .. } = &mut self.sums;
        // A part that is not there had the sum 0.
        let contrastive = contrastive.take().filter(|sum| *sum != 0.0);
        let former = [("classifier", classifier.take()), ("contrastive", contrastive)];
        for (name, sum) in former {
            sum.into_iter().for_each(|sum| parts.add(name, sum));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a program of format 2 saved in the middle of an epoch with compression.
    const FORMAT_2: &str = r#"{
        "format": 2, "fingerprint": "ab", "epoch": 2, "batch": 11, "step": 55, "images": 3520, "seconds": 7.5,
        "waited": 0.5, "sums": {"loss": 90.0, "classifier": 24.0, "contrastive": 42.0, "images": 10, "correct": 2,
        "seconds": 1.0, "waited": 0.0}, "poor_classes": [1, 3], "best": null, "kernels": "avx2"
    }"#;

    #[test]
    fn a_run_names_every_machine_that_made_its_steps() {
        let mut progress = Progress::new(String::new(), String::new());
        for (machine, named) in [("a", "a"), ("a", "a"), ("b", "a; then b"), ("b", "a; then b")] {
            progress.trains_on(machine.into());
            assert_eq!(progress.hardware.as_deref(), Some(named));
        }
    }

    #[test]
    fn a_checkpoint_of_format_2_is_read_in_todays_terms() {
        let read = |text: &str| serde_json::from_str::<Progress>(text).unwrap().of_today();
        let progress = read(FORMAT_2);
        assert_eq!((progress.stage, progress.epoch, progress.batch), (0, 2, 11));
        assert_eq!(progress.objective, json!({ "low_accuracy_classes": [1, 3] }));
        let parts: Vec<_> = progress.sums.parts.iter().collect();
        assert_eq!(parts, [("classifier", 24.0), ("contrastive", 42.0)]);
        // Written again it is of today.
        let text = serde_json::to_string(&progress).unwrap();
        assert!(!text.contains("\"contrastive\":42.0,\"images\""), "{text}");
        assert_eq!(read(&text), progress);
        // A method without a contrastive loss had the sum 0.
        let plain = FORMAT_2.replace("42.0", "0.0").replace("[1, 3]", "null");
        let plain = read(&plain);
        assert_eq!(plain.sums.parts.iter().collect::<Vec<_>>(), [("classifier", 24.0)]);
        assert!(plain.objective.is_null());
    }
}
