//! Tables of images as data hubs hand them out: Parquet files that hold the images' files themselves, one a row,
//! with a label (<https://parquet.apache.org/docs/file-format/>).

mod codec;
mod columns;
mod delta;
mod faults;
mod features;
mod footer;
mod levels;
mod pages;
mod schema;
#[cfg(test)]
mod tests;
mod thrift;
mod values;

use std::path::{Path, PathBuf};

use self::{
    columns::Columns, faults::shown, features::Features, footer::Chunk, pages::Pages, schema::Leaf,
    values::Value,
};

/// Bytes of a label at most: a longer text names no class.
const LONGEST_LABEL: usize = 4096;
/// Bytes of the name of a part, and more.
const LONGEST_PART: usize = 64;
/// Bytes of all labels of a file at most: a hundred bytes for each of some million rows.
const LARGEST_LABELS: usize = 256 << 20;

/// A Parquet file of images. Its pages are read only when they are asked for, and one at a time.
#[derive(Debug)]
pub struct ImageTable {
    path: PathBuf,
    rows: usize,
    groups: Vec<Group>,
    columns: Columns,
    class_names: Option<Vec<String>>,
}

/// Where a group of rows has its columns.
#[derive(Debug)]
struct Group {
    image: Chunk,
    path: Option<Chunk>,
    label: Option<Chunk>,
    part: Option<Chunk>,
}

/// What a row is labelled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// A class's number.
    Number(i64),
    /// A class's name.
    Text(String),
}

impl ImageTable {
    /// Reads which columns the file at `path` has, and where.
    ///
    /// Images are in the only column of bytes, or in the one that is called so (`image`, `img`, `jpg` and the like), as
    /// a rule a struct with `bytes` and `path`.
    ///
    /// # Errors
    /// One sentence if the file cannot be read, is no Parquet, is damaged, or has no such column or several.
    pub fn open(path: &Path) -> Result<Self, String> {
        let footer = footer::read(path)?;
        let leaves = schema::leaves(&footer.data.schema)?;
        let features = Features::of(footer.data.key_value_metadata.as_deref());
        let columns = Columns::of(&leaves, &features)?;
        let rows = footer.rows()?;
        let group = |group| {
            let chunk = |leaf| footer.chunk(group, leaf, leaves.len());
            Ok(Group {
                image: chunk(&columns.image)?,
                path: columns.path.as_ref().map(chunk).transpose()?,
                label: columns.label.as_ref().ok().map(chunk).transpose()?,
                part: columns.part.as_ref().map(chunk).transpose()?,
            })
        };
        let groups = footer.data.row_groups.iter().map(group).collect::<Result<_, String>>()?;
        let label = columns.label.as_ref().ok().and_then(|label| label.path.first());
        let class_names = label.and_then(|label| features.class_names(label)).map(<[_]>::to_vec);
        Ok(Self { path: path.to_owned(), rows, groups, columns, class_names })
    }

    /// Rows, each with an image.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Names of the classes that the labels number, where the file says them.
    pub fn class_names(&self) -> Option<&[String]> {
        self.class_names.as_deref()
    }

    /// The columns of images and labels, for a sentence; none where there is no column of labels, or several.
    pub fn column_names(&self) -> (String, Option<String>) {
        (self.columns.image.name(), self.columns.label.as_ref().ok().map(Leaf::name))
    }

    /// The name of a column that may say which part a row belongs to.
    pub fn part_column(&self) -> Option<String> {
        self.columns.part.as_ref().map(Leaf::name)
    }

    /// What that column says of every row, `None` of one of which it says nothing; empty where there is no such column.
    ///
    /// # Errors
    /// One sentence if the file is damaged.
    pub fn parts(&self) -> Result<Vec<Option<String>>, String> {
        let Some(leaf) = &self.columns.part else { return Ok(Vec::new()) };
        let mut pages = Pages::open(&self.path, leaf)?;
        let mut parts = Vec::new();
        for chunk in self.groups.iter().filter_map(|group| group.part) {
            pages.begin(chunk)?;
            for _ in 0..chunk.rows {
                // A longer text names no part.
                let text = match pages.next()? {
                    Value::Bytes(text) => {
                        std::str::from_utf8(text).ok().filter(|text| text.len() < LONGEST_PART)
                    }
                    _ => None,
                };
                parts.push(text.map(str::to_owned));
            }
        }
        Ok(parts)
    }

