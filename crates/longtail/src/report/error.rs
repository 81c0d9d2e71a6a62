use std::{io, path::PathBuf};

use crate::atomic::WriteError;

/// A report or log that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}; check the path, its permissions and the free space", path.display())]
    Io {
        /// What was tried: `read`, `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        r#source: io::Error,
    },
    /// A line of a metrics log is damaged, and whole lines follow it.
    #[error("{}, line {line}: {source}; repair or delete that line", path.display())]
    MetricsLine {
        /// The log.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why it cannot be read.
        r#source: serde_json::Error,
    },
    /// A summary does not hold what a summary holds.
    #[error("{} is no summary of a run ({source}); write it anew with `longtail evaluate`", path.display())]
    Summary {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        r#source: serde_json::Error,
    },
    /// A file does not hold what an analysis holds.
    #[error("{} is no analysis of a run ({source}); write it anew with `longtail evaluate`", path.display())]
    Analysis {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        r#source: serde_json::Error,
    },
    /// A record cannot be written as JSON and read back, such as one with a NaN loss.
    #[error(
        "epoch {epoch}: {field} is {value}, which a metrics log cannot hold; stop the run at the first such step"
    )]
    NotFinite {
        /// The epoch, from 0.
        epoch: usize,
        /// The field of the record.
        field: String,
        /// Its value.
        value: f64,
    },
    /// A model's outputs are not those of the images and classes that they are said to be of.
    #[error("the outputs are not those of {images} images and {classes} classes")]
    Rows {
        /// Number of images.
        images: usize,
        /// Number of classes.
        classes: usize,
    },
    /// A file for a table of predictions says by its ending no format that there is.
    #[error("{}: predictions are written as .csv, .jsonl or .parquet, which the file's ending says", .0.display())]
    Ending(PathBuf),
    /// Logs were asked for of images that are not a run's own.
    #[error(
        "logs hold the figures of a run on its own images, and these are others, or not proven to be its own: leave --log out"
    )]
    LogsOfOther,
    /// Predictions could not be written out.
    #[error("cannot write the predictions: {0}")]
    Predictions(io::Error),
}

impl From<WriteError> for ReportError {
    fn from(WriteError { path, source }: WriteError) -> Self {
        Self::Io { action: "write", path, source }
    }
}

impl ReportError {
    /// A [`ReportError::Io`] for `path`.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
