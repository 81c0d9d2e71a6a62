//! Whether decoded images fit into memory.

use super::DataError;
use crate::device;

/// Share of the free memory that may be taken.
const SHARE: f64 = 0.9;

/// Bytes of the program, its threads and weights.
pub(crate) const PROGRAM: u64 = 64 << 20;

/// Bytes of `free` memory that may be taken.
pub(crate) fn usable(free: u64) -> u64 {
    (free as f64 * SHARE) as u64
}

/// Refuses to decode `images` bytes where they do not fit.
///
/// # Errors
/// [`DataError::Memory`].
pub fn check_images(images: u64) -> Result<(), DataError> {
    check_decoded(images.saturating_add(PROGRAM), images, device::free_memory())
}

/// Refuses `images` bytes of decoded images, of which there are `all` bytes with what they need, beside `free` ones.
pub(crate) fn check_decoded(all: u64, images: u64, free: Option<u64>) -> Result<(), DataError> {
    match free.map(usable) {
        Some(free) if all > free => Err(DataError::Memory(format!(
            "about {} of memory are needed ({} for the decoded images), and {} can be had: choose a smaller --image-size, \
             or fewer images, or leave those of folders and lists on disk (--storage disk)",
            gib(all),
            gib(images),
            gib(free)
        ))),
        _ => Ok(()),
    }
}

pub(crate) fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1_u64 << 30) as f64)
}
