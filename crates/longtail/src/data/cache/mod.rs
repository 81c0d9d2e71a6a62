//! Decoded images that are kept on disk, brought to the size that views are cut out of.

mod room;
mod store;
mod table;

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use rayon::prelude::*;
pub(super) use room::Room;
use sha2::{Digest as _, Sha256};
use store::Store;

use super::{DataError, Fitting, ReadImage, on_disk::OnDisk};
use crate::{counted::counted, hex::hex, regular};

/// What marks a folder as a cache of this program, and for programs that make copies as one of any
/// (<https://bford.info/cachedir/>).
const TAG: (&str, &str) = (
    "CACHEDIR.TAG",
    "Signature: 8a477f597d28d172789f06886806bc55\n# Decoded images of longtail train --cache; the folder can be deleted.\n",
);

/// Whether a folder is a cache that this program has made.
pub(super) fn is_cache(folder: &Path) -> bool {
    let tag = regular::read(&folder.join(TAG.0), 2 * TAG.1.len() as u64);
    tag.is_ok_and(|tag| tag == TAG.1.as_bytes())
}

/// Makes a folder for a cache; one in which something lies already is not marked as one.
///
/// # Errors
/// If it cannot be made or written to.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    if folder.read_dir()?.next().is_none() {
        fs::write(folder.join(TAG.0), TAG.1)?;
    }
    Ok(())
}

/// Images in files, each decoded once, as long as its file stays as it is and there is room.
#[derive(Debug)]
pub(super) struct Cached {
    images: OnDisk,
    folder: PathBuf,
    store: Store,
}

impl Cached {
    /// Keeps decoded `images` in `folder`, to which `room` may be added. Those of another `set`, or in another size, are
    /// kept elsewhere.
    ///
    /// # Errors
    /// [`DataError::Io`] if the folder or its files cannot be made.
    pub(super) fn new(
        images: OnDisk,
        set: &str,
        folder: &Path,
        room: Room,
    ) -> Result<Self, DataError> {
        let failed = |error| DataError::io("keep decoded images in", folder, error);
        let keys: Vec<u64> = (0..images.len()).into_par_iter().map(|i| images.key(i)).collect();
        let name = name(set, images.fitting());
        match make_folder(folder) {
            // A disk that cannot be written to may have it.
            Err(error) if !folder.is_dir() => return Err(failed(error)),
            _ => {}
        }
        let store = Store::open(folder, &name, &keys, room).map_err(failed)?;
        Ok(Self { images, folder: folder.to_owned(), store })
    }

    /// How many images are there as their files are now.
    pub(super) fn kept(&self) -> usize {
        let is_kept = |index: &usize| {
            self.store.holds(*index, || stamp(&self.images.file(*index)?)).unwrap_or(false)
        };
        (0..self.images.len()).into_par_iter().filter(is_kept).count()
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

    fn news(&self) -> Option<String> {
        let why = self.store.why_ended()?;
        let (kept, all) = (self.store.len(), counted(self.images.len(), "image", "images"));
        Some(format!(
            "the cache {} takes no more images ({why}): {kept} of {all} are in it, the others are decoded each time",
            self.folder.display()
        ))
    }
}

/// What tells a set in one size from others.
fn name(set: &str, fitting: Fitting) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{set} {fitting:?}"));
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
