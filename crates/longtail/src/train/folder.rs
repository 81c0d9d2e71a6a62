use std::{
    fs,
    path::{Path, PathBuf},
};

use super::TrainError;

/// The folder that holds everything a run makes.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// A new folder, made with its parents.
    ///
    /// # Errors
    /// [`TrainError::Exists`] if something is there already (an empty folder may be);
    /// [`TrainError::Create`] if it cannot be made.
    pub fn create(path: &Path) -> Result<Self, TrainError> {
        Self::check_free(path)?;
        let folder = Self(path.to_owned());
        let checkpoints = path.join("checkpoints");
        fs::create_dir_all(&checkpoints)
            .map_err(|source| TrainError::Create { path: checkpoints, source })?;
        Ok(folder)
    }

    /// Refuses a path that is taken; an empty folder is not.
    ///
    /// # Errors
    /// [`TrainError::Exists`].
    pub fn check_free(path: &Path) -> Result<(), TrainError> {
        let taken = match fs::read_dir(path) {
            Ok(mut entries) => entries.next().is_some(),
            Err(_) => path.exists(),
        };
        if taken { Err(TrainError::Exists(path.to_owned())) } else { Ok(()) }
    }

    /// The folder of a run that was started before.
    ///
    /// # Errors
    /// [`TrainError::NoRun`].
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let folder = Self::at(path);
        for (file, missing) in [(folder.recipe(), "recipe.toml"), (folder.split(), "split.json")] {
            if !file.is_file() {
                return Err(TrainError::NoRun { path: path.to_owned(), missing });
            }
        }
        Ok(folder)
    }

    /// The folder at `path`, whatever is there.
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The complete recipe.
    pub fn recipe(&self) -> PathBuf {
        self.0.join("recipe.toml")
    }

    /// Which images train, validate and test.
    pub fn split(&self) -> PathBuf {
        self.0.join("split.json")
    }

    /// One line per epoch.
    pub fn metrics(&self) -> PathBuf {
        self.0.join("metrics.jsonl")
    }

    /// The final figures.
    pub fn summary(&self) -> PathBuf {
        self.0.join("summary.json")
    }

    /// The page.
    pub fn report(&self) -> PathBuf {
        self.0.join("report.html")
    }

    /// Deletes the final figures and the page, if they are there.
    ///
    /// # Errors
    /// [`TrainError::Create`] if one cannot be deleted.
    pub fn remove_results(&self) -> Result<(), TrainError> {
        for path in [self.summary(), self.report()] {
            match fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(TrainError::Create { path, source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// All that continuing needs.
    pub fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoints").join("last.safetensors")
    }

    /// Weights alone under PyTorch's names, of the `last` or the `best` epoch.
    pub fn weights(&self, which: &str) -> PathBuf {
        self.0.join("checkpoints").join(format!("weights-{which}.safetensors"))
    }
}
