//! Classes of archives in which folders say them. As on disk, these are the outermost folders that are several, and an image
//! belongs to the one that it lies in at any depth.

use std::{collections::BTreeSet, path::Path};

use super::{Found, Read, part_of};
use crate::data::walk::name_of;

/// Labels the images of training, validation and test that have no label of their own.
pub(super) fn label([train, val, test]: [&mut Vec<Read>; 3]) {
    let Some(depths) = Depths::of(train) else { return };
    let depth = depths.common.min(depths.least - 1);
    assign(train, depth);
    let images = train.iter().flat_map(|read| &read.found);
    let classes: BTreeSet<String> = images.map(|found| found.label.clone()).collect();
    for part in [val, test] {
        // Another part may have other folders around its classes.
        let Some(depths) = Depths::of(part) else { continue };
        let depth = (0..depths.least).find(|&depth| is_known(part, depth, &classes));
        assign(part, depth.unwrap_or(depths.common.min(depths.least - 1)));
    }
}

/// How deep the images of a part lie.
struct Depths {
    /// Folders that all lie in.
    common: usize,
    /// The fewest folders of one, at least one.
    least: usize,
}

impl Depths {
    /// `None` where no image is labelled by its folder.
    fn of(part: &[Read]) -> Option<Self> {
        let mut first: Option<Vec<&str>> = None;
        let mut least = usize::MAX;
        for folders in by_folder(part) {
            least = least.min(folders.len());
            match &mut first {
                None => first = Some(folders),
                Some(first) => {
                    let common = first.iter().zip(&folders).take_while(|(a, b)| a == b).count();
                    first.truncate(common);
                }
            }
        }
        first.map(|first| Self { common: first.len(), least: least.max(1) })
    }
}

/// The folders of the images of a part that are labelled by them.
fn by_folder(part: &[Read]) -> impl Iterator<Item = Vec<&str>> {
    part.iter().flat_map(|Read { path, found, .. }| {
        let around = around(path, found);
        let found = found.iter().filter(|found| found.by_folder);
        found.map(move |found| folders(&found.name).into_iter().skip(around).collect())
    })
}

fn is_known(part: &[Read], depth: usize, classes: &BTreeSet<String>) -> bool {
    by_folder(part).all(|folders| folders.get(depth).is_some_and(|name| classes.contains(*name)))
}

fn assign(part: &mut [Read], depth: usize) {
    for Read { path, found, .. } in part {
        let around = around(path, found);
        for found in found.iter_mut().filter(|found| found.by_folder) {
            let folders = folders(&found.name);
            let class = folders.get(around + depth).or(folders.last());
            found.label = class.copied().unwrap_or_default().to_owned();
        }
    }
}

/// Folders around all images of an archive that have its name, and so say no class: 1 or 0.
fn around(path: &Path, found: &[Found]) -> usize {
    let name = name_of(path);
    let stem = name.split('.').next().unwrap_or_default();
    let mut images = found.iter().filter(|found| found.by_folder);
    let is_around = part_of(stem).is_some()
        && images.all(|found| {
            let folders = folders(&found.name);
            folders.len() > 1 && folders[0] == stem
        });
    usize::from(is_around)
}

/// The folders that a file of an archive lies in, from the outermost on.
pub(super) fn folders(name: &str) -> Vec<&str> {
    let parts = name.split('/').filter(|part| !part.is_empty() && *part != ".");
    let mut folders: Vec<&str> = parts.collect();
    folders.pop();
    folders
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::catalog::{Located, Place};

    fn read(archive: &str, names: &[&str]) -> Read {
        let place = || Place::At(Located::Held(Arc::from([])));
        let found = names.iter().map(|name| Found {
            place: place(),
            name: (*name).into(),
            label: String::new(),
            by_folder: true,
            class_name: None,
            part: None,
        });
        Read { path: archive.into(), class_names: None, found: found.collect() }
    }

    fn labels(train: Vec<Read>, test: Vec<Read>) -> [Vec<String>; 2] {
        let (mut train, mut test) = (train, test);
        label([&mut train, &mut Vec::new(), &mut test]);
        let of = |part: Vec<Read>| {
            part.into_iter().flat_map(|read| read.found).map(|found| found.label).collect()
        };
        [of(train), of(test)]
    }

    #[test]
    fn the_outermost_folders_that_are_several_are_the_classes() {
        let deep = ["cat/0/1.jpg", "cat/1/2.jpg", "dog/3.jpg"];
        let expected = [vec!["cat", "cat", "dog"], vec![]];
        assert_eq!(labels(vec![read("a.tar", &deep)], vec![]), expected);
        let below = deep.map(|name| format!("./photos/train/{name}"));
        let below: Vec<&str> = below.iter().map(String::as_str).collect();
        assert_eq!(labels(vec![read("a.tar", &below)], vec![]), expected);
        // An archive a class, and one that has its name around all.
        let each = vec![read("cat.tar", &deep[..2]), read("dog.tar", &deep[2..])];
        assert_eq!(labels(each, vec![]), expected);
        let named = vec![
            read("train-0.tar", &["train-0/cat/0/1.jpg"]),
            read("train-1.tar", &["train-1/dog/1.jpg"]),
        ];
        assert_eq!(labels(named, vec![])[0], ["cat", "dog"]);
        assert_eq!(labels(vec![read("a.tar", &["x/0/1.jpg", "x/1/1.jpg"])], vec![])[0], ["0", "1"]);
    }

    #[test]
    fn other_parts_have_the_classes_of_training() {
        let train = || vec![read("train.tar", &["cat/0/1.jpg", "dog/2.jpg"])];
        assert_eq!(labels(train(), vec![read("test.tar", &["set/test/dog/7/1.jpg"])])[1], ["dog"]);
        assert_eq!(labels(train(), vec![read("test.tar", &["cat/9/1.jpg"])])[1], ["cat"]);
        assert_eq!(
            labels(train(), vec![read("test.tar", &["cow/9/1.jpg", "cat/1.jpg"])])[1],
            ["cow", "cat"]
        );
    }
}
