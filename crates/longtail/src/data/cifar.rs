//! CIFAR-10 and CIFAR-100 in the official binary layout.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use super::{DataError, ImageSet, Source};

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const PIXELS: usize = 3 * PLANE;

/// Which CIFAR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cifar {
    /// 10 classes, 5,000 training images each.
    Ten,
    /// 100 classes, 500 training images each.
    Hundred,
}

/// Whether a data set has to be the official one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integrity {
    /// Its content has to be the official content, where that is known.
    Official,
    /// Any content of the right layout.
    Any,
}

/// What is known of one of the two.
pub(super) struct Facts {
    pub(super) title: &'static str,
    name: &'static str,
    pub(super) archive: &'static str,
    folder: &'static str,
    train: &'static [&'static str],
    test: &'static str,
    labels: usize,
    classes: usize,
    /// SHA-256 of the training and then the test files, in official order.
    content: Option<&'static str>,
}

const TEN: Facts = Facts {
    title: "CIFAR-10",
    name: "cifar10-lt",
    archive: "cifar-10-binary.tar.gz",
    folder: "cifar-10-batches-bin",
    train: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    test: "test_batch.bin",
    labels: 1,
    classes: 10,
    content: Some("013ba16d14ecc4829da62bf2af648ca30f600491ecb3e7f329c827db0dd17522"),
};

const HUNDRED: Facts = Facts {
    title: "CIFAR-100",
    name: "cifar100-lt",
    archive: "cifar-100-binary.tar.gz",
    folder: "cifar-100-binary",
    train: &["train.bin"],
    test: "test.bin",
    labels: 2,
    classes: 100,
    content: None,
};

const TEN_NAMES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

impl Cifar {
    pub(super) fn facts(self) -> &'static Facts {
        match self {
            Self::Ten => &TEN,
            Self::Hundred => &HUNDRED,
        }
    }

    /// Reads the `.tar.gz` as downloaded, the extracted folder, or a folder that holds either.
    /// Training images keep the official order.
    ///
    /// # Errors
    /// [`DataError::Missing`] or [`DataError::Archive`].
    pub fn load(self, path: &Path, integrity: Integrity) -> Result<Source, DataError> {
        let facts = self.facts();
        let place = facts.find(path)?;
        let mut files = match place.is_dir() {
            true => facts.read_folder(&place)?,
            false => facts.read_archive(&place)?,
        };
        if integrity == Integrity::Official {
            facts.verify(&place, &files)?;
        }
        let pool = facts.decode(&place, facts.train, &files)?;
        let test = facts.decode(&place, &[facts.test], &files)?;
        let class_names = facts.class_names(&place, files.remove("fine_label_names.txt"))?;
        Ok(Source { name: facts.name.into(), class_names, pool, val: None, test: Some(test) })
    }
}

impl Cifar {
    /// What a person should know about how the content was checked.
    pub fn note(self, integrity: Integrity) -> Option<String> {
        let Facts { title, content, .. } = self.facts();
        match (integrity, content) {
            (Integrity::Any, _) => Some(format!("{title} is taken with any content, unchecked")),
            (Integrity::Official, None) => Some(format!(
                "the official content of {title} is not known to this version: only its layout was \
                 checked"
            )),
            (Integrity::Official, Some(_)) => None,
        }
    }
}

type Files = HashMap<String, Vec<u8>>;

impl Facts {
    /// Finds the archive or the extracted folder at `path` or in it.
    fn find(&self, path: &Path) -> Result<PathBuf, DataError> {
        let candidates = [path.to_owned(), path.join(self.folder), path.join(self.archive)];
        let holds_batches = |folder: &Path| folder.join(self.train[0]).is_file();
        candidates
            .into_iter()
            .find(|place| if place.is_dir() { holds_batches(place) } else { place.is_file() })
            .ok_or_else(|| DataError::Missing {
                data: self.title,
                path: path.to_owned(),
                mend: format!(
                    "give --data-dir the official {}, the folder {} extracted from it, or the \
                     folder that holds one of them; `longtail data fetch` downloads it",
                    self.archive, self.folder
                ),
            })
    }

