use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use super::{ReportError, atomic};
use crate::eval::{Evaluation, Group, ShotThresholds};

/// `summary.json`: the final figures of a run. Field names are a contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The model after the last epoch.
    pub last: Outcome,
    /// The model after the epoch that validation chose; `None` without a validation set.
    pub best: Option<Best>,
    /// Epochs trained.
    pub epochs: usize,
    /// Optimizer steps taken.
    pub steps: u64,
    /// The seed of everything but the split.
    pub seed: u64,
    /// The hash of `split.json`.
    pub split_hash: String,
    /// The data set, as recipes name it.
    pub data: String,
    /// The method, as recipes name it.
    pub method: String,
    /// The classes, by label.
    pub classes: Vec<ClassInfo>,
    /// Seconds of training, over all sessions of a resumed run.
    pub seconds: f64,
    /// Training images per second, over the whole run.
    pub images_per_second: f64,
    /// The version of Longtail that trained.
    pub longtail_version: String,
    /// Names of the classes that the compression set holds; `None` where the run has no compression
    /// or did not reach it.
    pub compression: Option<Vec<String>>,
}

/// The figures of one model; `None` where there is no such set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// On the test set, which is only ever reported on.
    pub test: Option<Evaluation>,
    /// On the validation set.
    pub val: Option<Evaluation>,
}

/// The figures of the model that validation chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The chosen epoch, from 0.
    pub epoch: usize,
    /// Its figures.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A class as training saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassInfo {
    /// Its name.
    pub name: String,
    /// Its training images.
    pub train_count: usize,
    /// Its group by training images.
    pub group: Group,
}

impl ClassInfo {
    /// All classes, by label.
    ///
    /// Names and counts beyond the shorter of the two lists are left out.
    pub fn list(names: &[String], train_counts: &[usize], shots: &ShotThresholds) -> Vec<Self> {
        let classes = names.iter().zip(train_counts);
        classes
            .map(|(name, &train_count)| Self {
                name: name.clone(),
                train_count,
                group: shots.group(train_count),
            })
            .collect()
    }
}

impl Summary {
    /// Writes the summary as indented JSON, beside `path` first and then renamed.
    ///
    /// # Errors
    /// If the file cannot be written; an older one is then still there.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ReportError> {
        let path = path.as_ref();
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|error| ReportError::io("write", path)(error.into()))?;
        json.push(b'\n');
        atomic::write(path, &json)
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// If the file cannot be read or is no summary.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ReportError> {
        let path = path.as_ref();
        let json = fs::read(path).map_err(ReportError::io("read", path))?;
        serde_json::from_slice(&json)
            .map_err(|source| ReportError::Summary { path: path.to_owned(), source })
    }

    /// Labels from head to tail: by training images, equal ones by label.
    pub(super) fn head_to_tail(&self) -> Vec<usize> {
        let mut labels: Vec<_> = (0..self.classes.len()).collect();
        labels.sort_by_key(|&label| std::cmp::Reverse(self.classes[label].train_count));
        labels
    }

    /// The columns of every table: each set that the run has, with its last and its best figures.
    pub(super) fn columns(&self) -> Vec<Column<'_>> {
        let best = self.best.as_ref().map(|best| &best.outcome);
        let columns = [
            ("test", "last", self.last.test.as_ref()),
            ("test", "best", best.and_then(|best| best.test.as_ref())),
            ("val", "last", self.last.val.as_ref()),
            ("val", "best", best.and_then(|best| best.val.as_ref())),
        ];
        columns
            .into_iter()
            .filter_map(|(set, model, evaluation)| {
                evaluation.map(|evaluation| Column { set, model, evaluation })
            })
            .collect()
    }
}

/// One column of figures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column<'a> {
    /// `test` or `val`.
    pub set: &'static str,
    /// `last` or `best`.
    pub model: &'static str,
    /// The figures.
    pub evaluation: &'a Evaluation,
}

impl Column<'_> {
    /// The accuracy of one class; `None` where the set has no image of it.
    pub fn class(&self, label: usize) -> Option<f64> {
        self.evaluation.per_class.get(label).copied().flatten()
    }
}

/// A row of figures that sum up all classes: its name and its value in each column.
type Figure = (&'static str, fn(&Evaluation) -> Option<f64>);

/// The summary figures of every table, in the order in which they are shown. All are accuracies.
pub(super) const FIGURES: [Figure; 7] = [
    ("top-1", |figures| Some(figures.top1)),
    ("arithmetic mean", |figures| Some(figures.arithmetic_mean)),
    ("harmonic mean", |figures| Some(figures.harmonic_mean)),
    ("worst class", |figures| Some(figures.worst_class)),
    ("many", |figures| figures.many),
    ("medium", |figures| figures.medium),
    ("few", |figures| figures.few),
];

/// An accuracy in percent with one decimal, or a dash.
pub(super) fn percent(accuracy: Option<f64>) -> String {
    accuracy.map_or_else(|| "–".to_owned(), |accuracy| format!("{:.1}%", accuracy * 100.0))
}
