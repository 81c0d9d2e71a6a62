//! CIFAR-10 and CIFAR-100 as people have them: the binary and the Python version, packed or not.

mod batch;
mod binary;
mod files;
mod find;
mod pickle;
mod python;

use std::path::Path;

use self::{
    batch::{Batch, PIXELS, SIDE},
    files::Files,
    find::Place,
};
use super::{DataError, ImageSet, Source};

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

/// A data set that a name such as `cifar10-lt` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CifarName {
    /// Where its images are from.
    pub cifar: Cifar,
    /// Whether it is a long-tailed subset, else all training images.
    pub long_tailed: bool,
}

/// What is known of one of the two.
struct Facts {
    title: &'static str,
    /// Names of all of it and of its long-tailed subset.
    names: [&'static str; 2],
    binary: Layout,
    python: Layout,
    /// Bytes of labels before every image of the binary version; the last is the class.
    labels: usize,
    /// Key of the labels and key of the class names in the Python version.
    keys: [&'static str; 2],
    classes: usize,
    /// SHA-256 of label and image after label and image, training first, in official order.
    content: Option<&'static str>,
}

/// How one version of a CIFAR lies on disk.
struct Layout {
    archive: &'static str,
    folder: &'static str,
    train: &'static [&'static str],
    test: &'static str,
    /// The file with the class names, which may be missing.
    names: Option<&'static str>,
}

/// The two versions, the preferred one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Format {
    Binary,
    Python,
}

/// How well something serves as a CIFAR: the least is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    incomplete: bool,
    format: Format,
    /// How many files are missing.
    lacking: usize,
}

const TEN: Facts = Facts {
    title: "CIFAR-10",
    names: ["cifar10", "cifar10-lt"],
    binary: Layout {
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
        names: None,
    },
    python: Layout {
        archive: "cifar-10-python.tar.gz",
        folder: "cifar-10-batches-py",
        train: &["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"],
        test: "test_batch",
        names: Some("batches.meta"),
    },
    labels: 1,
    keys: ["labels", "label_names"],
    classes: 10,
    content: Some("013ba16d14ecc4829da62bf2af648ca30f600491ecb3e7f329c827db0dd17522"),
};

const HUNDRED: Facts = Facts {
    title: "CIFAR-100",
    names: ["cifar100", "cifar100-lt"],
    binary: Layout {
        archive: "cifar-100-binary.tar.gz",
        folder: "cifar-100-binary",
        train: &["train.bin"],
        test: "test.bin",
        names: Some("fine_label_names.txt"),
    },
    python: Layout {
        archive: "cifar-100-python.tar.gz",
        folder: "cifar-100-python",
        train: &["train"],
        test: "test",
        names: Some("meta"),
    },
    labels: 2,
    keys: ["fine_labels", "fine_label_names"],
    classes: 100,
    content: None,
};

const TEN_NAMES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

impl Cifar {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ten, Self::Hundred];

    fn facts(self) -> &'static Facts {
        match self {
            Self::Ten => &TEN,
            Self::Hundred => &HUNDRED,
        }
    }

    /// What `name` stands for: `cifar10` and `cifar100` for all training images, `cifar10-lt` and
    /// `cifar100-lt` for a long-tailed subset; `None` for any other name.
    pub fn of_name(name: &str) -> Option<CifarName> {
        CifarName::ALL.into_iter().find(|known| known.name() == name)
    }

    /// Reads the binary or the Python version: the `.tar.gz` or `.tar`, the folder extracted from it, or
    /// a folder that holds one of these. They are told by what they hold, whatever their names are; of
    /// several the first usable one counts, the binary version before the Python version. Images keep
    /// the official order, which is the same in both, and are named `cifar10-lt` or `cifar100-lt`.
    ///
    /// # Errors
    /// [`DataError::Missing`] where there is none, else [`DataError::Archive`] or [`DataError::Io`] of the
    /// first that cannot be used.
    pub fn load(self, path: &Path, integrity: Integrity) -> Result<Source, DataError> {
        let facts = self.facts();
        let mut failed = None;
        for place in find::places(facts, path)? {
            match facts.load(&place, integrity) {
                Ok(source) => return Ok(source),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(failed.unwrap_or_else(|| facts.missing(path)))
    }

    /// The CIFAR that the files at `path`, or in the folder there, are by their content.
    pub fn found_at(path: &Path) -> Option<Self> {
        Self::ALL.into_iter().find(|cifar| find::holds(cifar.facts(), path))
    }

    /// Whether its files are at `path`, or in the folder there, by their content.
    pub fn is_at(self, path: &Path) -> bool {
        find::holds(self.facts(), path)
    }

    /// What to say where its files were given as if they were a folder of images.
    pub fn answer(self, path: &Path) -> String {
        let Facts { title, names: [whole, long_tailed], .. } = self.facts();
        format!(
            "this is {title}: use --data {long_tailed} --data-dir {} (or --data {whole} for all its images)",
            path.display()
        )
    }

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

impl CifarName {
    /// Every name that stands for a CIFAR.
    pub const ALL: [Self; 4] = [
        Self { cifar: Cifar::Ten, long_tailed: false },
        Self { cifar: Cifar::Ten, long_tailed: true },
        Self { cifar: Cifar::Hundred, long_tailed: false },
        Self { cifar: Cifar::Hundred, long_tailed: true },
    ];

    /// `cifar10`, `cifar10-lt`, `cifar100` or `cifar100-lt`.
    pub fn name(self) -> &'static str {
        self.cifar.facts().names[usize::from(self.long_tailed)]
    }
}

impl Format {
    const ALL: [Self; 2] = [Self::Binary, Self::Python];
}

impl Layout {
    /// The files that have to be there.
    fn batches(&self) -> impl Iterator<Item = &'static str> {
        self.train.iter().copied().chain([self.test])
    }

    /// The files that are read.
    fn files(&self) -> impl Iterator<Item = &'static str> {
        self.batches().chain(self.names)
    }
}

