//! Folders of images, one sub-folder per class.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{
    DataError, ImageSet, Source, Split,
    decode::{decode_all, is_image_name},
};

/// A data set as loaded, with what a person should know about it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The data set.
    pub source: Source,
    /// What was converted or passed over, one sentence each.
    pub warnings: Vec<String>,
    /// The split that it comes with.
    pub split: Option<Split>,
}

/// The image files of every class.
pub type Classes = BTreeMap<String, Vec<PathBuf>>;

/// The image files of a folder, part by part; the layout is told by the folder's own sub-folders.
#[derive(Debug, Clone, PartialEq)]
pub struct FolderFiles {
    /// Training images, or all of them where the folder has no `train/`.
    pub train: Classes,
    /// Images of `val/`.
    pub val: Option<Classes>,
    /// Images of `test/`.
    pub test: Option<Classes>,
}

/// Reads `dir/CLASS/…`, or `dir/train/CLASS/…` with `val/` and `test/` beside it if they are there,
/// every image brought to `size` × `size` pixels. Classes are the sub-folders' names in order; images
/// stand in the order of their paths.
///
/// # Errors
/// [`DataError`] naming the folder or file and the mend.
pub fn load(dir: &Path, size: usize) -> Result<Loaded, DataError> {
    let files = FolderFiles::find(dir)?;
    let class_names = files.class_names(dir)?;
    let mut warnings = Vec::new();
    let mut read = |classes: &Classes| part(dir, classes, &class_names, size, &mut warnings);
    let pool = read(&files.train)?;
    let val = files.val.as_ref().map(&mut read).transpose()?;
    let test = files.test.as_ref().map(&mut read).transpose()?;
    let name = dir.display().to_string();
    Ok(Loaded { source: Source { name, class_names, pool, val, test }, warnings, split: None })
}

impl FolderFiles {
    /// Finds the images without reading them.
    ///
    /// # Errors
    /// [`DataError::Folder`] if there is no such folder.
    pub fn find(dir: &Path) -> Result<Self, DataError> {
        if !dir.exists() {
            return Err(folder_error(dir, "it does not exist: check --data"));
        }
        if !dir.is_dir() {
            return Err(folder_error(dir, "it is a file: give the folder that holds the classes"));
        }
        let parts = dir.join("train").is_dir();
        let optional = |name: &str| match dir.join(name) {
            part if parts && part.is_dir() => classes(&part).map(Some),
            _ => Ok(None),
        };
        Ok(Self {
            val: optional("val")?,
            test: optional("test")?,
            train: classes(&if parts { dir.join("train") } else { dir.to_owned() })?,
        })
    }

    /// Names of the training classes, after a look at all that would make them useless.
    ///
    /// # Errors
    /// [`DataError::Folder`] for fewer than two classes, an empty one, or one that only `val/` or
    /// `test/` has.
    pub fn class_names(&self, dir: &Path) -> Result<Vec<String>, DataError> {
        let names: Vec<String> = self.train.keys().cloned().collect();
        if let [] | [_] = names[..] {
            let reason = format!(
                "it holds {} class(es), and training needs at least two: one sub-folder of images \
                 per class",
                names.len()
            );
            return Err(folder_error(dir, &reason));
        }
        if let Some((name, _)) = self.train.iter().find(|(_, files)| files.is_empty()) {
            let reason = format!("class \"{name}\" has no image: add some or remove its folder");
            return Err(folder_error(dir, &reason));
        }
        for (part, classes) in [("val", &self.val), ("test", &self.test)] {
            let unknown =
                classes.iter().flatten().find(|(name, _)| !self.train.contains_key(*name));
            if let Some((name, _)) = unknown {
                let reason = format!(
                    "{part}/ has a class \"{name}\" that train/ lacks: remove it or add training \
                     images"
                );
                return Err(folder_error(dir, &reason));
            }
        }
        Ok(names)
    }
}

fn folder_error(path: &Path, reason: &str) -> DataError {
    DataError::Folder { path: path.to_owned(), reason: reason.to_owned() }
}

/// The images of every sub-folder of `dir`.
fn classes(dir: &Path) -> Result<Classes, DataError> {
    let mut classes = Classes::new();
    for entry in entries(dir)? {
        if entry.is_dir() {
            let mut files = Vec::new();
            images_below(&entry, &mut files)?;
            classes.insert(name_of(&entry), files);
        }
    }
    Ok(classes)
}

/// Images in `dir` and below, without following links to folders.
fn images_below(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), DataError> {
    for entry in entries(dir)? {
        if entry.is_dir() {
            if !entry.is_symlink() {
                images_below(&entry, files)?;
            }
        } else if is_image_name(&entry) {
            files.push(entry);
        }
    }
    Ok(())
}

/// What is in `dir` and not hidden, in order.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    let mut entries = read().map_err(|error| DataError::io("read", dir, error))?;
    entries.retain(|path| !name_of(path).starts_with('.'));
    entries.sort();
    Ok(entries)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Decodes the images of one part.
fn part(
    dir: &Path,
    classes: &Classes,
    class_names: &[String],
    size: usize,
    warnings: &mut Vec<String>,
) -> Result<ImageSet, DataError> {
    let (mut paths, mut labels) = (Vec::new(), Vec::new());
    for (label, name) in class_names.iter().enumerate() {
        let files = classes.get(name).map_or(&[][..], Vec::as_slice);
        paths.extend_from_slice(files);
        labels.resize(paths.len(), label as u32);
    }
    let (pixels, said) = decode_all(&paths, size)?;
    warnings.extend(said);
    let relative = |path: &PathBuf| path.strip_prefix(dir).unwrap_or(path).display().to_string();
    let names = paths.iter().map(relative).collect();
    Ok(ImageSet::new(size, size, pixels, labels, names))
}
