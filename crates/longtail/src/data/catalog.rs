//! Which image files a data set has, before one is read.

use std::path::PathBuf;

/// Image files of one part, with their labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Files {
    /// The files.
    pub paths: Vec<PathBuf>,
    /// The files as the data set names them: relative to the folder, or as a list has them.
    pub names: Vec<String>,
    /// Their labels.
    pub labels: Vec<u32>,
}

impl Files {
    /// Number of files.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Adds a file.
    pub fn push(&mut self, path: PathBuf, name: String, label: u32) {
        self.paths.push(path);
        self.names.push(name);
        self.labels.push(label);
    }

    /// Keeps the files that `keep`, one value a file, says.
    pub fn retain(&mut self, keep: &[bool]) {
        fn filter<T>(values: &mut Vec<T>, keep: &[bool]) {
            let mut keep = keep.iter();
            values.retain(|_| keep.next().is_none_or(|&kept| kept));
        }
        filter(&mut self.paths, keep);
        filter(&mut self.names, keep);
        filter(&mut self.labels, keep);
    }
}

/// The image files of a data set, part by part, with its classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalog {
    /// What people call it: the folder's or the list's own name.
    pub title: String,
    /// Class names; a label is an index into them.
    pub class_names: Vec<String>,
    /// Training images, and those that are held out of them.
    pub train: Files,
    /// Validation images that came with the set.
    pub val: Option<Files>,
    /// Test images that came with the set.
    pub test: Option<Files>,
    /// What a person should know about what was found, one sentence each.
    pub notes: Vec<String>,
}

impl Catalog {
    /// The parts that there are, by name.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, &Files)> {
        let others = [("val", self.val.as_ref()), ("test", self.test.as_ref())];
        let others = others.into_iter().filter_map(|(name, files)| Some((name, files?)));
        std::iter::once(("train", &self.train)).chain(others)
    }

    /// The parts that there are, to be changed.
    pub fn parts_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Files)> {
        let others = [("val", self.val.as_mut()), ("test", self.test.as_mut())];
        let others = others.into_iter().filter_map(|(name, files)| Some((name, files?)));
        std::iter::once(("train", &mut self.train)).chain(others)
    }
}