impl Facts {
    fn layout(&self, format: Format) -> &Layout {
        match format {
            Format::Binary => &self.binary,
            Format::Python => &self.python,
        }
    }

    /// How well something with the files that it `has` serves; `None` where it has none.
    fn rank(&self, format: Format, has: impl Fn(&str) -> bool) -> Option<Rank> {
        let batches = self.layout(format).batches();
        let (all, lacking) = batches
            .fold((0, 0), |(all, lacking), name| (all + 1, lacking + usize::from(!has(name))));
        (lacking < all).then_some(Rank { incomplete: lacking > 0, format, lacking })
    }

    /// Whether there are more files of that version than chance would have.
    fn is_likely(&self, rank: Rank) -> bool {
        self.layout(rank.format).batches().count() - rank.lacking >= 2
    }

    fn load(&self, place: &Place, integrity: Integrity) -> Result<Source, DataError> {
        let (format, files) = match place {
            Place::Folder(path, format) => (*format, files::of_folder(self, *format, path)?),
            Place::Archive(path) => files::of_archive(self, path)?,
        };
        self.source(format, &files, integrity)
            .map_err(|reason| self.unusable(place.path(), format!("{reason}; {AGAIN}")))
    }

    fn source(
        &self,
        format: Format,
        files: &Files,
        integrity: Integrity,
    ) -> Result<Source, String> {
        let layout = self.layout(format);
        let batch = |name: &'static str| {
            let bytes = files.get(name).ok_or_else(|| format!("it lacks {name}"))?;
            let batch = match format {
                Format::Binary => binary::batch(self, name, bytes)?,
                Format::Python => python::batch(self, name, bytes)?,
            };
            batch.check(self.classes).map(|()| batch)
        };
        let train = layout.train.iter().map(|name| batch(name)).collect::<Result<Vec<_>, _>>()?;
        let test = batch(layout.test)?;
        let class_names = self.class_names(format, files)?;
        if integrity == Integrity::Official {
            self.verify(train.iter().chain([&test]))?;
        }
        Ok(Source {
            name: self.names[1].into(),
            class_names,
            pool: images(&train),
            val: None,
            test: Some(images(&[test])),
        })
    }

    fn verify<'a>(&self, batches: impl Iterator<Item = &'a Batch<'a>>) -> Result<(), String> {
        let Some(official) = self.content else { return Ok(()) };
        match batch::content(batches) == official {
            true => Ok(()),
            false => {
                Err("its images deviate from the official ones (--any-content takes them as they \
                     are)"
                    .into())
            }
        }
    }

    fn class_names(&self, format: Format, files: &Files) -> Result<Vec<String>, String> {
        let classes = self.classes;
        let known = (classes == TEN_NAMES.len()).then(|| TEN_NAMES.map(str::to_owned).to_vec());
        let listed = self.layout(format).names.and_then(|name| Some((name, files.get(name)?)));
        let Some((file, bytes)) = listed else {
            let numbered = || (0..classes).map(|class| format!("class {class}")).collect();
            return Ok(known.unwrap_or_else(numbered));
        };
        let names = match format {
            Format::Binary => binary::class_names(bytes),
            Format::Python => python::class_names(self, file, bytes)?,
        };
        if names.len() != classes {
            return Err(format!("{file} has {} names instead of {classes}", names.len()));
        }
        // The binary version is read without its list, and both have to mean the same.
        match known.is_none_or(|known| known == names) {
            true => Ok(names),
            false => Err(format!("{file} names other classes than {}", TEN_NAMES.join(", "))),
        }
    }

    fn missing(&self, path: &Path) -> DataError {
        let Layout { archive, folder, .. } = self.binary;
        let python = &self.python;
        let mend = match self.other(path) {
            Some(other) => format!("it holds {}: choose --data {}", other.title, other.names[1]),
            None => format!(
                "give --data-dir the official {archive} or {}, the folder extracted from it \
                 ({folder} or {}), or the folder that holds one of them, whatever their names are; \
                 `longtail data fetch` downloads it",
                python.archive, python.folder
            ),
        };
        DataError::Missing { data: self.title, path: path.to_owned(), mend }
    }

    /// The other CIFAR, if `path` holds that.
    fn other(&self, path: &Path) -> Option<&'static Facts> {
        let others = Cifar::ALL.map(Cifar::facts).into_iter().filter(|o| o.title != self.title);
        others.into_iter().find(|other| find::holds(other, path))
    }

    fn unusable(&self, path: &Path, reason: String) -> DataError {
        DataError::Archive { data: self.title, path: path.to_owned(), reason }
    }
}

const AGAIN: &str = "download it again";

/// Planes of red, green and blue as interleaved pixels.
fn images(batches: &[Batch]) -> ImageSet {
    let count: usize = batches.iter().map(|batch| batch.labels.len()).sum();
    let mut pixels = Vec::with_capacity(count * PIXELS);
    batches.iter().flat_map(Batch::images).for_each(|image| batch::interleave(image, &mut pixels));
    let labels = batches.iter().flat_map(|batch| &batch.labels).map(|&label| label.into());
    ImageSet::new(SIDE, SIDE, pixels, labels.collect(), Vec::new())
}
