use std::path::PathBuf;

/// A data set, split or image that cannot be read or used. Every message names the culprit and the
/// remedy.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A setting of `[data]` that means nothing that can be opened.
    #[error("{key} = {value} cannot be used: {mend}")]
    Setting {
        /// The key, as `section.key`.
        key: &'static str,
        /// What it was set to.
        value: String,
        /// What it has to be.
        mend: String,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `create`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        r#source: std::io::Error,
    },
    // Archives and splits.
    /// An imbalance factor that no subset has.
    #[error("imbalance {factor} cannot be used: {reason}")]
    Imbalance {
        /// The factor.
        factor: f64,
        /// Why, and what can.
        reason: String,
    },
    /// A seed that NumPy does not take.
    #[error("split seed {seed} cannot be used: choose one from 0 to 4294967295")]
    SplitSeed {
        /// The seed.
        seed: u64,
    },
    /// More validation images than a class has.
    #[error(
        "--val {val} would leave too few images of class \"{class}\" to train on, which has {available}: choose \
         {most} or less, a share such as --val 10%, or --val none"
    )]
    Holdout {
        /// Images asked for.
        val: usize,
        /// The class.
        class: String,
        /// Images it has.
        available: usize,
        /// Most images that it could give.
        most: usize,
    },
    /// A hold-out from a set with validation images of its own.
    #[error("{data} brings validation images of its own: leave --val out, or say --val none")]
    OwnValidation {
        /// The data set.
        data: String,
    },
    /// A split file that cannot be used.
    #[error("the split {} cannot be used: {reason}", path.display())]
    Split {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A split of another data set.
    #[error(
        "the split was made of other data ({what} deviate): choose the data it was made of, or make \
         a new one with `longtail data split`"
    )]
    SplitDeviates {
        /// What differs.
        what: String,
    },
    /// A split of images in memory for the same on disk, or the other way round.
    #[error(
        "{}", match on_disk {
            true => "the split was made of images in memory, which their content identifies, and these stay on disk, where \
                     names and lengths do: leave --cache and --storage disk out (--storage memory), or make a new split \
                     with `longtail data split`",
            false => "the split was made of images on disk, which names and lengths identify, and these are in memory, where \
                      their content does: say --storage disk, or make a new split with `longtail data split`",
        }
    )]
    SplitStorage {
        /// Whether it is the images that stay on disk.
        on_disk: bool,
    },
    /// A pack that cannot be used.
    #[error("the pack {} cannot be used: {reason}", path.display())]
    Pack {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A data set that is not where it should be.
    #[error("{data} is not at {}: {mend}", path.display())]
    Missing {
        /// The data set.
        data: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// Where to put it.
        mend: String,
    },
    /// An archive that is damaged or no CIFAR archive.
    #[error("{} is no usable {data} archive: {reason}", path.display())]
    Archive {
        /// The data set.
        data: &'static str,
        /// The archive or folder.
        path: PathBuf,
        /// What is wrong, and the remedy.
        reason: String,
    },
    /// A download that failed.
    #[error(
        "cannot download {url}: {reason}; or download it by hand and put it at {}",
        path.display()
    )]
    Fetch {
        /// What was asked for.
        url: String,
        /// Where it belongs.
        path: PathBuf,
        /// Why it failed.
        reason: String,
    },
    // Folders and lists.
    /// A folder that is no data set.
    #[error("{} cannot be used as a data set: {reason}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why, and the remedy.
        reason: String,
    },
    /// A large file of images that cannot be used.
    #[error("{} cannot be used: {reason}", path.display())]
    Shard {
        /// The file.
        path: PathBuf,
        /// Why, and the remedy.
        reason: String,
    },
    /// An image that cannot be read.
    #[error("{} cannot be read as an image: {reason}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Images of a data set that cannot be read.
    #[error(
        "{} cannot be read as images: {}; mend or remove them, or leave them out with --skip-broken (a run that has begun \
         goes on once they are mended: without them it is a new run, with another --out)",
        count_files(faults.len()),
        first_of(faults)
    )]
    Images {
        /// What is wrong with each.
        faults: Vec<String>,
    },
    /// Images that do not fit in memory.
    #[error("{0}")]
    Memory(String),
    /// A list that is not there.
    #[error(
        "cannot read {}: it does not exist; check its name, or say where it lies now (with --train-list, --val-list or \
         --test-list; with --data-dir, if lists and images moved together since a run)",
        path.display()
    )]
    NoList {
        /// The list.
        path: PathBuf,
    },
    /// A line of a list that means nothing.
    #[error("{} line {line}: {reason}", list.display())]
    List {
        /// The list.
        list: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and the remedy.
        reason: String,
    },
    /// A list that names files which are not there.
    #[error(
        "{} line {line}: {} does not exist{}; correct the list, or say with --data-dir where its \
         paths start",
        list.display(),
        path.display(),
        more_files(*more)
    )]
    ListedFile {
        /// The list.
        list: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The file.
        path: PathBuf,
        /// How many others there are.
        more: usize,
    },
}

/// Broken files that are named in one sentence.
const NAMED: usize = 20;

fn count_files(count: usize) -> String {
    if count == 1 { "1 file".into() } else { format!("{count} files") }
}

fn first_of(faults: &[String]) -> String {
    let more = faults.len().saturating_sub(NAMED);
    let more = if more == 0 {
        String::new()
    } else {
        format!("; and {more} more, which `longtail data stats` lists")
    };
    faults[..faults.len().min(NAMED)].join("; ") + &more
}

fn more_files(more: usize) -> String {
    if more == 0 { String::new() } else { format!(", nor do {more} more of its files") }
}

impl DataError {
    pub(super) fn setting(
        key: &'static str,
        value: impl ToString,
        mend: impl Into<String>,
    ) -> Self {
        Self::Setting { key, value: value.to_string(), mend: mend.into() }
    }

    /// What is wrong with each of the images that cannot be read, else the whole sentence.
    pub(crate) fn reasons(self) -> Vec<String> {
        match self {
            Self::Images { faults } => faults,
            other => vec![other.to_string()],
        }
    }

    /// An [`DataError::Io`] for `path`.
    pub fn io(action: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        let path = path.into();
        Self::Io { action, path, source }
    }
}
