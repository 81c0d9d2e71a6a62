use std::{fmt, sync::Arc};

use super::DataError;
use crate::raster::Pixels;

/// Reads the images of a set one at a time, whenever one is needed: from files, from an archive, through a cache.
///
/// What it gives for an index is always the same, on every thread.
pub trait ReadImage: fmt::Debug + Send + Sync {
    /// Puts image `index`, `[height, width, 3]`, row-major RGB, in the place of what `pixels` hold; gives its height and
    /// width, neither of them less than a view's.
    ///
    /// # Errors
    /// [`DataError`] that names the image.
    fn read(&self, index: usize, pixels: &mut Vec<u8>) -> Result<[usize; 2], DataError>;

    /// Image `index` for one view, if less than all of its pixels can be made for that: what it gives are those that
    /// [`ReadImage::read`] would give.
    ///
    /// # Errors
    /// As [`ReadImage::read`].
    fn open(&self, _index: usize) -> Result<Option<Box<dyn Pixels + '_>>, DataError> {
        Ok(None)
    }

    /// What a person should know of the reading and was not told yet, such as that a cache is full.
    fn news(&self) -> Option<String> {
        None
    }
}

#[derive(Debug, Clone)]
pub(super) struct OnDemand {
    pub images: Arc<dyn ReadImage>,
    /// Hash of the files that the images are in.
    pub content: String,
}

impl PartialEq for OnDemand {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.images, &other.images) && self.content == other.content
    }
}

impl Eq for OnDemand {}
