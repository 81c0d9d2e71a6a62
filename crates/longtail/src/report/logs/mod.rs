//! What a run logs for other programs: TensorBoard, MLflow, and anything that reads CSV. All of it is made of
//! `metrics.jsonl`, whole after every epoch, so that a run that was killed and gone on with has the logs of an unbroken one.

mod confusion;
mod event;
mod figures;
mod mlflow;
mod projector;
mod table;
mod tensorboard;
mod write;

use std::{
    fs::{self, DirEntry},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use figures::Moment;

use super::{EpochRecord, ReportError, ScoredImages, Summary};
use crate::choice::{Choice, choice};

choice! {
    /// A program that a run is logged for; its folder has that name.
    LogKind {
        /// Event files of TensorBoard: figures by step, the confusion picture, the test features for the projector.
        TensorBoard = "tensorboard",
        /// A table of every epoch and one of the final figures.
        Csv = "csv",
        /// A file store of MLflow.
        MlFlow = "mlflow",
    }
}

impl LogKind {
    /// Those that are logged in `folder`, which is `logs` in a run's folder.
    pub fn found_in(folder: &Path) -> Vec<Self> {
        let all = Self::ALL.iter().map(|(kind, ..)| *kind);
        all.filter(|kind| folder.join(kind.name()).is_dir()).collect()
    }

    /// Whether it shows what the model says of each image.
    pub(crate) fn shows_images(self) -> bool {
        matches!(self, Self::TensorBoard | Self::MlFlow)
    }
}

/// What is logged of a run beside its figures.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedRun {
    /// What the run is called.
    pub name: String,
    /// What it is one of: the data set.
    pub experiment: String,
    /// The recipe's keys with their values.
    pub settings: Vec<(String, String)>,
    /// When the run began. An epoch is logged at that time and the seconds of the epochs up to it, so that the same run
    /// has the same logs whenever they are written.
    pub started: SystemTime,
    /// Files to keep with the final figures.
    pub artifacts: Vec<PathBuf>,
}

/// What a run has come to.
#[derive(Debug, Clone, Copy)]
pub struct LoggedEnd<'a> {
    /// Its figures.
    pub summary: &'a Summary,
    /// What its last model says of each image, where that is known.
    pub scored: Option<&'a ScoredImages>,
}

/// The logs of one run for other programs.
///
/// ```
/// use longtail::report::{EpochRecord, LogKind, LoggedRun, Logs};
///
/// let folder = tempfile::tempdir()?;
/// # let line = r#"{"epoch":0,"step":10,"lr":0.1,"loss":0.7,"images_per_second":90,"seconds":2}"#;
/// # let record: EpochRecord = serde_json::from_str(line)?;
/// let run = LoggedRun {
///     name: "photos-la-0".into(),
///     experiment: "photos".into(),
///     settings: vec![("train.seed".into(), "0".into())],
///     started: std::time::SystemTime::UNIX_EPOCH,
///     artifacts: Vec::new(),
/// };
/// let mut logs = Logs::new(folder.path(), vec![LogKind::Csv], run, &[record]);
/// logs.write(None)?;
/// let csv = std::fs::read_to_string(folder.path().join("csv/metrics.csv"))?;
/// assert!(csv.starts_with("epoch,step,note,train/lr,train/loss,"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Logs {
    folder: PathBuf,
    kinds: Vec<LogKind>,
    run: LoggedRun,
    moments: Vec<Moment>,
}

impl Logs {
    /// Logs of `kinds` below `folder`, of a run that has `records` so far. Nothing is written yet.
    pub fn new(
        folder: &Path,
        kinds: Vec<LogKind>,
        run: LoggedRun,
        records: &[EpochRecord],
    ) -> Self {
        let folder = folder.to_owned();
        let mut logs = Self { folder, kinds, run, moments: Vec::new() };
        records.iter().for_each(|record| logs.push(record));
        logs
    }

    /// Adds an epoch; nothing is written yet.
    pub fn push(&mut self, record: &EpochRecord) {
        let before = self.moments.last().map_or(0.0, |moment| moment.seconds);
        self.moments.push(Moment::of(record, before));
    }

    /// Brings the files up to date: the epochs so far and, of a run that has come to its end, the final figures. What the
    /// files hold already stays where it is, so that a program that reads them goes on reading; what the run does not have
    /// any more is gone.
    ///
    /// # Errors
    /// [`ReportError`] if a file cannot be written, or if one of the folders is a link.
    pub fn write(&self, end: Option<LoggedEnd<'_>>) -> Result<(), ReportError> {
        if !self.kinds.is_empty() {
            write::folder(&self.folder)?;
        }
        for kind in &self.kinds {
            let folder = self.folder.join(kind.name());
            write::folder(&folder)?;
            match kind {
                LogKind::TensorBoard => tensorboard::write(self, end, &folder)?,
                LogKind::Csv => table::write(self, end, &folder)?,
                LogKind::MlFlow => mlflow::write(self, end, &folder)?,
            }
        }
        Ok(())
    }

    /// Milliseconds from 1970 to so many seconds of the run.
    fn milliseconds(&self, seconds: f64) -> u64 {
        let start = self.run.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        start.as_millis() as u64 + (seconds * 1e3).round() as u64
    }

    /// Seconds of all epochs.
    fn seconds(&self) -> f64 {
        self.moments.last().map_or(0.0, |moment| moment.seconds)
    }
}

/// What is in a folder, by name; nothing where there is none.
fn entries(folder: &Path) -> Vec<DirEntry> {
    let entries = fs::read_dir(folder).map(|entries| entries.flatten().collect());
    let mut entries: Vec<DirEntry> = entries.unwrap_or_default();
    entries.sort_by_key(DirEntry::file_name);
    entries
}

#[cfg(test)]
mod tests;
