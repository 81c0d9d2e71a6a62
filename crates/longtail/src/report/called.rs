//! What a run's networks call every image that it is reported on, for comparing runs image by image.

use std::{io, path::Path};

use super::{ReportError, predictions::guarded};
use crate::{atomic::WholeFile, data::ImageSet};

/// The columns of `predictions.csv`. Their names are a contract.
pub const COLUMNS: [&str; 5] = ["index", "path", "label", "last", "best"];

/// The classes that a run's networks predict for the images of one set, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Called {
    /// By the network of the last step.
    pub last: Vec<u32>,
    /// By that of the epoch that validation chose; `None` without one.
    pub best: Option<Vec<u32>>,
}

impl Called {
    /// Writes `predictions.csv` to `path`: a row for each of the images `indices` of `images`, with its index in the
    /// set, its path where it is a file, its label and what it is called, as class indices; `best` is empty without a
    /// best epoch. A path that a spreadsheet would take for a formula begins with `'`.
    ///
    /// # Errors
    /// [`ReportError`] if it cannot be written; an older file is then still there.
    ///
    /// ```
    /// use longtail::{data::ImageSet, report::Called};
    ///
    /// let images = ImageSet::new(1, 1, vec![0; 6], vec![1, 0], vec!["b/1.png".into(), "a/2.png".into()]);
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("predictions.csv");
    /// Called { last: vec![1, 1], best: None }.save(&images, &[0, 1], &path)?;
    /// let text = std::fs::read_to_string(&path)?;
    /// assert_eq!(text, "index,path,label,last,best\n0,b/1.png,1,1,\n1,a/2.png,0,1,\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, images: &ImageSet, indices: &[u32], path: &Path) -> Result<(), ReportError> {
        let mut file = WholeFile::create(path)?;
        self.write(images, indices, &mut file).map_err(ReportError::io("write", path))?;
        Ok(file.finish()?)
    }

    fn write(&self, images: &ImageSet, indices: &[u32], out: impl io::Write) -> io::Result<()> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(COLUMNS)?;
        for (row, (&index, last)) in indices.iter().zip(&self.last).enumerate() {
            let path = images.names().get(index as usize).map(|path| guarded(path));
            let best = self.best.as_ref().and_then(|best| best.get(row)).map(u32::to_string);
            out.write_record([
                index.to_string(),
                path.unwrap_or_default(),
                images.labels()[index as usize].to_string(),
                last.to_string(),
                best.unwrap_or_default(),
            ])?;
        }
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::compare::{Predicted, Predictions};

    #[test]
    fn what_is_written_is_read_and_no_path_is_a_formula() {
        let names = vec!["=a/1.png".to_owned(), "b, \"2\".png".to_owned(), "c.png".to_owned()];
        let images = ImageSet::new(1, 1, vec![0; 9], vec![2, 0, 1], names);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.csv");
        for best in [None, Some(vec![1, 0])] {
            let called = Called { last: vec![2, 1], best };
            called.save(&images, &[2, 0], &path).unwrap();
            let read = Predictions::parse(&std::fs::read(&path).unwrap()).unwrap();
            let of = |image: &Predicted| (image.index, image.label, image.last);
            let rows: Vec<_> = read.images().iter().map(of).collect();
            assert_eq!(rows, [(0, 2, 1), (2, 1, 2)]);
            let best = called.best.map(|best| vec![best[1], best[0]]);
            let of_best: Option<Vec<u32>> = read.images().iter().map(|image| image.best).collect();
            assert_eq!(of_best, best);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "index,path,label,last,best\n2,c.png,1,2,1\n0,'=a/1.png,2,1,0\n");
    }
}