    /// The label of every row.
    ///
    /// # Errors
    /// One sentence if no column is known to hold labels or several are, a row lacks its label, or the file is damaged.
    pub fn labels(&self) -> Result<Vec<Label>, String> {
        let leaf = self.columns.label.as_ref().map_err(String::clone)?;
        let mut pages = Pages::open(&self.path, leaf)?;
        let (mut labels, mut bytes) = (Vec::new(), 0_usize);
        for chunk in self.groups.iter().filter_map(|group| group.label) {
            pages.begin(chunk)?;
            for _ in 0..chunk.rows {
                let label = label(pages.next()?)
                    .map_err(|what| format!("row {} (the first is 0) {what}", labels.len()))?;
                if let Label::Text(text) = &label {
                    bytes += text.len();
                }
                if bytes > LARGEST_LABELS {
                    return Err(format!("its labels have more than {} MiB", LARGEST_LABELS >> 20));
                }
                labels.push(label);
            }
        }
        Ok(labels)
    }

    /// The image of a row as it was in a file, for which the other groups of rows are not read.
    ///
    /// # Errors
    /// One sentence if there is no such row, it lacks its image, or the file is damaged.
    pub fn image(&self, row: usize) -> Result<Vec<u8>, String> {
        let mut first = 0;
        for group in &self.groups {
            let rows = usize::try_from(group.image.rows).unwrap_or(usize::MAX);
            if row - first < rows {
                let mut images = Pages::open(&self.path, &self.columns.image)?;
                images.begin(group.image)?;
                for _ in first..row {
                    images.next()?;
                }
                let Value::Bytes(image) = images.next()? else { return Err(no_image(row, None)) };
                return Ok(image.to_vec());
            }
            first += rows;
        }
        Err(format!("it has no row {row} (the first is 0)"))
    }

    /// Gives `take` every row in order: its number from 0, the path that the image had where the file says it, and the
    /// image as it was in a file. One page of images is held at a time.
    ///
    /// # Errors
    /// What `take` says, or one sentence if a row lacks its image or the file is damaged.
    pub fn for_each_image(
        &self,
        mut take: impl FnMut(usize, Option<&str>, &[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut images = Pages::open(&self.path, &self.columns.image)?;
        let paths = self.columns.path.as_ref().map(|leaf| Pages::open(&self.path, leaf));
        let mut paths = paths.transpose()?;
        let mut row = 0;
        for group in &self.groups {
            images.begin(group.image)?;
            if let (Some(paths), Some(chunk)) = (&mut paths, group.path) {
                paths.begin(chunk)?;
            }
            for _ in 0..group.image.rows {
                let path = paths.as_mut().map(|paths| paths.next()).transpose()?;
                // A name that is no text says nothing, and the image is there without it.
                let path = match path {
                    Some(Value::Bytes(path)) => std::str::from_utf8(path).ok(),
                    _ => None,
                };
                let Value::Bytes(image) = images.next()? else { return Err(no_image(row, path)) };
                take(row, path, image)?;
                row += 1;
            }
        }
        Ok(())
    }
}

fn label(value: Value) -> Result<Label, String> {
    match value {
        Value::Null => Err("has no label: leave it out".into()),
        Value::Whole(number) => Ok(Label::Number(number)),
        Value::Bytes(text) if text.len() > LONGEST_LABEL => {
            Err(format!("has a label of more than {LONGEST_LABEL} bytes"))
        }
        Value::Bytes(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(Label::Text(text.into())),
            Err(_) => Err("has a label that is no UTF-8 text".into()),
        },
    }
}

fn no_image(row: usize, path: Option<&str>) -> String {
    match path {
        Some(path) => format!(
            "row {row} (the first is 0) has the path {} and no image: write the set again with the images in it",
            shown(path)
        ),
        None => format!("row {row} (the first is 0) has no image: leave it out"),
    }
}
