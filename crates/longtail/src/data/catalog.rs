//! Which image files a data set has, before one is read.

use std::{
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use super::{names::text_of, parquet::ImageTable};
use crate::regular;

/// Where an image file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a folder, under its name.
    Below(Arc<Path>),
    /// Where its name does not tell.
    At(Located),
}

impl Place {
    /// Of the file at `path`, whose name is `name`, in a `folder`.
    pub fn of(path: PathBuf, folder: &Arc<Path>, name: &str) -> Self {
        match folder.join(name) == path {
            true => Self::Below(Arc::clone(folder)),
            false => Self::At(Located::File(path)),
        }
    }
}

/// The bytes of an image file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Located {
    /// All bytes of a file.
    File(PathBuf),
    /// Some bytes of a larger file.
    Within {
        /// The larger file.
        file: Arc<Path>,
        /// The first byte.
        offset: u64,
        /// How many bytes.
        length: u64,
    },
    /// Bytes that were unpacked out of a file in which they cannot be read alone.
    Unpacked {
        /// Where they are.
        of: Arc<UnpackedTable>,
        /// The row of the table that they are of.
        row: u32,
        /// The first byte.
        offset: u64,
        /// How many bytes.
        length: u64,
        /// CRC-32C of the bytes.
        crc: u32,
    },
    /// Bytes in memory, out of a file in which they cannot be read alone.
    Held(Arc<[u8]>),
}

/// A Parquet file whose images were unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpackedTable {
    /// The file of the images.
    pub images: PathBuf,
    /// The file that says which are there.
    pub list: PathBuf,
    /// The Parquet file.
    pub table: PathBuf,
}

impl UnpackedTable {
    /// The image of a row as it was in a file: what was unpacked, if its checksum is `crc`, else out of the table again. A
    /// table of which an image was damaged is unpacked anew by the next run.
    ///
    /// # Errors
    /// Why it cannot be read, in both files.
    pub fn read(&self, row: u32, offset: u64, length: u64, crc: u32) -> Result<Vec<u8>, String> {
        let is_whole = |bytes: &Vec<u8>| crc32c::crc32c(bytes) == crc;
        if let Some(bytes) = self.unpacked(offset, length).ok().filter(is_whole) {
            return Ok(bytes);
        }
        // Where it cannot be removed, it is read so the next time too.
        let _ = std::fs::remove_file(&self.list);
        let again = ImageTable::open(&self.table).and_then(|table| table.image(row as usize));
        let again = again.map_err(|reason| format!("{}: {reason}", text_of(&self.table)));
        again.and_then(|bytes| match is_whole(&bytes) {
            true => Ok(bytes),
            false => Err(format!("{} was changed since it was unpacked", text_of(&self.table))),
        })
    }

    fn unpacked(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut file = regular::open(&self.images)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(io::Error::other)?);
        file.take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Image files of one part, with their labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Files {
    /// Where the files are.
    pub places: Vec<Place>,
    /// The files as the data set names them: relative to the folder, or as a list has them.
    pub names: Vec<String>,
    /// Their labels.
    pub labels: Vec<u32>,
}

impl Files {
    /// Number of files.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Adds a file.
    pub fn push(&mut self, place: Place, name: String, label: u32) {
        self.places.push(place);
        self.names.push(name);
        self.labels.push(label);
    }

    /// Where file `index` is.
    pub fn located(&self, index: usize) -> Located {
        match &self.places[index] {
            Place::Below(folder) => Located::File(folder.join(&self.names[index])),
            Place::At(located) => located.clone(),
        }
    }

    /// The name of file `index` without what spells it in another way: `a.png` for `b/../a.png`, and for the whole path of
    /// what lies below the folder.
    pub fn plain_name(&self, index: usize) -> String {
        let name = Path::new(&self.names[index]);
        let name = match &self.places[index] {
            Place::Below(folder) => name.strip_prefix(folder).unwrap_or(name),
            Place::At(_) => name,
        };
        let is_plain = |part: &Component| matches!(part, Component::Normal(_) | Component::RootDir);
        if name.components().all(|part| is_plain(&part)) {
            return text_of(name);
        }
        let mut plain: Vec<Component> = Vec::new();
        for part in name.components() {
            match (part, plain.last()) {
                (Component::CurDir, _) => {}
                (Component::ParentDir, Some(Component::Normal(_))) => {
                    plain.pop();
                }
                (part, _) => plain.push(part),
            }
        }
        text_of(plain.into_iter().collect::<PathBuf>())
    }

    /// What messages call file `index`.
    pub fn title(&self, index: usize) -> String {
        match self.located(index) {
            Located::File(path) => text_of(&path),
            Located::Within { file, .. } => format!("{} in {}", self.names[index], text_of(&*file)),
            Located::Unpacked { of, .. } => {
                format!("{} in {}", self.names[index], text_of(&of.table))
            }
            Located::Held(_) => self.names[index].clone(),
        }
    }

    /// Keeps the files that `keep`, one value a file, says.
    pub fn retain(&mut self, keep: &[bool]) {
        fn filter<T>(values: &mut Vec<T>, keep: &[bool]) {
            let mut keep = keep.iter();
            values.retain(|_| keep.next().is_none_or(|&kept| kept));
        }
        filter(&mut self.places, keep);
        filter(&mut self.names, keep);
        filter(&mut self.labels, keep);
    }
}

/// The image files of a data set, part by part, with its classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalog {
    /// What people call it: the folder's or the list's own name.
    pub title: String,
    /// Class names; a label is an index into them.
    pub class_names: Vec<String>,
    /// Training images, and those that are held out of them.
    pub train: Files,
    /// Validation images that came with the set.
    pub val: Option<Files>,
    /// Test images that came with the set.
    pub test: Option<Files>,
    /// What a person should know about what was found, one sentence each.
    pub notes: Vec<String>,
}

impl Catalog {
    /// The parts that there are, by name.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, &Files)> {
        let others = [("val", self.val.as_ref()), ("test", self.test.as_ref())];
        let others = others.into_iter().filter_map(|(name, files)| Some((name, files?)));
        std::iter::once(("train", &self.train)).chain(others)
    }

    /// The parts that there are, to be changed.
    pub fn parts_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Files)> {
        let others = [("val", self.val.as_mut()), ("test", self.test.as_mut())];
        let others = others.into_iter().filter_map(|(name, files)| Some((name, files?)));
        std::iter::once(("train", &mut self.train)).chain(others)
    }
}
