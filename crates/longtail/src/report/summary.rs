use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{LeftOut, LossParts, ReportError, json};
use crate::{
    choice::choice,
    counted::counted,
    eval::{Evaluation, Group, ShotThresholds},
};

/// `summary.json`: the final figures of a run. Field names are a contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The model after the last epoch.
    pub last: Outcome,
    /// The model after the epoch that validation chose; `None` without a validation set.
    pub best: Option<Best>,
    /// Epochs trained.
    pub epochs: usize,
    /// Epochs of the whole run, which has more where it was stopped; `None` in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_epochs: Option<usize>,
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
    /// The commit that the program was built at; `None` where that is not known, and from earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// What it was trained on; `None` in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware: Option<String>,
    /// What numbers the networks were computed in; `None` from earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    /// Names of the classes that the compression set holds; `None` where the run has no compression
    /// or did not reach it.
    pub compression: Option<Vec<String>>,
    /// Mean loss of the last epoch that ended; `None` in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Means of its parts, unweighted.
    #[serde(default, skip_serializing_if = "LossParts::is_empty")]
    pub loss_parts: LossParts,
    /// The backbone, as recipes name it; `None` in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backbone: Option<String>,
    /// When the run ended, in UTC as RFC 3339 has it; `None` in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    /// Where many-shot ends and few-shot begins; `None` in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shot_thresholds: Option<ShotThresholds>,
    /// Why the figures are not to be relied on, in sentences, such as that the run did not learn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Facts about the data, in sentences: what was held out, what has no test image, what was left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Images that no figure is over, for they could not be read any more; `None` where all could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
}

choice! {
    /// Which of a run's models.
    Weights {
        /// That of the last epoch.
        Last = "last",
        /// That of the epoch that validation chose.
        Best = "best",
    }
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
    /// Whether it was stopped before all epochs were done.
    pub fn is_cut(&self) -> bool {
        self.planned_epochs.is_some_and(|planned| self.epochs < planned)
    }

    /// How long it was trained: `30 epochs`, or `12 of 30 epochs`.
    pub fn length(&self) -> String {
        let of = |epochs| counted(epochs, "epoch", "epochs");
        match self.planned_epochs.filter(|_| self.is_cut()) {
            Some(planned) => format!("{} of {}", self.epochs, of(planned)),
            None => of(self.epochs),
        }
    }

    /// The figures of one of its models; `None` where no epoch was chosen.
    pub fn outcome(&self, weights: Weights) -> Option<&Outcome> {
        match weights {
            Weights::Last => Some(&self.last),
            Weights::Best => self.best.as_ref().map(|best| &best.outcome),
        }
    }

    /// Writes the summary as indented JSON, beside `path` first and then renamed.
    ///
    /// # Errors
    /// If the file cannot be written; an older one is then still there.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ReportError> {
        json::save(serde_json::to_vec_pretty(self), path.as_ref())
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// If the file cannot be read or is no summary.
    ///
    /// ```
    /// use longtail::report::Summary;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("summary.json");
    /// # let text = r#"{"last":{"test":null,"val":null},"best":null,"epochs":30,"steps":900,"seed":0,
    /// #     "split_hash":"","data":"synthetic","method":"bcl","classes":[],"seconds":60.0,
    /// #     "images_per_second":500.0,"longtail_version":"0.1.0","compression":null}"#;
    /// # let summary: Summary = serde_json::from_str(text)?;
    /// summary.save(&path)?;
    /// assert_eq!(Summary::load(&path)?, summary);
    /// # assert_eq!((summary.method.as_str(), summary.epochs), ("bcl", 30));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ReportError> {
        let path = path.as_ref();
        json::load(path, |source| ReportError::Summary { path: path.to_owned(), source })
    }

    /// Labels from head to tail: by training images, equal ones by label.
    pub(super) fn head_to_tail(&self) -> Vec<usize> {
        let mut labels: Vec<_> = (0..self.classes.len()).collect();
        labels.sort_by_key(|&label| std::cmp::Reverse(self.classes[label].train_count));
        labels
    }

    /// How many classes belong to `group`.
    pub(super) fn members(&self, group: Group) -> usize {
        self.classes.iter().filter(|class| class.group == group).count()
    }
}
