use std::path::{Path, PathBuf};

use super::{
    Cifar, DataError, Holdout, Integrity, Lists, Loaded, Split, SplitRequest, Synthetic, folder,
    list, pack,
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
        let warnings = cifar.note(integrity).into_iter().collect();
        Ok(Loaded { source, warnings, split: None })
    };
    if let Some(pack) = given(&data.dir).filter(|path| pack::is_pack(path)) {
        return pack::load(&pack, data);
    }
    match (data.name.as_str(), lists(data)) {
        (_, Some(lists)) => list::load(&lists, data.image_size),
        ("synthetic", None) => {
            let source = Synthetic::default().source();
            Ok(Loaded { source, warnings: Vec::new(), split: None })
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

/// The split that a recipe asks for, and what a person should know about it: the one that it names, the one
/// that the data came with, or a new one.
///
/// # Errors
/// [`DataError`] for a split that cannot be read or made, or is of other data.
pub fn split_of(loaded: &Loaded, data: &Data) -> Result<(Split, Vec<String>), DataError> {
    match (given(&data.split), &loaded.split) {
        (Some(path), _) => {
            let split = Split::load(&path)?;
            split.check(&loaded.source)?;
            Ok((split, Vec::new()))
        }
        (None, Some(packed)) => Ok((packed.clone(), Vec::new())),
        (None, None) => Split::make(&loaded.source, &split_request(data)),
    }
}

/// What split a recipe asks for where none is given.
fn split_request(data: &Data) -> SplitRequest {
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
