//! Images of two parts that show the same pixels.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::{Item, Pair, Seen};
use crate::data::{decode::ImageFile, inspect::Digest};

/// Images of one part after the other.
type Parts = [(&'static str, Vec<Item>)];

/// SHA-256 of an image's pixels.
pub(super) fn digest(width: usize, pixels: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    hash.update((width as u64).to_le_bytes());
    hash.update(pixels);
    hash.finalize().into()
}

/// Gives the images of files whose pixels are the same the same [`Seen::pixels`], which are those of the file so far.
///
/// To hash all pixels well takes a tenth of the time of decoding, and hardly an image has the size and the checksum of
/// another: those that do, in files that differ, are decoded once more.
pub(super) fn settle(parts: &mut Parts) {
    let doubtful = doubtful(parts);
    let items = parts.iter_mut().flat_map(|(_, items)| items);
    let items: Vec<_> =
        items.filter(|item| key(item).is_some_and(|key| doubtful.contains(&key))).collect();
    items.into_par_iter().for_each(|item| {
        let Some(file) = &item.file else { return };
        let decoded = ImageFile::read_located(file).and_then(|file| file.decode());
        // A file that was changed meanwhile is like no other.
        if let (Ok(seen), Ok(decoded)) = (&mut item.seen, decoded) {
            seen.pixels = digest(decoded.width, &decoded.pixels);
        }
    });
}

/// What images with the same pixels share.
type Key = ([usize; 2], u32);

fn key(item: &Item) -> Option<Key> {
    let seen = item.seen.as_ref().ok()?;
    Some((seen.size, seen.sum))
}

/// The keys that files which differ have in two parts.
fn doubtful(parts: &Parts) -> HashSet<Key> {
    let mut first: HashMap<Key, (&str, &Digest)> = HashMap::new();
    let (mut in_parts, mut in_files) = (HashSet::new(), HashSet::new());
    for (part, items) in parts {
        for item in items {
            let (Some(key), Ok(Seen { bytes, .. })) = (key(item), &item.seen) else { continue };
            let (before, file) = *first.entry(key).or_insert((part, bytes));
            if before != *part {
                in_parts.insert(key);
            }
            if file != bytes {
                in_files.insert(key);
            }
        }
    }
    in_parts.retain(|key| in_files.contains(key));
    in_parts
}

/// Each image with the first of an earlier part that shows the same pixels.
pub(super) fn pairs(parts: &[(&'static str, Vec<Item>)]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut first: HashMap<Digest, (&str, &str)> = HashMap::new();
    for (part, items) in parts {
        for item in items {
            let Ok(seen) = &item.seen else { continue };
            let (before, path) = *first.entry(seen.pixels).or_insert((part, &item.path));
            if before != *part {
                pairs.push(Pair {
                    parts: [before.into(), (*part).into()],
                    paths: [path.into(), item.path.clone()],
                });
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::data::catalog::Located;

    fn item(file: &Path, sum: u32) -> Item {
        let bytes = std::fs::read(file).unwrap();
        let hash: Digest = Sha256::digest(&bytes).into();
        let seen = Ok(Seen { bytes: hash, pixels: hash, sum, size: [1, 1] });
        let located = Located::File(file.to_owned());
        Item { path: file.display().to_string(), file: Some(located), label: 0, seen }
    }

    #[test]
    fn only_what_may_be_the_same_is_decoded_again() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let red = write("red.ppm", b"P6 1 1 255\n\xff\0\0");
        let remarked = write("remarked.ppm", b"P6 # red\n1 1 255\n\xff\0\0");
        let blue = write("blue.ppm", b"P6 1 1 255\n\0\0\xff");
        let gone = item(&write("gone.ppm", b"P6 1 1 255\n\xff\0\0 "), 8);
        std::fs::remove_file(&gone.path).unwrap();
        // The same checksum by design of blue and red; `gone` alone has another, and is not asked for.
        let mut parts = [
            ("train", vec![item(&red, 7), gone]),
            ("val", vec![item(&blue, 7)]),
            ("test", vec![item(&remarked, 7)]),
        ];
        settle(&mut parts);
        let pairs = pairs(&parts);
        assert_eq!(pairs.len(), 1, "{pairs:?}");
        assert_eq!(pairs[0].paths, [red, remarked].map(|path| path.display().to_string()));
        let untouched = parts[0].1[1].seen.as_ref().unwrap();
        assert_eq!(untouched.pixels, untouched.bytes);
    }
}
