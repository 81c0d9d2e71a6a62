use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{LossParts, ReportError};
use crate::{atomic, eval::Evaluation, regular};

/// Bytes of the longest log that is read.
pub(crate) const LARGEST: u64 = 1 << 30;

/// One epoch of training: one line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Line")]
pub struct EpochRecord {
    /// The epoch, from 0.
    pub epoch: usize,
    /// Optimizer steps taken since the start of the run, this epoch included.
    pub step: u64,
    /// Learning rate of the epoch's last step.
    pub lr: f64,
    /// Mean of the whole loss over the epoch's images.
    pub loss: f64,
    /// Means of the parts of the loss, unweighted.
    pub loss_parts: LossParts,
    /// Accuracy on the training images as they were augmented and sampled, in [0, 1].
    pub train_accuracy: Option<f64>,
    /// Training images per second.
    pub images_per_second: f64,
    /// Seconds that the epoch took, validation included.
    pub seconds: f64,
    /// Seconds of them that training spent waiting for batches.
    #[serde(default)]
    pub waited: f64,
    /// Figures on the validation set after the epoch.
    pub val: Option<Evaluation>,
    /// What else happened; a report marks the epoch with it. An event that changes how the loss is
    /// computed belongs to the first epoch that is trained with the change.
    pub note: Option<String>,
}

/// An [`EpochRecord`] as it stands in a log; earlier versions had two parts, under names of their own.
#[derive(Deserialize)]
struct Line {
    epoch: usize,
    step: u64,
    lr: f64,
    loss: f64,
    #[serde(default)]
    loss_parts: LossParts,
    loss_ce: Option<f64>,
    loss_contrastive: Option<f64>,
    train_accuracy: Option<f64>,
    images_per_second: f64,
    seconds: f64,
    #[serde(default)]
    waited: f64,
    val: Option<Evaluation>,
    note: Option<String>,
}

impl From<Line> for EpochRecord {
    fn from(line: Line) -> Self {
        let mut loss_parts = line.loss_parts;
        let former = [("classifier", line.loss_ce), ("contrastive", line.loss_contrastive)];
        for (name, value) in former {
            value.into_iter().for_each(|value| loss_parts.add(name, value));
        }
        Self {
            epoch: line.epoch,
            step: line.step,
            lr: line.lr,
            loss: line.loss,
            loss_parts,
            train_accuracy: line.train_accuracy,
            images_per_second: line.images_per_second,
            seconds: line.seconds,
            waited: line.waited,
            val: line.val,
            note: line.note,
        }
    }
}

impl EpochRecord {
    fn check(&self) -> Result<(), ReportError> {
        let fields = [
            ("lr", Some(self.lr)),
            ("loss", Some(self.loss)),
            ("train_accuracy", self.train_accuracy),
            ("images_per_second", Some(self.images_per_second)),
            ("seconds", Some(self.seconds)),
            ("waited", Some(self.waited)),
        ];
        let named = fields.into_iter().filter_map(|(field, value)| Some((field, value?)));
        for (field, value) in named.chain(self.loss_parts.iter()) {
            if !value.is_finite() {
                let field = field.to_owned();
                return Err(ReportError::NotFinite { epoch: self.epoch, field, value });
            }
        }
        Ok(())
    }
}

/// `metrics.jsonl`: one JSON object and one newline per epoch, appended as epochs end.
///
/// A run that is killed while it writes leaves a torn last line. Reading passes over it, and opening
/// the log again removes it.
///
/// ```
/// use longtail::report::{EpochRecord, MetricsLog};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("metrics.jsonl");
/// let line = r#"{"epoch":0,"step":10,"lr":0.1,"loss":0.7,"images_per_second":90,"seconds":2}"#;
/// let record: EpochRecord = serde_json::from_str(line)?;
/// MetricsLog::open(&path, 0)?.append(&record)?;
/// // A run that goes on with epoch 1 finds epoch 0 in it.
/// let mut log = MetricsLog::open(&path, 1)?;
/// log.append(&EpochRecord { epoch: 1, loss: 0.5, ..record })?;
/// let losses: Vec<_> = MetricsLog::read(&path)?.iter().map(|record| record.loss).collect();
/// assert_eq!(losses, [0.7, 0.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MetricsLog {
    path: PathBuf,
    file: File,
    end: u64,
    crc: crc32fast::Hasher,
}

