//! What a model says of every image of a set, as a table that other programs read: CSV, JSONL or Parquet.

mod columns;
mod parquet;

use std::{
    io::{self, Write},
    path::Path,
};

use columns::{Column, Field};

use super::{ReportError, text::json_line};
use crate::{
    atomic::WholeFile,
    choice::{Choice, choice},
    data::ImageSet,
    eval::Outputs,
    regular,
};

choice! {
    /// How a table of predictions is written.
    ScoredFormat {
        /// Comma-separated values with a header; what is no number is empty.
        Csv = "csv",
        /// One JSON object a line; what is no number is null.
        Jsonl = "jsonl",
        /// Parquet, uncompressed; what is no number is NaN.
        Parquet = "parquet",
    }
}

impl ScoredFormat {
    /// The format that files of such a name have.
    ///
    /// # Errors
    /// [`ReportError::Ending`] for any other ending.
    pub fn of_path(path: &Path) -> Result<Self, ReportError> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let ending = ending.to_ascii_lowercase();
        let known = Self::ALL.iter().find(|(_, name, _)| *name == ending);
        known.map(|(format, ..)| *format).ok_or_else(|| ReportError::Ending(path.to_owned()))
    }
}

/// What the table holds, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScoredOptions {
    /// Whether it has features, and projections where the model has a projection head.
    pub features: bool,
    /// In CSV, whether names that a spreadsheet would take for formulas stay as they are.
    pub raw_names: bool,
}

/// A model's outputs with what is known of the images that they are of.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredImages {
    class_names: Vec<String>,
    indices: Vec<u32>,
    paths: Vec<String>,
    outputs: Outputs,
}

impl ScoredImages {
    /// `outputs`: one row for each of the images `indices` of `images`, with labels and logits of the classes
    /// `class_names`.
    ///
    /// # Errors
    /// [`ReportError::Rows`] if these do not belong together.
    pub fn new(
        images: &ImageSet,
        indices: &[u32],
        class_names: &[String],
        outputs: Outputs,
    ) -> Result<Self, ReportError> {
        let (rows, classes) = (indices.len(), class_names.len());
        let of_rows = |have: usize| have == rows;
        let belong = of_rows(outputs.labels.len())
            && (rows == 0 || of_rows(outputs.logits.len()) && outputs.logits.width() == classes)
            && (outputs.features.is_empty() || of_rows(outputs.features.len()))
            && outputs.projections.as_ref().is_none_or(|all| of_rows(all.len()))
            && outputs.labels.iter().all(|&label| (label as usize) < classes);
        if !belong {
            return Err(ReportError::Rows { images: rows, classes });
        }
        let path = |&index: &u32| images.names().get(index as usize).cloned().unwrap_or_default();
        let paths = indices.iter().map(path).collect();
        Ok(Self { class_names: class_names.to_vec(), indices: indices.to_vec(), paths, outputs })
    }

    /// The classes, by label.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// The images' places in their set.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// Their files; an empty text where they have none.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// What the model gives for them.
    pub fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    /// Writes the table, one row an image in the order of the set. Its columns, whatever the format:
    ///
    /// - `index`: the image's place in its set; `path`: its file, empty where it has none
    /// - `label`, `prediction`: names of classes; `label_index`, `prediction_index`: the same counted from 0
    /// - `p_0`, `p_1` and so on: the probability of each class, in [0, 1], by its index
    /// - with features `feature_0` and so on, and `projection_0` and so on of a model with a projection head
    ///
    /// Probabilities are softmax of the logits in 64 bits. The figures of `summary.json` follow from these columns.
    ///
    /// # Errors
    /// [`ReportError::Predictions`] if `out` does not take it.
    ///
    /// ```
    /// use longtail::{data::ImageSet, eval::{Outputs, Rows}};
    /// use longtail::report::{ScoredFormat, ScoredImages, ScoredOptions};
    ///
    /// let images = ImageSet::new(1, 1, vec![0; 6], vec![1, 0], vec!["b/1.png".into(), "a/2.png".into()]);
    /// let logits = Rows::new(vec![0.0, 0.0, 3.0, f32::NEG_INFINITY], 2).ok_or("no rows")?;
    /// let outputs = Outputs { labels: vec![1, 0], logits, ..Outputs::default() };
    /// let scored = ScoredImages::new(&images, &[0, 1], &["a".into(), "b".into()], outputs)?;
    /// let mut csv = Vec::new();
    /// scored.write(ScoredFormat::Csv, ScoredOptions::default(), &mut csv)?;
    /// let expected = "index,path,label,label_index,prediction,prediction_index,p_0,p_1\n\
    ///                 0,b/1.png,b,1,a,0,0.5,0.5\n1,a/2.png,a,0,a,0,1.0,0.0\n";
    /// assert_eq!(String::from_utf8(csv)?, expected);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write(
        &self,
        format: ScoredFormat,
        options: ScoredOptions,
        mut out: impl Write,
    ) -> Result<(), ReportError> {
        let columns = self.columns(options);
        let rows = 0..self.indices.len();
        match format {
            ScoredFormat::Csv => write_csv(&columns, rows, options.raw_names, &mut out),
            ScoredFormat::Jsonl => write_jsonl(&columns, rows, &mut out),
            ScoredFormat::Parquet => parquet::write(&columns, rows, &self.class_names, &mut out),
        }
        .and_then(|()| out.flush())
        .map_err(ReportError::Predictions)
    }

    /// The same to a file, in the format that its ending says, beside `path` first and then renamed.
    ///
    /// # Errors
    /// [`ReportError`] for another ending, or if it cannot be written; an older file is then still there.
    pub fn save(&self, path: &Path, options: ScoredOptions) -> Result<(), ReportError> {
        let format = ScoredFormat::of_path(path)?;
        if let Some(what) = regular::special_at(path) {
            return Err(ReportError::io("write", path)(io::Error::other(format!("it is {what}"))));
        }
        let mut file = WholeFile::create(path)?;
        self.write(format, options, &mut file)?;
        Ok(file.finish()?)
    }
}

fn write_csv(
    columns: &[Column],
    rows: std::ops::Range<usize>,
    raw_names: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut out = csv::Writer::from_writer(out);
    out.write_record(columns.iter().map(|column| &column.name))?;
    for row in rows {
        let fields: Vec<Field> = columns
            .iter()
            .map(|column| match column.field(row) {
                field if raw_names => field,
                field => field.guarded(),
            })
            .collect();
        out.serialize(fields)?;
    }
    out.flush()
}

fn write_jsonl(
    columns: &[Column],
    rows: std::ops::Range<usize>,
    out: &mut impl Write,
) -> io::Result<()> {
    for row in rows {
        let line = json_line(&columns::Object { columns, row })?;
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
