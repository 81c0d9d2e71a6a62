use std::path::{Path, PathBuf};

use super::{
    Cifar, DataError, Holdout, Integrity, Lists, Loaded, SplitRequest, Synthetic, folder, list,
};
use crate::recipe::{Data, Val};

/// Where `data fetch` puts archives, and where they are looked for when nothing else is said.
pub const DEFAULT_DIR: &str = "data";

/// Loads the data set that a recipe names.
///
/// # Errors
/// [`DataError`] naming the file or folder and the mend.
pub fn open(data: &Data) -> Result<Loaded, DataError> {
    let cifar = |cifar: Cifar| {
        let dir = given(&data.dir).unwrap_or_else(|| PathBuf::from(DEFAULT_DIR));
        let integrity = if data.any_content { Integrity::Any } else { Integrity::Official };
        let source = cifar.load(&dir, integrity)?;
        Ok(Loaded { source, warnings: cifar.note(integrity).into_iter().collect() })
    };
    match (data.name.as_str(), lists(data)) {
        (_, Some(lists)) => list::load(&lists, data.image_size),
        ("synthetic", None) => {
            Ok(Loaded { source: Synthetic::default().source(), warnings: Vec::new() })
        }
        ("cifar10-lt", None) => cifar(Cifar::Ten),
        ("cifar100-lt", None) => cifar(Cifar::Hundred),
        (folder, None) => folder::load(Path::new(folder), data.image_size),
    }
}

/// The lists that a recipe names: `train_list`, or `name` if it is a file.
pub fn lists(data: &Data) -> Option<Lists> {
    let named = Some(PathBuf::from(&data.name)).filter(|path| path.is_file());
    Some(Lists {
        train: given(&data.train_list).or(named)?,
        val: given(&data.val_list),
        test: given(&data.test_list),
        root: given(&data.dir),
    })
}

/// What split a recipe asks for.
pub fn split_request(data: &Data) -> SplitRequest {
    SplitRequest {
        imbalance: (data.imbalance > 0.0).then_some(data.imbalance),
        seed: data.split_seed,
        holdout: match data.val {
            Val::None => Holdout::None,
            Val::Auto => Holdout::Auto,
            Val::PerClass(count) => Holdout::PerClass(count),
        },
    }
}

/// A path that is not empty.
fn given(path: &Path) -> Option<PathBuf> {
    (!path.as_os_str().is_empty()).then(|| path.to_owned())
}