/// The beginning of a log, as a checkpoint remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogState {
    /// Its length.
    pub bytes: u64,
    /// CRC-32 of it.
    pub crc32: u32,
}

impl MetricsLog {
    /// Opens the log at `path` for a run that continues with epoch `next_epoch`, making it where it
    /// does not exist.
    ///
    /// Lines of `next_epoch` and later epochs and a damaged tail are cut off; with 0 the log starts
    /// empty.
    ///
    /// # Errors
    /// If the file cannot be read or written, or if a line that whole lines follow is damaged.
    pub fn open(path: impl Into<PathBuf>, next_epoch: usize) -> Result<Self, ReportError> {
        let path = path.into();
        let kept = kept(&path, next_epoch)?;
        let failed = ReportError::io("write", &path);
        if let Some(what) = regular::special_at(&path) {
            return Err(failed(io::Error::other(format!("it is {what}"))));
        }
        // What a link leads to is not the run's.
        if path.is_symlink() {
            atomic::write(&path, &kept)?;
        }
        let end = kept.len() as u64;
        let file = cut(&path, end).map_err(failed)?;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&kept);
        Ok(Self { path, file, end, crc })
    }

    /// What the log holds now.
    pub fn state(&self) -> LogState {
        LogState { bytes: self.end, crc32: self.crc.clone().finalize() }
    }

    /// Appends one line and sees it to the disk. Where that fails, the log stays as it was.
    ///
    /// # Errors
    /// If the record holds a NaN or an infinity, or if it cannot be written.
    pub fn append(&mut self, record: &EpochRecord) -> Result<(), ReportError> {
        record.check()?;
        let mut line =
            serde_json::to_vec(record).map_err(|error| self.write_error(error.into()))?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // A second failure changes nothing: the tail is cut off when the log is next opened.
            let _ = self.file.set_len(self.end);
            let _ = self.file.seek(SeekFrom::Start(self.end));
            return Err(self.write_error(error));
        }
        self.end += line.len() as u64;
        self.crc.update(&line);
        Ok(())
    }

    /// The records of the log at `path`; a torn or damaged last line is passed over.
    ///
    /// # Errors
    /// If the file cannot be read, or if a line that whole lines follow is damaged.
    pub fn read(path: impl AsRef<Path>) -> Result<Vec<EpochRecord>, ReportError> {
        let path = path.as_ref();
        let bytes = regular::read(path, LARGEST).map_err(ReportError::io("read", path))?;
        records(path, &bytes)
    }

    fn write_error(&self, source: io::Error) -> ReportError {
        ReportError::Io { action: "write", path: self.path.clone(), source }
    }
}

/// The whole lines of epochs before `next_epoch` at the start of the log.
fn kept(path: &Path, next_epoch: usize) -> Result<Vec<u8>, ReportError> {
    if next_epoch == 0 {
        return Ok(Vec::new());
    }
    let mut bytes = match regular::read(path, LARGEST) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        read => read.map_err(ReportError::io("read", path))?,
    };
    let kept = parse(path, &bytes)?;
    let kept = kept.iter().take_while(|(record, _)| record.epoch < next_epoch).last();
    bytes.truncate(kept.map_or(0, |&(_, end)| end));
    Ok(bytes)
}

fn cut(path: &Path, end: u64) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    file.sync_all()?;
    Ok(file)
}

/// The records in the bytes of a log.
pub(super) fn records(path: &Path, bytes: &[u8]) -> Result<Vec<EpochRecord>, ReportError> {
    Ok(parse(path, bytes)?.into_iter().map(|(record, _)| record).collect())
}

/// The whole lines of a log, each with the offset of its end.
fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<(EpochRecord, usize)>, ReportError> {
    let mut records = Vec::new();
    let mut end = 0;
    for (index, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        end += line.len();
        // A line without its newline may be cut in a way that still parses, such as `1` of `12`.
        if line.last() != Some(&b'\n') {
            break;
        }
        match serde_json::from_slice(line) {
            Ok(record) => records.push((record, end)),
            Err(_) if end == bytes.len() => break,
            Err(source) => {
                return Err(ReportError::MetricsLine {
                    path: path.to_owned(),
                    line: index + 1,
                    source,
                });
            }
        }
    }
    Ok(records)
}
