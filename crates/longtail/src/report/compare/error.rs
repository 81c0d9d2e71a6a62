use std::path::PathBuf;

use super::Difference;

/// Runs that cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A path at which there is no run.
    #[error("{} holds no run ({missing} is missing); name the folder of a run", path.display())]
    NoRun {
        /// The path.
        path: PathBuf,
        /// What makes a run of a folder.
        missing: &'static str,
    },
    /// A run that has no final figures yet.
    #[error(
        "the run in {path} is unfinished: it has no summary.json and has done {done} of {epochs} epochs; finish it with \
         `longtail train --resume --out {path}`, or leave it out", path = path.display()
    )]
    Unfinished {
        /// Its folder.
        path: PathBuf,
        /// Epochs in its log.
        done: usize,
        /// Epochs that it was to be trained for.
        epochs: usize,
    },
    /// A file of a run that a later version wrote and this one cannot read.
    #[error(
        "the run in {} was written by Longtail {version}, which is newer than this one ({own}), and cannot be read: \
         {reason}; compare with a program as new", path.display()
    )]
    Newer {
        /// Its folder.
        path: PathBuf,
        /// The version that wrote it.
        version: String,
        /// This version.
        own: &'static str,
        /// What cannot be read.
        reason: String,
    },
    /// Predictions cannot be compared.
    #[error(transparent)]
    Eval(#[from] crate::eval::EvalError),
    /// There is nothing to compare.
    #[error("no run was named")]
    Nothing,
    /// Two runs that are no two samples.
    #[error(
        "{first} and {second} are runs of one recipe with the same seed ({seed}), which count as one: leave one of them out"
    )]
    SameSeed {
        /// One run.
        first: String,
        /// The other.
        second: String,
        /// Their seed.
        seed: u64,
    },
    /// Runs without the figures that were asked for.
    #[error("{runs} has no figures of its {weights} epoch{why}: leave it out{mend}")]
    NoFigures {
        /// The runs.
        runs: String,
        /// `last` or `best`.
        weights: crate::report::Weights,
        /// Why, in words that follow the sentence.
        why: &'static str,
        /// What helps beside leaving it out.
        mend: &'static str,
    },
    /// A baseline that is none of the runs.
    #[error("--baseline {name} is no run or method of this comparison: name one of {known}")]
    Baseline {
        /// What was named.
        name: String,
        /// What can be.
        known: String,
    },
    /// A baseline that several recipes share.
    #[error(
        "--baseline {name} is ambiguous, as {rows} are of that method: name a run of the one that is meant"
    )]
    Ambiguous {
        /// What was named.
        name: String,
        /// What it may be.
        rows: String,
    },
    /// Runs whose figures do not say which of their methods is better.
    #[error(
        "these runs were not made on the same terms: {}; leave some out, or compare them all the same with --across-splits, which says so beside every figure",
        Difference::list(.0)
    )]
    Mixed(Vec<Difference>),
}

impl CompareError {
    /// Whether what was typed cannot mean anything.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Nothing | Self::Baseline { .. } | Self::Ambiguous { .. })
    }
}
