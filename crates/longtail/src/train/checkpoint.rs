use std::{collections::BTreeMap, fs, path::Path};

use serde::{Deserialize, Serialize};

use super::{RunFolder, TrainError};
use crate::{
    eval::Evaluation,
    model::{
        ModelError,
        weights::{State, from_safetensors, to_safetensors},
    },
    report::atomic,
};

/// The newest checkpoint format this program writes and reads.
const FORMAT: u32 = 1;
/// Key of the [`Progress`] in the file's metadata.
const PROGRESS: &str = "longtail";

/// Everything that continuing a run needs, in one safetensors file, so that one rename replaces it
/// all: weights and running statistics, velocity, the best weights so far, and the progress.
///
/// Randomness is a function of the seed and of the position, so the position is its whole state.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Where the run stands.
    pub progress: Progress,
    /// Weights and running statistics.
    pub model: State,
    /// The optimizer's velocity.
    pub velocity: State,
    /// Weights and running statistics of the best epoch so far; empty without one.
    pub best: State,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Format of the checkpoint.
    pub format: u32,
    /// Hash of the recipe and the split that the run is made of.
    pub fingerprint: String,
    /// The epoch under way, from 0.
    pub epoch: usize,
    /// Batches of it that are done.
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
    /// The classes that compression holds to be poor, once they are chosen.
    pub poor_classes: Option<Vec<u32>>,
    /// The best epoch so far, chosen on validation.
    pub best: Option<BestEpoch>,
    /// Which implementation of the operators the steps ran on; another gives other last bits.
    pub kernels: String,
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
    /// What was said when the run was seen not to learn.
    #[serde(default)]
    pub warning: Option<String>,
    /// When the last epoch ended or training stopped for good, in UTC as RFC 3339 has it.
    #[serde(default)]
    pub ended: Option<String>,
}

/// What an epoch's line in the log is made of, so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochSums {
    /// Σ total loss · images.
    pub loss: f64,
    /// Σ classifier loss · images.
    pub classifier: f64,
    /// Σ contrastive loss · images.
    pub contrastive: f64,
    /// Images seen.
    pub images: u64,
    /// Images whose classifier view was classified right.
    pub correct: u64,
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

impl Progress {
    /// At the very beginning.
    pub fn new(fingerprint: String, kernels: String) -> Self {
        Self {
            format: FORMAT,
            fingerprint,
            epoch: 0,
            batch: 0,
            step: 0,
            images: 0,
            seconds: 0.0,
            waited: 0.0,
            sums: EpochSums::default(),
            poor_classes: None,
            best: None,
            kernels,
            loss_scale: None,
            train_counts: Vec::new(),
            notes: Vec::new(),
            first_loss: None,
            warning: None,
            ended: None,
        }
    }
}

impl Checkpoint {
    /// Writes the checkpoint beside `path` and then renames it.
    ///
    /// # Errors
    /// If it cannot be written; the one before is then still there.
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        let mut tensors = State::new();
        for (part, state) in
            [("model", &self.model), ("velocity", &self.velocity), ("best", &self.best)]
        {
            tensors.extend(state.iter().map(|(name, w)| (format!("{part}.{name}"), w.clone())));
        }
        let progress = serde_json::to_string(&self.progress)
            .map_err(|error| damaged(path, error.to_string()))?;
        let metadata = BTreeMap::from([(PROGRESS.to_owned(), progress)]);
        Ok(atomic::write(path, &to_safetensors(&tensors, metadata)?)?)
    }

    /// The checkpoint of the run in `folder`.
    ///
    /// # Errors
    /// As [`Checkpoint::load`], and [`TrainError::NoRun`] where there is none yet.
    pub fn load_of(folder: &RunFolder) -> Result<Self, TrainError> {
        let path = folder.checkpoint();
        if !path.is_file() {
            let (path, missing) = (folder.path().to_owned(), "checkpoint yet: train it first");
            return Err(TrainError::NoRun { path, missing });
        }
        Self::load(&path)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`TrainError::Read`], [`TrainError::Damaged`] or [`TrainError::Newer`], naming `path`.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let bytes =
            fs::read(path).map_err(|source| TrainError::Read { path: path.to_owned(), source })?;
        let (tensors, metadata) = from_safetensors(&bytes, path).map_err(|error| match error {
            ModelError::Format { reason, .. } => damaged(path, reason),
            other => other.into(),
        })?;
        let progress = metadata
            .get(PROGRESS)
            .ok_or_else(|| damaged(path, "it lacks the progress of a run".into()))?;
        check_format(progress, path)?;
        let progress: Progress =
            serde_json::from_str(progress).map_err(|error| damaged(path, error.to_string()))?;
        let mut parts = BTreeMap::from([
            ("model", State::new()),
            ("velocity", State::new()),
            ("best", State::new()),
        ]);
        for (name, weights) in tensors {
            let part =
                name.split_once('.').and_then(|(part, rest)| Some((parts.get_mut(part)?, rest)));
            let (part, rest) =
                part.ok_or_else(|| damaged(path, format!("tensor \"{name}\" is unknown")))?;
            part.insert(rest.to_owned(), weights);
        }
        let mut take = |part| parts.remove(part).unwrap_or_default();
        Ok(Self { progress, model: take("model"), velocity: take("velocity"), best: take("best") })
    }
}

/// A newer format may look different in everything but its number.
fn check_format(progress: &str, path: &Path) -> Result<(), TrainError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let Format { format } =
        serde_json::from_str(progress).map_err(|error| damaged(path, error.to_string()))?;
    match format {
        found if found > FORMAT => {
            Err(TrainError::Newer { path: path.to_owned(), found, known: FORMAT })
        }
        _ => Ok(()),
    }
}

fn damaged(path: &Path, reason: String) -> TrainError {
    TrainError::Damaged { path: path.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::weights::Weights;

    fn checkpoint() -> Checkpoint {
        let state = |value: f32| {
            let weights = Weights { shape: vec![2, 1], values: vec![value, f32::MIN_POSITIVE] };
            State::from([("fc.weight".to_owned(), weights)])
        };
        let mut progress = Progress::new("abc".into(), "portable".into());
        progress.sums.loss = 0.1 + 0.2;
        progress.poor_classes = Some(vec![3, 7]);
        Checkpoint { progress, model: state(1.0), velocity: state(-0.0), best: State::new() }
    }

    #[test]
    fn a_checkpoint_reads_back_exactly() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        checkpoint().save(&path).unwrap();
        assert_eq!(Checkpoint::load(&path).unwrap(), checkpoint());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half written is left");
    }

    #[test]
    fn damaged_and_newer_checkpoints_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        checkpoint().save(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in [0, 7, 100, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            let message = Checkpoint::load(&path).unwrap_err().to_string();
            assert!(
                message.contains("is damaged") && message.contains("last.safetensors"),
                "{message}"
            );
        }
        let mut newer = checkpoint();
        newer.progress.format = FORMAT + 1;
        newer.save(&path).unwrap();
        let message = Checkpoint::load(&path).unwrap_err().to_string();
        assert!(message.contains("newer longtail"), "{message}");
    }
}
