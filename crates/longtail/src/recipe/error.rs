use std::{borrow::Cow, path::PathBuf};

/// A recipe or option that cannot be run. Every message names the culprit and the mend.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// The file cannot be read.
    #[error("cannot read the recipe {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        r#source: std::io::Error,
    },
    /// The file is no recipe.
    #[error("{file} line {line}: {reason}")]
    Parse {
        /// The file.
        file: String,
        /// Line in it, from 1.
        line: usize,
        /// What is wrong, and the mend.
        reason: String,
    },
    /// A value means nothing that can be run.
    #[error("{key} = {value} cannot be used: {mend}")]
    Value {
        /// The key, as `section.key`.
        key: Cow<'static, str>,
        /// What it was set to.
        value: String,
        /// What it has to be.
        mend: String,
    },
    /// A run that a later version wrote and this one cannot read.
    #[error(
        "the run in {} was written by Longtail {version}, which is newer than this one ({own}), and cannot be read: \
         {reason}; use a program as new", path.display()
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
}

impl RecipeError {
    /// Whether what was typed cannot mean anything.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Newer { .. })
    }

    pub(crate) fn value(
        key: impl Into<Cow<'static, str>>,
        value: impl ToString,
        mend: impl Into<String>,
    ) -> Self {
        Self::Value { key: key.into(), value: value.to_string(), mend: mend.into() }
    }
}