    fn wanted(&self) -> impl Iterator<Item = &'static str> {
        let names = (self.classes == 100).then_some("fine_label_names.txt");
        self.train.iter().copied().chain([self.test]).chain(names)
    }

    fn read_folder(&self, folder: &Path) -> Result<Files, DataError> {
        let mut files = Files::new();
        for name in self.wanted() {
            match fs::read(folder.join(name)) {
                Ok(bytes) => files.insert(name.to_owned(), bytes),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(DataError::io("read", folder.join(name), error)),
            };
        }
        Ok(files)
    }

    fn read_archive(&self, path: &Path) -> Result<Files, DataError> {
        let file = File::open(path).map_err(|error| DataError::io("read", path, error))?;
        let reader = GzDecoder::new(BufReader::with_capacity(1 << 20, file));
        self.members(tar::Archive::new(reader)).map_err(|error| {
            let what = "it is cut off, damaged or no .tar.gz";
            self.unusable(path, format!("{what} ({error}); download it again"))
        })
    }

    fn members(&self, mut archive: tar::Archive<impl Read>) -> io::Result<Files> {
        let mut files = Files::new();
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = entry.path()?.into_owned();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(name) = self.wanted().find(|wanted| *wanted == name) {
                // The header's size is no promise: it must not decide how much is allocated.
                let mut bytes = Vec::with_capacity(entry.size().min(1 << 28) as usize);
                entry.read_to_end(&mut bytes)?;
                files.insert(name.to_owned(), bytes);
            }
        }
        Ok(files)
    }

    fn file<'a>(&self, place: &Path, name: &str, files: &'a Files) -> Result<&'a [u8], DataError> {
        files.get(name).map(Vec::as_slice).ok_or_else(|| {
            self.unusable(place, format!("it lacks {name}; download the binary version again"))
        })
    }

    fn verify(&self, place: &Path, files: &Files) -> Result<(), DataError> {
        let Some(official) = self.content else { return Ok(()) };
        let mut hash = Sha256::new();
        for name in self.train.iter().chain([&self.test]) {
            hash.update(self.file(place, name, files)?);
        }
        let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if found == official {
            return Ok(());
        }
        // A record of the wrong size or label says more than a hash does.
        self.decode(place, self.train, files)?;
        self.decode(place, &[self.test], files)?;
        let reason = "its images deviate from the official ones; download it again, or take it as \
                      it is with --any-content";
        Err(self.unusable(place, reason.into()))
    }

    /// Records of (labels, 1024 red, 1024 green, 1024 blue) to interleaved pixels.
    fn decode(
        &self,
        place: &Path,
        names: &[&'static str],
        files: &Files,
    ) -> Result<ImageSet, DataError> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        let record = self.labels + PIXELS;
        for name in names {
            let bytes = self.file(place, name, files)?;
            if bytes.is_empty() || bytes.len() % record != 0 {
                let reason = format!(
                    "{name} has {} bytes, which is no multiple of the record size {record}; \
                     download it again",
                    bytes.len()
                );
                return Err(self.unusable(place, reason));
            }
            pixels.reserve(bytes.len() / record * PIXELS);
            for (index, record) in bytes.chunks_exact(record).enumerate() {
                let label = record[self.labels - 1];
                if usize::from(label) >= self.classes {
                    let classes = self.classes;
                    let reason = format!(
                        "record {index} of {name} has label {label}, and there are {classes} \
                         classes; download it again"
                    );
                    return Err(self.unusable(place, reason));
                }
                labels.push(u32::from(label));
                interleave(&record[self.labels..], &mut pixels);
            }
        }
        Ok(ImageSet::new(SIDE, SIDE, pixels, labels, Vec::new()))
    }

    fn class_names(&self, place: &Path, listed: Option<Vec<u8>>) -> Result<Vec<String>, DataError> {
        if self.classes == 10 {
            return Ok(TEN_NAMES.map(str::to_owned).to_vec());
        }
        let Some(listed) = listed else {
            return Ok((0..self.classes).map(|class| format!("class {class}")).collect());
        };
        let text = String::from_utf8_lossy(&listed);
        let names: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        match names.len() {
            count if count == self.classes => Ok(names),
            count => {
                let reason = format!(
                    "fine_label_names.txt has {count} names instead of {}; download it again",
                    self.classes
                );
                Err(self.unusable(place, reason))
            }
        }
    }

    fn unusable(&self, path: &Path, reason: String) -> DataError {
        DataError::Archive { data: self.title, path: path.to_owned(), reason }
    }
}

/// Appends planar red, green, blue as interleaved pixels.
fn interleave(planes: &[u8], pixels: &mut Vec<u8>) {
    let (red, rest) = planes.split_at(PLANE);
    let (green, blue) = rest.split_at(PLANE);
    pixels.extend(red.iter().zip(green).zip(blue).flat_map(|((r, g), b)| [*r, *g, *b]));
}
