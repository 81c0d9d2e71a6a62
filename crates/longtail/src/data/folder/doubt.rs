//! Folders that can be read in two ways: as classes, or as parts by another name or in another order.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{Classes, PartName, folder_error, folders, holds_classes, holds_images, quoted};
use crate::data::{
    DataError,
    walk::{self, name_of},
};

/// What to do where folders are called like parts, and are classes.
const AS_CLASSES: &str = "list the images with their classes instead (--data LIST.csv)";

/// The parts whose names stand in `name` as a word: `train_images`, `TestSet`, `val2017`.
fn parts_in(name: &str) -> BTreeSet<PartName> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for char in name.chars() {
        let is_start = char.is_uppercase() && before.is_lowercase();
        if !char.is_alphabetic() || is_start {
            words.push(String::new());
        }
        if let (true, Some(word)) = (char.is_alphabetic(), words.last_mut()) {
            word.push(char);
        }
        before = char;
    }
    words.iter().filter_map(|word| PartName::of(word)).collect()
}

/// Of a training part that may be a class beside `others`.
pub(super) fn part_or_class(dir: &Path, others: &[String]) -> DataError {
    let reason = format!(
        "train/ holds folders, and beside it {} {} images: if train/ is a class, put its images directly \
         into it; if it is the training part, move the others away",
        quoted(others),
        if others.len() == 1 { "holds" } else { "hold" },
    );
    folder_error(dir, &reason)
}

/// Refuses the folder `dir`, which has no parts by their usual names, where its folders are called like parts: all
/// of them, or those that hold folders of the same names.
///
/// # Errors
/// [`DataError::Folder`] with both readings.
pub(super) fn refuse_parts_by_other_names(dir: &Path, all: &[PathBuf]) -> Result<(), DataError> {
    let mut called = Vec::new();
    let mut is_all = true;
    for folder in all {
        let parts = parts_in(&name_of(folder));
        match (parts.len(), holds_images(folder)?) {
            (_, false) => {}
            (1, true) => called.extend(parts.into_iter().map(|part| (part, folder))),
            (_, true) => is_all = false,
        }
    }
    let different: BTreeSet<PartName> = called.iter().map(|(part, _)| *part).collect();
    if different.len() < 2 || !(is_all || share_a_name(&called)?) {
        return Ok(());
    }
    let names: Vec<String> = called.iter().map(|(_, folder)| name_of(folder)).collect();
    let places: Vec<String> = different.iter().map(|part| format!("{part}/CLASS/")).collect();
    let mut renamed = Vec::new();
    for (part, folder) in &called {
        if holds_classes(folder)? && PartName::of(&name_of(folder)).is_none() {
            renamed.push(format!("\"{}\" to \"{part}\"", name_of(folder)));
        }
    }
    let renamed = match renamed.is_empty() {
        true => String::new(),
        false => format!(" (rename {})", renamed.join(", ")),
    };
    let reason = format!(
        "{} are called like parts: if they are parts, their images belong into {}{renamed}; if they are classes, \
         {AS_CLASSES}",
        quoted(&names),
        places.join(" and "),
    );
    Err(folder_error(dir, &reason))
}

