use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use super::{Progress, RunFolder, TrainError, setup};
use crate::{
    atomic,
    model::{
        ModelError,
        weights::{self, Contents, State, from_safetensors, of_arrays},
    },
    recipe::Recipe,
    regular,
};

/// The newest checkpoint format this program writes and reads.
pub(super) const FORMAT: u32 = 3;
/// The first format with a checksum.
const WITH_CHECKSUM: u32 = 2;
/// Bytes of the largest checkpoint that is read.
const LARGEST: u64 = 4 << 30;
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

impl Checkpoint {
    /// Writes the checkpoint beside `path` and then renames it; the one that was there becomes `previous`.
    ///
    /// # Errors
    /// If it cannot be written; the one before is then still there.
    pub fn save(&self, path: &Path, previous: &Path) -> Result<(), TrainError> {
        let mut tensors = BTreeMap::new();
        for (part, state) in
            [("model", &self.model), ("velocity", &self.velocity), ("best", &self.best)]
        {
            tensors.extend(state.iter().map(|(name, w)| (format!("{part}.{name}"), w)));
        }
        let progress = serde_json::to_string(&self.progress)
            .map_err(|error| damaged(path, error.to_string()))?;
        let metadata = BTreeMap::from([(PROGRESS.to_owned(), progress)]);
        Ok(atomic::write_keeping(path, &of_arrays(&tensors, metadata)?, previous)?)
    }

    /// Refuses a checkpoint that was not made with this recipe and the split of this hash; `path` is its own.
    ///
    /// # Errors
    /// [`TrainError::Foreign`], or [`TrainError::Recipe`].
    pub fn check_identity(
        &self,
        recipe: &Recipe,
        split_hash: &str,
        path: &Path,
    ) -> Result<(), TrainError> {
        let known = setup::fingerprints(recipe, split_hash)?;
        let Progress { fingerprint, former_fingerprint, .. } = &self.progress;
        if former_fingerprint.iter().chain([fingerprint]).any(|own| known.contains(own)) {
            return Ok(());
        }
        Err(TrainError::Foreign { path: path.to_owned(), what: "recipe or split".into() })
    }

    /// The checkpoint of the run in `folder`; `None` where there is none yet.
    ///
    /// # Errors
    /// As [`Checkpoint::load`]. Where the last is damaged or lost and the one before it is whole, the error says so;
    /// [`TrainError::CheckpointGone`] where both are lost and weights are there.
    pub fn load_last(folder: &RunFolder) -> Result<Option<Self>, TrainError> {
        let (path, previous) = (folder.checkpoint(), folder.previous_checkpoint());
        let is_there = |path: &Path| path.symlink_metadata().is_ok();
        let loaded = match is_there(&path) {
            // Weights come behind the last checkpoint.
            false if !is_there(&previous) && folder.has_weights() => {
                let folder = folder.path().to_owned();
                return Err(TrainError::CheckpointGone { path: folder, checkpoint: path });
            }
            false if !is_there(&previous) => return Ok(None),
            false => Err(damaged(&path, "it is missing".into())),
            true => Self::load(&path),
        };
        loaded.map(Some).map_err(|error| match error {
            TrainError::Damaged { path, reason, .. } => {
                let previous = Self::load(&previous).is_ok().then_some(previous);
                TrainError::Damaged { path, reason, previous }
            }
            other => other,
        })
    }

    /// As [`Checkpoint::load_last`].
    ///
    /// # Errors
    /// [`TrainError::NoRun`] where there is none yet.
    pub fn load_of(folder: &RunFolder) -> Result<Self, TrainError> {
        Self::load_last(folder)?.ok_or_else(|| {
            let (path, missing) = (folder.path().to_owned(), "checkpoint yet: train it first");
            TrainError::NoRun { path, missing }
        })
    }

    /// Reads a checkpoint, of which no byte was changed since it was written. One of the first format, which had no
    /// checksum, is looked through for values that are no numbers.
    ///
    /// # Errors
    /// [`TrainError::Read`], [`TrainError::Damaged`] or [`TrainError::Newer`], naming `path`.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let failed = |error: ModelError| match error {
            ModelError::Format { reason, .. } => damaged(path, reason),
            ModelError::Checksum { .. } => {
                damaged(path, "its checksum does not fit its bytes".into())
            }
            other => other.into(),
        };
        let bytes = regular::read(path, LARGEST)
            .map_err(|source| TrainError::Read { path: path.to_owned(), source })?;
        let metadata = weights::metadata(&bytes, path).map_err(failed)?;
        let progress = metadata
            .get(PROGRESS)
            .ok_or_else(|| damaged(path, "it lacks the progress of a run".into()))?;
        let format = format_of(progress, path)?;
        let Contents { state, has_checksum, .. } =
            from_safetensors(&bytes, path).map_err(failed)?;
        if !has_checksum && format >= WITH_CHECKSUM {
            return Err(damaged(path, "it lacks its checksum".into()));
        }
        let progress: Progress =
            serde_json::from_str(progress).map_err(|error| damaged(path, error.to_string()))?;
        let progress = progress.of_today();
        let [model, velocity, best] = parts(state).map_err(|reason| damaged(path, reason))?;
        Ok(Self { progress, model, velocity, best })
    }
}

