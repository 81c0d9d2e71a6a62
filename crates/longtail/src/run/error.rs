use std::path::PathBuf;

/// What was asked for of several runs and cannot be done. Every message names the culprit and the mend.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A search without anything to choose on.
    #[error(
        "a search chooses on validation images, and there are none: leave --val none out, or give a --val-list"
    )]
    NoValidation,
    /// A search that would choose on test images.
    #[error(
        "compression.criterion_set = \"test\" looks at test images while a run trains, so that a search would choose on \
         them: take \"val\" or \"train\""
    )]
    LooksAtTest,
    /// A knob that cannot be turned.
    #[error("--knob {typed} cannot be used: {mend}")]
    Knob {
        /// What was typed.
        typed: String,
        /// What it has to be.
        mend: String,
    },
    /// A number of candidates or a schedule of halving that means nothing.
    #[error("{option} {value} cannot be used: {mend}")]
    Option {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What it has to be.
        mend: String,
    },
    /// No candidate came to its end.
    #[error("none of the candidates in {} has figures, for all of them diverged: choose other values", .0.display())]
    NoCandidate(PathBuf),
    /// A target that there is none of.
    #[error("there is no target \"{target}\"; {mend}")]
    Target {
        /// What was typed.
        target: String,
        /// What there is.
        mend: String,
    },
    /// Nothing of what was asked for can be run.
    #[error("nothing of this can be run: {reason}")]
    Nothing {
        /// Why.
        reason: String,
    },
    /// A search in the folder of another one.
    #[error(
        "{} holds another search ({difference}), whose figures would be gone: choose another --out", path.display()
    )]
    OtherSearch {
        /// The folder.
        path: PathBuf,
        /// What that search has and this one has not.
        difference: String,
    },
    /// Candidates that would all be the same run.
    #[error(
        "{knobs} without effect on {method}: all candidates would be one and the same run; {mend}"
    )]
    WithoutEffect {
        /// What is turned.
        knobs: String,
        /// The method.
        method: String,
        /// What it has an effect on.
        mend: String,
    },
    /// A result in the place of a file that would be lost.
    #[error("{} is {what}, and would be gone: give {option} another name", path.display())]
    Spared {
        /// The option that names the file.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A file that cannot be made.
    #[error("cannot write the figures: {reason}")]
    Written {
        /// Why.
        reason: String,
    },
}

impl RunError {
    /// Whether what was typed cannot mean anything.
    pub fn is_usage(&self) -> bool {
        !matches!(
            self,
            Self::NoCandidate(_)
                | Self::Written { .. }
                | Self::OtherSearch { .. }
                | Self::Spared { .. }
        )
    }
}