/// Whether two of these folders hold a folder of the same name.
fn share_a_name(called: &[(PartName, &PathBuf)]) -> Result<bool, DataError> {
    let mut seen = BTreeSet::new();
    for (_, folder) in called {
        for name in inner_names(folder)? {
            if !seen.insert(name) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn inner_names(folder: &Path) -> Result<Vec<String>, DataError> {
    Ok(folders(folder)?.iter().map(|inner| name_of(inner).to_lowercase()).collect())
}

/// Looks into the classes of a folder without parts: refuses them where their folders are called like parts
/// (`CLASS/train/`, `CLASS/test/`); says so where all hold folders of the same names, which may be the classes.
///
/// # Errors
/// [`DataError::Folder`] with both readings.
pub(super) fn look_into_classes(
    dir: &Path,
    classes: &Classes,
) -> Result<Option<String>, DataError> {
    let mut inner = BTreeMap::new();
    for name in classes.iter().filter(|(_, found)| !found.images.is_empty()).map(|(name, _)| name) {
        let mut folders = folders(&dir.join(name))?;
        let held: Result<Vec<bool>, DataError> = folders.iter().map(|f| holds_images(f)).collect();
        let mut held = held?.into_iter();
        folders.retain(|_| held.next().unwrap_or_default());
        inner.insert(name, folders.iter().map(|folder| name_of(folder)).collect::<BTreeSet<_>>());
    }
    refuse_parts_in_classes(dir, &inner)?;
    let mut all = inner.values();
    let Some(first) = all.next().filter(|first| first.len() > 1 && inner.len() > 1) else {
        return Ok(None);
    };
    Ok(all.all(|names| names == first).then(|| {
        let names: Vec<String> = first.iter().cloned().collect();
        format!(
            "the classes are the folders {}; all of them hold folders called {}, which tell no classes apart here",
            quoted(&inner.keys().map(|name| (*name).clone()).collect::<Vec<_>>()),
            quoted(&names)
        )
    }))
}

fn refuse_parts_in_classes(
    dir: &Path,
    inner: &BTreeMap<&String, BTreeSet<String>>,
) -> Result<(), DataError> {
    let parts = |names: &BTreeSet<String>| -> BTreeSet<PartName> {
        names.iter().flat_map(|name| parts_in(name)).collect()
    };
    let exact = |names: &BTreeSet<String>| names.iter().any(|name| PartName::of(name).is_some());
    let with_two = inner.iter().filter(|(_, names)| parts(names).len() > 1);
    let with_two: Vec<_> = with_two.collect();
    // One class may hold such folders by chance, and not all of them, or several.
    let is_all = inner.len() > 1 && inner.values().all(exact);
    let holds_out = inner.values().any(|names| parts(names).iter().any(|p| *p != PartName::Train));
    let found = match with_two.len() {
        0 | 1 if !(is_all && holds_out) => None,
        0 | 1 => inner.iter().next(),
        _ => with_two.first().copied(),
    };
    let Some((class, names)) = found else { return Ok(()) };
    let moves: Vec<String> = names
        .iter()
        .filter_map(|name| Some((name, parts_in(name).into_iter().next()?)))
        .map(|(name, part)| format!("{class}/{name}/ to {part}/{class}/"))
        .collect();
    let reason = format!(
        "its classes hold folders called like parts: if they are parts, move {} and the other classes' likewise; if \
         all of their images are to train, rename these folders",
        moves.join(", ")
    );
    Err(folder_error(dir, &reason))
}

/// Refuses a folder whose one folder, `name`, holds the parts.
///
/// # Errors
/// [`DataError::Folder`] naming that folder.
pub(super) fn refuse_parts_one_level_deeper(dir: &Path, name: &str) -> Result<(), DataError> {
    let deeper = dir.join(name);
    let mut parts = Vec::new();
    for folder in folders(&deeper)? {
        if PartName::of(&name_of(&folder)).is_some() && holds_classes(&folder)? {
            parts.push(name_of(&folder));
        }
    }
    if parts.is_empty() {
        return Ok(());
    }
    let reason = format!(
        "{} {} one level deeper: say --data {}",
        quoted(&parts),
        if parts.len() == 1 { "stands" } else { "stand" },
        deeper.display()
    );
    Err(folder_error(dir, &reason))
}

/// What to try where a folder has one class: the folder that may hold the classes.
pub(super) fn deeper(class: &Path) -> String {
    let inner = walk::entries(class).unwrap_or_default();
    match inner.iter().filter(|path| path.is_dir()).count() {
        0 | 1 => String::new(),
        _ => format!("; if its folders are the classes, say --data {}", class.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_words_of_names() {
        for (name, parts) in [
            ("train_images", vec![PartName::Train]),
            ("Test_set", vec![PartName::Test]),
            ("TestSet", vec![PartName::Test]),
            ("imgs-VAL", vec![PartName::Val]),
            ("val2017", vec![PartName::Val]),
            ("train-test", vec![PartName::Train, PartName::Test]),
            ("trains", vec![]),
            ("invalid", vec![]),
            ("contest", vec![]),
        ] {
            assert_eq!(parts_in(name).into_iter().collect::<Vec<_>>(), parts, "{name}");
        }
    }
}
