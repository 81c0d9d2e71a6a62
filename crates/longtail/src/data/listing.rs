use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::{ImageSet, Source, inspect::Digest};
use crate::hex::hex;

/// What a split is made of and checked against: the labels and the identity of every image, without pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// The name of the data set.
    pub name: String,
    /// Class names; a label is an index into this list.
    pub class_names: Vec<String>,
    /// The images that training and what is held out are selected from.
    pub pool: Listed,
    /// Validation images that came with the set.
    pub val: Option<Listed>,
    /// Test images that came with the set.
    pub test: Option<Listed>,
    /// Whether the images are files of a folder or list, in which classes are ranked by size and a share of
    /// each is held out.
    pub is_files: bool,
    /// Whether names and lengths of the files identify them, and not their content.
    pub by_names: bool,
}

/// The images of one part.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listed {
    /// Their labels.
    pub labels: Vec<u32>,
    /// What identifies each; empty where that is not known one by one.
    pub digests: Vec<Digest>,
    /// Hash of labels and images.
    pub content: String,
}

impl Listing {
    /// Of a set in memory: its content is that of the pixels.
    pub fn of(source: &Source) -> Self {
        Self {
            name: source.name.clone(),
            class_names: source.class_names.clone(),
            pool: Listed::of(&source.pool),
            val: source.val.as_ref().map(Listed::of),
            test: source.test.as_ref().map(Listed::of),
            is_files: !source.pool.names().is_empty(),
            by_names: false,
        }
    }

    /// n_c, images of every class in the pool.
    pub fn class_counts(&self) -> Vec<usize> {
        self.pool.class_counts(self.class_names.len())
    }
}

impl Listed {
    fn of(images: &ImageSet) -> Self {
        let content = super::content(images);
        Self { labels: images.labels().to_vec(), digests: Vec::new(), content }
    }

    /// Of files, which their bytes identify.
    pub fn of_files(labels: Vec<u32>, digests: Vec<Digest>) -> Self {
        let mut hash = Sha256::new();
        hash.update((labels.len() as u64).to_le_bytes());
        for (label, digest) in labels.iter().zip(&digests) {
            hash.update(label.to_le_bytes());
            hash.update(digest);
        }
        Self { labels, digests, content: hex(hash.finalize()) }
    }

    /// Images of each of `classes` classes.
    pub fn class_counts(&self, classes: usize) -> Vec<usize> {
        let mut counts = vec![0; classes];
        self.labels.iter().for_each(|&label| counts[label as usize] += 1);
        counts
    }

    /// How many of `others` are the same to the byte as an image of these.
    pub fn copies_in(&self, others: &Self) -> usize {
        let own: HashMap<&Digest, ()> = self.digests.iter().map(|digest| (digest, ())).collect();
        others.digests.iter().filter(|digest| own.contains_key(digest)).count()
    }
}
