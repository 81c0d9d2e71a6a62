use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Lock, TrainError, lock};

/// The folder of the checkpoints in a run's folder.
const CHECKPOINTS: &str = "checkpoints";

/// Where a new run goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Out {
    /// This folder, which may be there if it is empty.
    At(PathBuf),
    /// A folder in `parent` called `name`, or `name-2`, `name-3` and so on: the first that is not there.
    Free {
        /// Where.
        parent: PathBuf,
        /// What it is called if nothing is.
        name: String,
    },
}

impl Out {
    /// Refuses a folder that is taken.
    ///
    /// # Errors
    /// [`TrainError::Exists`].
    pub fn check_free(&self) -> Result<(), TrainError> {
        match self {
            Self::At(path) => RunFolder::check_free(path),
            Self::Free { .. } => Ok(()),
        }
    }

    /// Makes the folder, which no other process makes as well.
    fn create(&self) -> Result<PathBuf, TrainError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| TrainError::Create { path, source }
        };
        let (parent, name) = match self {
            Self::At(path) => {
                fs::create_dir_all(path).map_err(failed(path))?;
                return Ok(path.clone());
            }
            Self::Free { parent, name } => (parent, name),
        };
        fs::create_dir_all(parent).map_err(failed(parent))?;
        let mut number = 1_u32;
        loop {
            let path = match number {
                1 => parent.join(name),
                _ => parent.join(format!("{name}-{number}")),
            };
            match fs::create_dir(&path) {
                Ok(()) => return Ok(path),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(failed(&path)(error)),
            }
        }
    }
}

/// The folder that holds everything a run makes.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// A new folder, made with its parents, and the right to write into it.
    ///
    /// # Errors
    /// [`TrainError::Exists`] if something is there already (an empty folder may be); [`TrainError::Locked`] if
    /// another process has just begun a run there; [`TrainError::Create`] if it cannot be made.
    pub fn create(out: &Out) -> Result<(Self, Lock), TrainError> {
        out.check_free()?;
        let folder = Self(out.create()?);
        let lock = folder.lock()?;
        // Another process may have been faster, and be done already.
        Self::check_free(folder.path())?;
        let checkpoints = folder.path().join(CHECKPOINTS);
        fs::create_dir_all(&checkpoints)
            .map_err(|source| TrainError::Create { path: checkpoints, source })?;
        Ok((folder, lock))
    }

    /// The right to write into the folder.
    ///
    /// # Errors
    /// [`TrainError::Locked`] if another process has it.
    pub fn lock(&self) -> Result<Lock, TrainError> {
        Lock::take(&self.0)
    }

    /// The same; `None` where nothing can be written into the folder, so that nobody else writes either.
    ///
    /// # Errors
    /// As [`RunFolder::lock`].
    pub fn lock_if_writable(&self) -> Result<Option<Lock>, TrainError> {
        use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        match self.lock() {
            Err(TrainError::Create { source, .. })
                if matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem) =>
            {
                Ok(None)
            }
            taken => taken.map(Some),
        }
    }

    /// Refuses a path that is taken; an empty folder is not, nor one in which a run was interrupted before it began.
    ///
    /// # Errors
    /// [`TrainError::Exists`].
    pub fn check_free(path: &Path) -> Result<(), TrainError> {
        let is_free = match fs::read_dir(path) {
            Ok(entries) => entries.count() == 0 || Self::at(path).is_not_begun(),
            Err(_) => !path.exists(),
        };
        if is_free { Ok(()) } else { Err(TrainError::Exists(path.to_owned())) }
    }

    /// Whether the folder holds no more than [`RunFolder::create`] and what follows it make before there is a run:
    /// the recipe is written last, after the log of a first stage, and a checkpoint comes after it.
    fn is_not_begun(&self) -> bool {
        let is_of_beginning = |entry: fs::DirEntry| match entry.file_name().to_str() {
            Some(
                lock::NAME
                | "split.json"
                | ".split.json.part"
                | "metrics.jsonl"
                | ".metrics.jsonl.part"
                | ".recipe.toml.part",
            ) => true,
            Some(CHECKPOINTS) => {
                fs::read_dir(entry.path()).is_ok_and(|mut files| files.next().is_none())
            }
            _ => false,
        };
        let has_lock = self.0.join(lock::NAME).is_file();
        has_lock
            && fs::read_dir(&self.0)
                .is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(is_of_beginning)))
    }

    /// The folder of a run that was started before.
    ///
    /// # Errors
    /// [`TrainError::NoRun`], [`TrainError::NotBegun`], or [`TrainError::Link`] if its checkpoints are elsewhere.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let folder = Self::at(path);
        if folder.is_not_begun() {
            return Err(TrainError::NotBegun(path.to_owned()));
        }
        let checkpoints = folder.0.join(CHECKPOINTS);
        if checkpoints.is_symlink() {
            return Err(TrainError::Link(checkpoints));
        }
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

    /// Logs for other programs, a folder each.
    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// The final figures.
    pub fn summary(&self) -> PathBuf {
        self.0.join("summary.json")
    }

    /// What the model's outputs tell beyond the final figures.
    pub fn analysis(&self) -> PathBuf {
        self.0.join("analysis.json")
    }

    /// The page.
    pub fn report(&self) -> PathBuf {
        self.0.join("report.html")
    }

    /// What the run calls every image of its test set.
    pub fn predictions(&self) -> PathBuf {
        self.0.join("predictions.csv")
    }

    /// What a search measured on validation images.
    pub fn validation(&self) -> PathBuf {
        self.0.join("validation.json")
    }

    /// Deletes the final figures, the predictions and the page, if they are there.
    ///
    /// # Errors
    /// [`TrainError::Create`] if one cannot be deleted.
    pub fn remove_results(&self) -> Result<(), TrainError> {
        let files = [self.summary(), self.analysis(), self.predictions(), self.report()];
        for path in files.into_iter().chain(self.embedding()) {
            match fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(TrainError::Create { path, source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether weights are there that a training came to.
    pub fn has_weights(&self) -> bool {
        ["last", "best"].iter().any(|which| self.weights(which).symlink_metadata().is_ok())
    }

    /// The picture of the embedding, as SVG and as PNG.
    pub fn embedding(&self) -> [PathBuf; 2] {
        ["embedding.svg", "embedding.png"].map(|name| self.0.join(name))
    }

    /// All that continuing needs.
    pub fn checkpoint(&self) -> PathBuf {
        self.0.join(CHECKPOINTS).join("last.safetensors")
    }

    /// The checkpoint before that.
    pub fn previous_checkpoint(&self) -> PathBuf {
        self.0.join(CHECKPOINTS).join("previous.safetensors")
    }

    /// Weights alone under PyTorch's names, of the `last` or the `best` epoch.
    pub fn weights(&self, which: &str) -> PathBuf {
        self.0.join(CHECKPOINTS).join(format!("weights-{which}.safetensors"))
    }
}
