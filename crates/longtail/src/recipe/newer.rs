//! Runs that a later version has written.

use std::{fmt::Display, path::Path};

use super::RecipeError;
use crate::regular;

/// Bytes of the longest summary that is read.
const LARGEST: u64 = 1 << 30;
/// This version.
const OWN: &str = env!("CARGO_PKG_VERSION");

/// The version that wrote the run in `folder`, if that is later than this one.
pub(crate) fn newer_version(folder: &Path) -> Option<String> {
    let json = regular::read(&folder.join("summary.json"), LARGEST).ok()?;
    let summary: serde_json::Value = serde_json::from_slice(&json).ok()?;
    let version = summary.get("longtail_version")?.as_str()?;
    (by_number(version) > by_number(OWN)).then(|| version.to_owned())
}

/// The numbers of a version, such as 0, 12 and 1 of `0.12.1`.
fn by_number(version: &str) -> Vec<u64> {
    let number = |part: &str| part.parse().unwrap_or(0);
    version.split(['.', '-', '+']).take(3).map(number).collect()
}

impl RecipeError {
    /// What is to be said of the run in `folder`, which cannot be read for `reason`, if a later version wrote it.
    pub(crate) fn newer(folder: &Path, reason: impl Display) -> Option<Self> {
        let version = newer_version(folder)?;
        let (path, reason) = (folder.to_owned(), reason.to_string());
        Some(Self::Newer { path, version, own: OWN, reason })
    }

    /// The same error of the recipe of a run, whose file is `recipe`; where a later version wrote that, this is said.
    pub(crate) fn of_run(self, recipe: &Path) -> Self {
        if !matches!(self, Self::Parse { .. } | Self::Value { .. }) {
            return self;
        }
        recipe.parent().and_then(|folder| Self::newer(folder, &self)).unwrap_or(self)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::recipe::{Recipe, RecipeFile};

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        assert!(by_number("0.10.0") > by_number("0.9.3"));
        assert!(by_number("0.1.0-dev") <= by_number("0.1.0"));
        assert!(by_number("nonsense") < by_number("0.0.1"));
    }

    #[test]
    fn what_a_later_version_added_is_not_called_a_slip() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recipe.toml");
        let said = |version: &str, recipe: &str| {
            let summary = format!("{{\"longtail_version\": \"{version}\"}}");
            fs::write(folder.path().join("summary.json"), summary).unwrap();
            fs::write(&path, recipe).unwrap();
            (Recipe::read(&path).unwrap_err(), RecipeFile::read_of_run(&path))
        };
        for recipe in ["[train]\nnew_thing = 3\n", "[method]\nname = \"new\"\n"] {
            let (error, file) = said("9.9.0", recipe);
            assert!(!error.is_usage() && file.is_err_and(|error| !error.is_usage()), "{error}");
            let message = error.to_string();
            assert!(message.contains("written by Longtail 9.9.0, which is newer"), "{message}");
            assert!(message.contains("recipe.toml line 2"), "{message}");
            let (error, _) = said(OWN, recipe);
            assert!(error.is_usage() && !error.to_string().contains("newer"), "{error}");
        }
        // A value that this version does not take.
        let (error, file) = said("9.9.0", "[train]\nepochs = 0\n");
        assert!(error.to_string().contains("9.9.0") && file.is_ok(), "{error}");
    }
}
