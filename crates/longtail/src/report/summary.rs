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
    /// Seconds of them that were spent waiting for batches.
    #[serde(default)]
    pub waited: f64,
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

impl Best {
    /// Which epoch it is, for people: `epoch 5 of 30`, or that the run stopped within it.
    pub fn epoch_of(&self, epochs: usize) -> String {
        let epoch = self.epoch + 1;
        if epoch > epochs {
            return format!("epoch {epoch}, in which the run stopped");
        }
        format!("epoch {epoch} of {epochs}")
    }
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
            (Set::Test, Model::Last, self.last.test.as_ref()),
            (Set::Test, Model::Best, best.and_then(|best| best.test.as_ref())),
            (Set::Val, Model::Last, self.last.val.as_ref()),
            (Set::Val, Model::Best, best.and_then(|best| best.val.as_ref())),
        ];
        let known = columns.into_iter().filter_map(|(set, model, evaluation)| {
            Some(Column { set, model, evaluation: evaluation? })
        });
        known.collect()
    }

    /// How many classes belong to `group`.
    pub(super) fn members(&self, group: Group) -> usize {
        self.classes.iter().filter(|class| class.group == group).count()
    }
}

/// The images that figures are measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    Test,
    Val,
}

impl Set {
    pub fn name(self) -> &'static str {
        match self {
            Self::Test => "test set",
            Self::Val => "validation set",
        }
    }
}

/// The model that figures are measured of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model {
    Last,
    Best,
}

impl Model {
    pub fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Best => "best",
        }
    }
}

/// One column of figures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column<'a> {
    pub set: Set,
    pub model: Model,
    pub evaluation: &'a Evaluation,
}

impl Column<'_> {
    /// What stands above it, such as `val best`.
    pub fn title(&self) -> String {
        let set = match self.set {
            Set::Test => "test",
            Set::Val => "val",
        };
        format!("{set} {}", self.model.name())
    }

    /// The accuracy of one class; `None` where the set has no image of it.
    pub fn class(&self, label: usize) -> Option<f64> {
        self.evaluation.per_class.get(label).copied().flatten()
    }
}

/// A figure over all classes: its name and where it stands in an evaluation.
type Mean = (&'static str, fn(&Evaluation) -> f64);

/// The figures over all classes, in the order in which every table shows them.
pub(super) const MEANS: [Mean; 4] = [
    ("top-1", |figures| figures.top1),
    ("arithmetic mean", |figures| figures.arithmetic_mean),
    ("harmonic mean", |figures| figures.harmonic_mean),
    ("worst class", |figures| figures.worst_class),
];

/// An accuracy in percent with one decimal, or a dash.
pub(super) fn percent(accuracy: Option<f64>) -> String {
    accuracy.map_or_else(|| "–".to_owned(), |accuracy| format!("{:.1}%", accuracy * 100.0))
}
