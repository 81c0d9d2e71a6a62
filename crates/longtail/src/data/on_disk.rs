//! Images that stay in their files, and are read whenever one is needed.

use std::sync::Arc;

use super::{DataError, Fitted, Fitting, ImageSet, ReadImage, catalog::Files, decode::ImageFile};
use crate::raster::Pixels;

/// Files, each of which is decoded anew for every view.
#[derive(Debug)]
struct OnDisk {
    files: Files,
    fitting: Fitting,
}

impl OnDisk {
    fn file(&self, index: usize) -> Result<ImageFile, DataError> {
        ImageFile::read_located(&self.files.located(index)).map_err(|e| self.fault(index, e))
    }

    fn fault(&self, index: usize, reason: String) -> DataError {
        DataError::Images { faults: vec![format!("{}: {reason}", self.files.title(index))] }
    }
}

impl ReadImage for OnDisk {
    fn read(&self, index: usize, pixels: &mut Vec<u8>) -> Result<[usize; 2], DataError> {
        let fitted = self.file(index)?.decode().and_then(|decoded| self.fitting.fit(&decoded));
        let Fitted { height, width, pixels: read } =
            fitted.map_err(|reason| self.fault(index, reason))?;
        *pixels = read;
        Ok([height, width])
    }

    fn open(&self, index: usize) -> Result<Option<Box<dyn Pixels + '_>>, DataError> {
        // Of whole images alone a view is cut straight out of the file.
        if self.fitting.test_side().is_none() {
            return Ok(None);
        }
        Ok(Some(Box::new(self.file(index)?)))
    }
}

/// The images of `files`, of which nothing is read yet; `content` identifies them.
pub(super) fn images(mut files: Files, content: String, fitting: Fitting) -> ImageSet {
    let (labels, names) = (std::mem::take(&mut files.labels), files.names.clone());
    let images = Arc::new(OnDisk { files, fitting });
    ImageSet::on_demand([fitting.size; 2], labels, names, content, images)
        .with_test_side(fitting.test_side())
}