/// The tensors of the model, of the optimizer's velocity and of the best epoch, under their own names.
fn parts(tensors: State) -> Result<[State; 3], String> {
    let mut parts = [State::new(), State::new(), State::new()];
    for (name, weights) in tensors {
        let (part, rest) = name.split_once('.').unwrap_or_default();
        let part = ["model", "velocity", "best"].iter().position(|known| *known == part);
        let part = part.ok_or_else(|| format!("tensor \"{name}\" is unknown"))?;
        if !weights.values.iter().all(|value| value.is_finite()) {
            return Err(format!("tensor \"{name}\" holds a value that is not a number"));
        }
        parts[part].insert(rest.to_owned(), weights);
    }
    Ok(parts)
}

/// The format of a checkpoint. A newer one may look different in everything but its number.
fn format_of(progress: &str, path: &Path) -> Result<u32, TrainError> {
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
        known => Ok(known),
    }
}

fn damaged(path: &Path, reason: String) -> TrainError {
    TrainError::Damaged { path: path.to_owned(), reason, previous: None }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{model::weights::Weights, train::Out};

    fn checkpoint() -> Checkpoint {
        let state = |value: f32| {
            let weights = Weights { shape: vec![2, 1], values: vec![value, f32::MIN_POSITIVE] };
            State::from([("fc.weight".to_owned(), weights)])
        };
        let mut progress = Progress::new("abc".into(), "portable".into());
        progress.sums.loss = 0.1 + 0.2;
        progress.objective = serde_json::json!({ "low_accuracy_classes": [3, 7] });
        Checkpoint { progress, model: state(1.0), velocity: state(-0.0), best: State::new() }
    }

    #[test]
    fn a_checkpoint_reads_back_exactly() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        checkpoint().save(&path, &path.with_file_name("previous")).unwrap();
        assert_eq!(Checkpoint::load(&path).unwrap(), checkpoint());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half written is left");
    }

    #[test]
    fn damaged_and_newer_checkpoints_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        checkpoint().save(&path, &path.with_file_name("previous")).unwrap();
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
        newer.save(&path, &path.with_file_name("previous")).unwrap();
        let message = Checkpoint::load(&path).unwrap_err().to_string();
        assert!(message.contains("newer longtail"), "{message}");
    }

    fn run_folder(place: &Path) -> RunFolder {
        RunFolder::create(&Out::At(place.join("run"))).unwrap().0
    }

    fn save(folder: &RunFolder, step: u64) {
        let mut checkpoint = checkpoint();
        checkpoint.progress.step = step;
        checkpoint.save(&folder.checkpoint(), &folder.previous_checkpoint()).unwrap();
    }

    #[test]
    fn the_one_before_the_last_is_kept_and_named_where_the_last_is_damaged_or_lost() {
        let place = tempfile::tempdir().unwrap();
        let folder = run_folder(place.path());
        assert_eq!(Checkpoint::load_last(&folder).unwrap(), None);
        (1..=3).for_each(|step| save(&folder, step));
        let of = |path: &Path| Checkpoint::load(path).unwrap().progress.step;
        assert_eq!((of(&folder.checkpoint()), of(&folder.previous_checkpoint())), (3, 2));
        let refused = |says: &str| {
            let message = Checkpoint::load_last(&folder).unwrap_err().to_string();
            assert!(message.contains("last.safetensors is damaged"), "{message}");
            assert!(message.contains(says), "{message}");
        };
        fs::write(folder.checkpoint(), "").unwrap();
        refused("previous.safetensors");
        fs::remove_file(folder.checkpoint()).unwrap();
        refused("it is missing");
        refused("previous.safetensors");
        fs::write(folder.previous_checkpoint(), "").unwrap();
        refused("from the beginning");
    }

    #[test]
    fn a_trained_run_without_a_checkpoint_is_not_one_that_has_not_begun() {
        let place = tempfile::tempdir().unwrap();
        let folder = run_folder(place.path());
        for result in [folder.weights("last"), folder.weights("best")] {
            fs::write(&result, "").unwrap();
            let message = Checkpoint::load_last(&folder).unwrap_err().to_string();
            assert!(message.contains("its checkpoint is gone"), "{message}");
            fs::remove_file(result).unwrap();
        }
        assert_eq!(Checkpoint::load_last(&folder).unwrap(), None);
    }

    /// Without its checksum, as the first format had none; the second is not read without.
    #[test]
    fn without_a_checksum_only_the_first_format_is_read_and_only_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        let read = |format: u32, value: f32| {
            let progress = serde_json::to_string(&Progress { format, ..checkpoint().progress });
            let bytes = value.to_le_bytes();
            let view =
                safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![1], &bytes);
            let metadata = [(PROGRESS.to_owned(), progress.unwrap())].into();
            let file =
                safetensors::serialize([("model.w", view.unwrap())], Some(metadata)).unwrap();
            fs::write(&path, file).unwrap();
            Checkpoint::load(&path).map(|read| read.model["w"].values[0])
        };
        assert_eq!(read(1, 5.0).unwrap(), 5.0);
        for (format, value, says) in
            [(2, 5.0, "lacks its checksum"), (1, f32::NAN, "\"model.w\" holds a value")]
        {
            let message = read(format, value).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn no_changed_bit_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        checkpoint().save(&path, &folder.path().join("previous")).unwrap();
        let whole = fs::read(&path).unwrap();
        for bit in 0..8 * whole.len() {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &changed).unwrap();
            let message = Checkpoint::load(&path).unwrap_err().to_string();
            assert!(message.contains("last.safetensors"), "bit {bit}: {message}");
        }
    }
}
