use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{ReportError, json};
use crate::eval::Analysis;

/// `analysis.json`: what the run's model is like beyond its final figures. Field names are a contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analyses {
    /// The images that it is computed of.
    pub set: AnalysedSet,
    /// The hash of `split.json`.
    pub split_hash: String,
    /// The model after the last epoch.
    pub last: Analysis,
    /// The model after the epoch that validation chose; `None` without a validation set.
    pub best: Option<BestAnalysis>,
}

/// A set of images that a model is analysed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnalysedSet {
    /// The test set.
    Test,
    /// The validation set, where there is no test set.
    Val,
}

/// The model that validation chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestAnalysis {
    /// The chosen epoch, from 0.
    pub epoch: usize,
    /// What it is like.
    #[serde(flatten)]
    pub analysis: Analysis,
}

impl Analyses {
    /// Writes it as JSON, beside `path` first and then renamed.
    ///
    /// # Errors
    /// If the file cannot be written; an older one is then still there.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ReportError> {
        json::save(serde_json::to_vec(self), path.as_ref())
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// If the file cannot be read or is no analysis.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ReportError> {
        let path = path.as_ref();
        json::load(path, |source| ReportError::Analysis { path: path.to_owned(), source })
    }
}
