//! What `--data` names, parsed once.

use std::path::{Path, PathBuf};

pub use super::known::is_known;
use super::{
    Cifar, CifarName, Data, DataError, Lists,
    known::{SYNTHETIC, nearest},
    pack,
    shards::{self, Shards},
    walk,
};

/// Where the images come from.
#[derive(Debug, Clone, PartialEq)]
pub enum DataSource {
    /// The built-in set.
    Synthetic,
    /// CIFAR-10 or CIFAR-100, in the files at a path.
    Cifar(Cifar, PathBuf),
    /// A file of `data pack`.
    Pack(PathBuf),
    /// List files.
    Lists(Lists),
    /// Tar archives or Parquet files of images.
    Shards(Shards),
    /// A folder of class folders.
    Folder(PathBuf),
}

impl DataSource {
    /// What a section names. A path wins over a name that is near a known one.
    ///
    /// # Errors
    /// [`DataError::Setting`] for an option that this source does not look at, and for a name that is no path and
    /// near a known one.
    pub fn of(data: &Data) -> Result<Self, DataError> {
        if let Some(pack) = given(&data.dir).filter(|path| pack::is_pack(path)) {
            return Ok(Self::Pack(pack));
        }
        refuse_archives_as_lists(data)?;
        if given(&data.train_list).is_none()
            && let Some(shards) = Shards::at(Path::new(&data.name))?
        {
            for (key, list) in
                [("data.val_list", &data.val_list), ("data.test_list", &data.test_list)]
            {
                if let Some(list) = given(list) {
                    let mend = "the parts of archives are told by their names (train-…, val-…, test-…): leave it out";
                    return Err(DataError::setting(key, list.display(), mend));
                }
            }
            return Ok(Self::Shards(shards));
        }
        if let Some(lists) = lists(data) {
            return Ok(Self::Lists(lists));
        }
        if let Some(CifarName { cifar, .. }) = Cifar::of_name(&data.name) {
            let dir = given(&data.dir).unwrap_or_else(|| PathBuf::from(super::DEFAULT_DIR));
            return Ok(Self::Cifar(cifar, dir));
        }
        if let Some(dir) = given(&data.dir) {
            let mend = match data.name.as_str() {
                SYNTHETIC => "the built-in images need no files: leave --data-dir out",
                _ => {
                    "a folder is named by --data itself: say there where it is, and leave --data-dir out"
                }
            };
            return Err(DataError::setting("data.dir", dir.display(), mend));
        }
        if data.name == SYNTHETIC {
            return Ok(Self::Synthetic);
        }
        if data.name.is_empty() {
            let mend = "name a folder, a list or a known data set (--data)";
            return Err(DataError::setting("data.name", "\"\"", mend));
        }
        let path = Path::new(&data.name);
        match nearest(&data.name).filter(|_| !path.exists()) {
            Some(nearest) => {
                let mend =
                    format!("there is no such folder; the nearest data set is \"{nearest}\"");
                Err(DataError::setting("data.name", &data.name, mend))
            }
            None => Ok(Self::Folder(path.to_owned())),
        }
    }
}

/// Refuses archives in the place of lists.
fn refuse_archives_as_lists(data: &Data) -> Result<(), DataError> {
    let lists = [
        ("data.train_list", &data.train_list),
        ("data.val_list", &data.val_list),
        ("data.test_list", &data.test_list),
    ];
    match lists.into_iter().find(|(_, list)| shards::is_shard(list)) {
        None => Ok(()),
        Some((key, list)) => {
            let mend = "it is an archive and no list: say --data with the folder of the archives, which tell their parts by \
                        their names (train-…, val-…, test-…), or with one of them";
            Err(DataError::setting(key, list.display(), mend))
        }
    }
}

/// Whether a section names people's own images, a folder, lists or a pack of them, and no known data set.
pub fn is_own(data: &Data) -> bool {
    !is_known(&data.name) || given(&data.train_list).is_some()
}

/// The lists that a section names: `train_list`, or `name` if it is a file.
pub fn lists(data: &Data) -> Option<Lists> {
    let named =
        Some(PathBuf::from(&data.name)).filter(|path| path.is_file() && !shards::is_shard(path));
    Some(Lists {
        train: given(&data.train_list).or(named)?,
        val: given(&data.val_list),
        test: given(&data.test_list),
        root: given(&data.dir),
    })
}

/// A path that is not empty.
pub fn given(path: &Path) -> Option<PathBuf> {
    (!path.as_os_str().is_empty()).then(|| path.to_owned())
}

/// How people call the data of a section: its name, or the folder's or list's own.
pub fn title(data: &Data) -> String {
    match lists(data) {
        Some(lists) => walk::name_of(&lists.train),
        None if is_known(&data.name) => data.name.clone(),
        None => super::folder::title(Path::new(&data.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Recipe, RecipeFile};

    fn source(text: &str) -> Result<DataSource, String> {
        let layer = RecipeFile::parse(&format!("[data]\n{text}\n"), "t").unwrap();
        let recipe = Recipe::resolve(&[layer]).map_err(|error| error.to_string())?.0;
        DataSource::of(&recipe.data).map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_known_and_misspelt_ones_answered() {
        assert_eq!(source("name = \"synthetic\"").unwrap(), DataSource::Synthetic);
        let cifar = DataSource::Cifar(Cifar::Hundred, "data".into());
        assert_eq!(source("name = \"cifar100\"").unwrap(), cifar);
        for (typed, known) in [
            ("CIFAR10-LT", "cifar10-lt"),
            ("cifar-10", "cifar10"),
            ("Cifar_100_LT", "cifar100-lt"),
            ("cifar100lt", "cifar100-lt"),
            ("sinthetic", "synthetic"),
        ] {
            let message = source(&format!("name = {typed:?}")).unwrap_err();
            assert!(message.contains(&format!("nearest data set is \"{known}\"")), "{message}");
        }
        let folder = DataSource::Folder("vehicles".into());
        assert_eq!(source("name = \"vehicles\"").unwrap(), folder);
    }

    #[test]
    fn a_place_of_files_that_nothing_looks_at_is_refused() {
        for name in ["synthetic", "photos"] {
            let message = source(&format!("name = {name:?}\ndir = \"elsewhere\"")).unwrap_err();
            assert!(message.contains("elsewhere") && message.contains("--data-dir"), "{message}");
        }
    }
}
