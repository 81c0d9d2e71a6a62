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
}

impl RecipeError {
    pub(crate) fn value(
        key: impl Into<Cow<'static, str>>,
        value: impl ToString,
        mend: impl Into<String>,
    ) -> Self {
        Self::Value { key: key.into(), value: value.to_string(), mend: mend.into() }
    }
}
