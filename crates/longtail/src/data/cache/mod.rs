//! Decoded images that are kept on disk, brought to the size that views are cut out of.

mod store;

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::Path,
    time::UNIX_EPOCH,
};

use sha2::{Digest as _, Sha256};
use store::Store;

use super::{DataError, Fitting, ReadImage, on_disk::OnDisk};
use crate::hex::hex;

/// Images in files, each decoded once, as long as its file stays as it is and there is room.
#[derive(Debug)]
pub(super) struct Cached {
    images: OnDisk,
    store: Store,
}

impl Cached {
    /// Keeps decoded `images`, which `content` identifies, in `folder`, where all such files take `most` bytes at most.
    ///
    /// # Errors
    /// [`DataError::Io`] if the folder or its files cannot be made.
    pub(super) fn new(
        images: OnDisk,
        content: &str,
        folder: &Path,
        most: u64,
    ) -> Result<Self, DataError> {
        let failed = |error| DataError::io("keep decoded images in", folder, error);
        // The same names, lengths and times elsewhere are another set.
        let place = images.file(0).map(|path| path.canonicalize().unwrap_or(path));
        let name = name(content, images.fitting(), images.len(), place.as_deref());
        let others = taken_by_others(folder, &name);
        let most = most.saturating_sub(others);
        let store = Store::open(folder, &name, images.len(), most).map_err(failed)?;
        Ok(Self { images, store })
    }

    /// How many images are there already.
    pub(super) fn kept(&self) -> usize {
        self.store.len()
    }
}

impl ReadImage for Cached {
    fn read(&self, index: usize, pixels: &mut Vec<u8>) -> Result<[usize; 2], DataError> {
        let Some(stamp) = self.images.file(index).and_then(|path| stamp(&path)) else {
            return self.images.read(index, pixels);
        };
        if let Some(size) = self.store.get(index, stamp, pixels) {
            return Ok(size);
        }
        let size = self.images.read(index, pixels)?;
        self.store.put(index, stamp, size, pixels);
        Ok(size)
    }
}

/// What tells a set in one size from others.
fn name(content: &str, fitting: Fitting, images: usize, place: Option<&Path>) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{content} {fitting:?} {images} {place:?}"));
    hex(hash.finalize())[..16].to_owned()
}

/// What a file is like that was not changed.
fn stamp(path: &Path) -> Option<u64> {
    let meta = path.metadata().ok()?;
    let changed = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let mut hasher = DefaultHasher::new();
    (meta.len(), changed).hash(&mut hasher);
    Some(hasher.finish())
}

/// Bytes of other sets in the folder.
pub(super) fn taken_by_others(folder: &Path, name: &str) -> u64 {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let others = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with(name));
    others
        .filter_map(|entry| entry.metadata().ok())
        .filter(|meta| meta.is_file())
        .map(|m| m.len())
        .sum()
}
