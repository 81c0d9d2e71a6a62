//! A log that is not what the run wrote: what of it can be used, and what is said.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{EpochRecord, LogState, ReportError, metrics};
use crate::{atomic, regular};

/// The log at `path` of a run of which `epochs` are done, as far as it can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovered {
    path: PathBuf,
    /// Whole lines in the order of their epochs.
    bytes: Vec<u8>,
    is_other: bool,
    /// What is wrong with it, in a sentence.
    pub note: Option<String>,
}

impl Recovered {
    /// Reads the log and compares it with what the checkpoint `known`s of it; where that deviates, or where a
    /// checkpoint of an earlier version knows nothing, with what a log has to be: a line of every epoch, in order.
    ///
    /// # Errors
    /// [`ReportError::Io`] if it is there and cannot be read.
    pub fn read(path: &Path, epochs: usize, known: Option<LogState>) -> Result<Self, ReportError> {
        let mut whole =
            Self { path: path.to_owned(), bytes: Vec::new(), is_other: false, note: None };
        let bytes = match regular::read(path, metrics::LARGEST) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                whole.note = (epochs > 0).then(|| format!("{} is missing", path.display()));
                return Ok(whole);
            }
            read => read.map_err(ReportError::io("read", path))?,
        };
        let fits = known.is_some_and(|known| {
            let start = usize::try_from(known.bytes).ok().and_then(|end| bytes.get(..end));
            start.is_some_and(|start| crc32fast::hash(start) == known.crc32)
        });
        if fits {
            return Ok(Self { bytes, ..whole });
        }
        Ok(whole.sorted(&bytes, epochs, known.is_some()))
    }

    /// The whole lines of `bytes`, the last of every epoch, in order.
    fn sorted(self, bytes: &[u8], epochs: usize, is_known: bool) -> Self {
        let mut lines = BTreeMap::new();
        let (mut damaged, mut is_in_order, mut last) = (0, true, None);
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let whole = line.last() == Some(&b'\n');
            match serde_json::from_slice::<EpochRecord>(line) {
                Ok(record) if whole => {
                    is_in_order &= last.is_none_or(|last| last < record.epoch);
                    last = Some(record.epoch);
                    lines.insert(record.epoch, line);
                }
                // A torn end is what a kill leaves.
                _ => {
                    damaged +=
                        usize::from(whole && line.iter().any(|&byte| byte != 0 && byte != b'\n'))
                }
            }
        }
        let missing: Vec<String> = (0..epochs)
            .filter(|epoch| !lines.contains_key(epoch))
            .map(|epoch| (epoch + 1).to_string())
            .collect();
        let faults = faults(damaged, is_in_order, &missing);
        let note = (is_known || !faults.is_empty()).then(|| {
            let faults =
                if faults.is_empty() { String::new() } else { format!(": {}", faults.join("; ")) };
            format!("{} is not what the run wrote{faults}", self.path.display())
        });
        Self {
            bytes: lines.into_values().flatten().copied().collect(),
            is_other: true,
            note,
            ..self
        }
    }

    /// The records that can be used.
    ///
    /// # Errors
    /// [`ReportError::MetricsLine`], which a recovered log does not have.
    pub fn records(&self) -> Result<Vec<EpochRecord>, ReportError> {
        metrics::records(&self.path, &self.bytes)
    }

    /// Puts what can be used in the log's place, where that differs.
    ///
    /// # Errors
    /// [`ReportError::Io`] if it cannot be written.
    pub fn save(&self) -> Result<(), ReportError> {
        if self.is_other && self.note.is_some() {
            Ok(atomic::write(&self.path, &self.bytes)?)
        } else {
            Ok(())
        }
    }
}

/// What is wrong with lines of which so many cannot be read and those of these epochs are not there.
fn faults(damaged: usize, is_in_order: bool, missing: &[String]) -> Vec<String> {
    let damaged =
        (damaged > 0).then(|| format!("lines that cannot be read are left out ({damaged})"));
    let order = (!is_in_order).then(|| "lines out of order are put in order".to_owned());
    let missing =
        (!missing.is_empty()).then(|| format!("no line for epoch {}", missing.join(", ")));
    damaged.into_iter().chain(order).chain(missing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::LossParts;
    use crate::report::MetricsLog;

    fn record(epoch: usize) -> EpochRecord {
        EpochRecord {
            epoch,
            step: 10 * (epoch as u64 + 1),
            lr: 0.1,
            loss: 1.0,
            loss_parts: LossParts::default(),
            train_accuracy: None,
            images_per_second: 1.0,
            seconds: 1.0,
            waited: 0.0,
            val: None,
            note: None,
        }
    }

    /// A log of five epochs, its path and what a checkpoint after four knows of it.
    fn log(folder: &Path) -> (PathBuf, LogState) {
        let path = folder.join("metrics.jsonl");
        let mut log = MetricsLog::open(&path, 0).unwrap();
        (0..4).for_each(|epoch| log.append(&record(epoch)).unwrap());
        let known = log.state();
        log.append(&record(4)).unwrap();
        (path, known)
    }

    fn epochs(recovered: &Recovered) -> Vec<usize> {
        recovered.records().unwrap().iter().map(|record| record.epoch).collect()
    }

    #[test]
    fn the_log_of_a_run_is_used_without_a_word() {
        let folder = tempfile::tempdir().unwrap();
        let (path, known) = log(folder.path());
        for known in [Some(known), None] {
            let recovered = Recovered::read(&path, 4, known).unwrap();
            assert_eq!((recovered.note.clone(), epochs(&recovered)), (None, vec![0, 1, 2, 3, 4]));
        }
        let mut torn = std::fs::read(&path).unwrap();
        torn.truncate(torn.len() - 3);
        std::fs::write(&path, torn).unwrap();
        for known in [Some(known), None] {
            let recovered = Recovered::read(&path, 4, known).unwrap();
            assert_eq!((recovered.note.clone(), epochs(&recovered)), (None, vec![0, 1, 2, 3]));
        }
    }

    #[test]
    fn what_is_not_what_the_run_wrote_is_said_and_used_as_far_as_it_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let (path, known) = log(folder.path());
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let check = |lines: &[&str], known, says: &[&str], kept: &[usize]| {
            std::fs::write(&path, lines.join("\n") + "\n").unwrap();
            let recovered = Recovered::read(&path, 4, known).unwrap();
            let note = recovered.note.clone().unwrap_or_default();
            assert!(says.iter().all(|says| note.contains(says)), "{note}");
            assert_eq!(epochs(&recovered), kept);
            recovered.save().unwrap();
            assert_eq!(MetricsLog::read(&path).unwrap(), recovered.records().unwrap());
        };
        for known in [Some(known), None] {
            check(&[lines[1], lines[0], lines[2], lines[3]], known, &["in order"], &[0, 1, 2, 3]);
            check(&[lines[0], lines[3]], known, &["no line for epoch 2, 3"], &[0, 3]);
            check(
                &[lines[0], "{", lines[2], lines[3]],
                known,
                &["left out (1)", "epoch 2"],
                &[0, 2, 3],
            );
        }
        let edited = lines[1].replace("\"loss\":1.0", "\"loss\":1.5");
        check(
            &[lines[0], &edited, lines[2], lines[3]],
            Some(known),
            &["not what the run wrote"],
            &[0, 1, 2, 3],
        );
        std::fs::remove_file(&path).unwrap();
        let note = Recovered::read(&path, 4, Some(known)).unwrap().note.unwrap();
        assert!(note.contains("metrics.jsonl is missing"), "{note}");
        assert_eq!(Recovered::read(&path, 0, None).unwrap().note, None);
    }
}
