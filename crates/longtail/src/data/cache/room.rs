//! What may still be added to a folder for such files.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Bytes that may be added, shared by all that add some.
#[derive(Debug, Clone)]
pub(in crate::data) struct Room(Arc<AtomicU64>);

impl Room {
    /// Of a folder in which all files may take `most` bytes.
    pub fn in_folder(folder: &Path, most: u64) -> Self {
        let entries = folder.read_dir().into_iter().flatten().flatten();
        let files = entries.filter_map(|entry| entry.metadata().ok()).filter(|meta| meta.is_file());
        let taken: u64 = files.map(|meta| meta.len()).sum();
        Self(Arc::new(AtomicU64::new(most.saturating_sub(taken))))
    }

    /// Takes so many bytes, if they are there.
    pub fn take(&self, bytes: u64) -> bool {
        let left = |left: u64| left.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok()
    }

    /// Gives back so many bytes, which nothing takes any more.
    pub fn give(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_add_share_what_is_left() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("other"), [0; 40]).unwrap();
        let room = Room::in_folder(dir.path(), 100);
        let other = room.clone();
        assert!(room.take(50) && !other.take(20) && other.take(10) && !room.take(1));
        other.give(5);
        assert!(room.take(5));
        assert!(!Room::in_folder(dir.path(), 10).take(1));
    }
}
