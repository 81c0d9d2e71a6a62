use std::{collections::BTreeMap, path::PathBuf};

use super::{
    Data, DataError, DataSource, DataTyped, Fitting, ImageSet, Integrity, Listed, Listing, Source,
    Split, SplitRequest,
    catalog::{Catalog, Files},
    folder,
    inspect::{Broken, Glanced, Inspected, glance, inspect},
    list,
    names::text_of,
    on_disk, pack, read, shards,
    source::given,
    synthetic::BuiltIn,
};

/// Where `data fetch` puts archives, and where they are looked for when nothing else is said.
pub const DEFAULT_DIR: &str = "data";

/// A data set whose images are known and, if they are files, not yet decoded.
#[derive(Debug)]
pub struct Opened {
    /// What a split is made of.
    pub listing: Listing,
    /// What a person should know of it, one sentence each.
    pub notes: Vec<String>,
    /// The split that it comes with.
    pub split: Option<Split>,
    images: Images,
}

#[derive(Debug)]
enum Images {
    /// Drawn when it is known which.
    BuiltIn,
    Memory(Box<Source>),
    Files(Box<Inspection>),
}

/// Files that were found and looked at.
#[derive(Debug)]
struct Inspection {
    catalog: Catalog,
    inspected: BTreeMap<&'static str, Inspected>,
    /// Sizes of some images, where they stay on disk.
    some_sizes: Option<Vec<[usize; 2]>>,
}

impl Opened {
    /// Finds the images of the data set that a section names, to train on them.
    ///
    /// # Errors
    /// [`DataError`] naming the file, folder or option and the mend.
    pub fn open(data: &Data) -> Result<Self, DataError> {
        let opened = Self::to_score(data)?;
        match &opened.images {
            Images::Files(files) => folder::check_classes(&files.catalog)?,
            Images::Memory(source) if source.class_names.len() < 2 => {
                let reason =
                    "it has fewer than two classes, and training needs at least two".into();
                return Err(DataError::Folder { path: source.name.clone().into(), reason });
            }
            Images::Memory(_) | Images::BuiltIn => {}
        }
        Ok(opened)
    }

    /// [`Opened::open`] for figures alone, which one class has too.
    ///
    /// # Errors
    /// As [`Opened::open`].
    pub fn to_score(data: &Data) -> Result<Self, DataError> {
        Ok(match DataSource::of(data)? {
            DataSource::Synthetic => Self {
                listing: BuiltIn::listing(),
                notes: Vec::new(),
                split: None,
                images: Images::BuiltIn,
            },
            DataSource::Cifar(cifar, dir) => {
                let integrity = if data.any_content { Integrity::Any } else { Integrity::Official };
                let source = Source { name: data.name.clone(), ..cifar.load(&dir, integrity)? };
                Self::in_memory(source, cifar.note(integrity).into_iter().collect())
            }
            DataSource::Pack(pack) => {
                let (source, split) = pack::load(&pack, data)?;
                let mut opened = Self::in_memory(source, Vec::new());
                // Of the sets beside the pool a pack keeps the pixels, and its split what identifies them.
                let own = [
                    (&mut opened.listing.val, &split.val_content),
                    (&mut opened.listing.test, &split.test_content),
                ];
                for (listed, content) in own {
                    if let (Some(listed), Some(content)) = (listed, content) {
                        listed.content.clone_from(content);
                    }
                }
                split.check(&opened.listing)?;
                opened.split = Some(split);
                opened
            }
            DataSource::Lists(lists) => Self::of_files(list::find(&lists)?, data)?,
            DataSource::Shards(shards) => Self::of_files(shards::find(&shards, data)?, data)?,
            DataSource::Folder(dir) => Self::of_files(folder::find(&dir)?, data)?,
        })
    }

    fn in_memory(source: Source, notes: Vec<String>) -> Self {
        let (listing, split) = (Listing::of(&source), None);
        Self { listing, notes, split, images: Images::Memory(Box::new(source)) }
    }

    fn of_files(mut catalog: Catalog, data: &Data) -> Result<Self, DataError> {
        let broken = if data.skip_broken { Broken::Skip } else { Broken::Refuse };
        let on_disk = on_disk::is_asked(data, catalog.parts().map(|(_, files)| files.len()).sum());
        let (inspected, some_sizes) = match on_disk {
            true => {
                let Glanced { inspected, sizes } = glance(&mut catalog, broken)?;
                (inspected, Some(sizes))
            }
            false => (inspect(&mut catalog, broken)?, None),
        };
        let listed = |part: &'static str, files: &Files| {
            let digests = inspected.get(part).map(|seen| seen.digests.clone()).unwrap_or_default();
            Listed::of_files(files.labels.clone(), digests)
        };
        let listing = Listing {
            name: catalog.title.clone(),
            class_names: catalog.class_names.clone(),
            pool: listed("train", &catalog.train),
            val: catalog.val.as_ref().map(|files| listed("val", files)),
            test: catalog.test.as_ref().map(|files| listed("test", files)),
            is_files: true,
            by_names: on_disk,
        };
        let mut notes = std::mem::take(&mut catalog.notes);
        notes.extend(on_disk::note(data).filter(|_| on_disk));
        let images = Images::Files(Box::new(Inspection { catalog, inspected, some_sizes }));
        Ok(Self { listing, notes, split: None, images })
    }

    /// Height and width of every image file, upright, in pixels, or of some where they stay on disk; none for images
    /// that are no files.
    pub fn sizes(&self) -> Vec<[usize; 2]> {
        match &self.images {
            Images::Memory(_) | Images::BuiltIn => Vec::new(),
            Images::Files(files) => match &files.some_sizes {
                Some(sizes) => sizes.clone(),
                None => {
                    files.inspected.values().flat_map(|seen| seen.sizes.iter().copied()).collect()
                }
            },
        }
    }

    /// The split that a section asks for, and what a person should know about it: the one that it names, the one
    /// that the data came with, or a new one.
    ///
    /// # Errors
    /// [`DataError`] for a split that cannot be read or made, or is of other data.
    pub fn split(&self, data: &Data) -> Result<(Split, Vec<String>), DataError> {
        match (given(&data.split), &self.split) {
            (Some(path), _) => {
                let split = Split::load(&path)?;
                let note = split.check(&self.listing)?;
                Ok((split, note.into_iter().collect()))
            }
            (None, Some(packed)) => Ok((packed.clone(), Vec::new())),
            (None, None) => Split::make(&self.listing, &split_request(data)),
        }
    }

    /// Whether a split is the one that `typed` asks for beside it; `data` is the section that follows from that.
    ///
    /// # Errors
    /// [`DataError::Split`] if it is another, so that what was typed would go unheard.
    pub fn check_asked(
        &self,
        split: &Split,
        typed: &DataTyped,
        data: &Data,
    ) -> Result<(), DataError> {
        let asked = split_request(data);
        let own = SplitRequest { imbalance: split.imbalance, seed: split.split_seed, ..asked };
        let has_its_val =
            || Split::make(&self.listing, &own).is_ok_and(|(made, _)| made.hash == split.hash);
        let is_asked = (typed.imbalance.is_none() || asked.imbalance == own.imbalance)
            && (typed.split_seed.is_none() || asked.seed == own.seed)
            && (typed.val.is_none() || has_its_val());
        if is_asked {
            return Ok(());
        }
        let reason = "it is not the split that --imbalance, --split-seed and --val ask for: leave them out, or leave \
                      --split out";
        Err(DataError::Split { path: data.split.clone(), reason: reason.into() })
    }

    /// Bytes that the images of a split take, decoded for views of `data.image_size`; those of sets in memory are
    /// there already, and those on disk stay there.
    pub fn bytes(&self, split: &Split, data: &Data) -> u64 {
        match &self.images {
            Images::Memory(_) | Images::BuiltIn => 0,
            Images::Files(files) if files.some_sizes.is_some() => 0,
            Images::Files(files) => {
                let of = |part: &str, used: Option<&[u32]>| {
                    let sizes = files.inspected.get(part).map_or(&[][..], |seen| &seen.sizes);
                    read::bytes(sizes, used, Fitting::of(data))
                };
                of("train", Some(&split.used())) + of("val", None) + of("test", None)
            }
        }
    }

    /// The images that `split` uses, decoded, or to be read from their files as they are needed.
    ///
    /// # Errors
    /// [`DataError::Images`] naming all files that cannot be read.
    pub fn load(self, split: &Split, data: &Data) -> Result<(Source, Vec<String>), DataError> {
        let listing = self.listing;
        let Inspection { catalog, mut inspected, some_sizes } = match self.images {
            Images::BuiltIn => return Ok((BuiltIn::source(&split.used()), Vec::new())),
            Images::Memory(source) => return Ok((*source, Vec::new())),
            Images::Files(files) => *files,
        };
        let fitting = Fitting::of(data);
        if some_sizes.is_some() {
            return left_on_disk(listing, catalog, data);
        }
        let mut notes = Vec::new();
        let mut faults = Vec::new();
        let mut images = |part: &str, files: Files, used: Option<&[u32]>| -> ImageSet {
            let sizes = inspected.remove(part).unwrap_or_default().sizes;
            let read = read::images(files, &sizes, used, fitting);
            notes.extend(read.notes);
            faults.extend(read.faults);
            read.images
        };
        let used = split.used();
        let pool = images("train", catalog.train, Some(&used));
        let val = catalog.val.map(|files| images("val", files, None));
        let test = catalog.test.map(|files| images("test", files, None));
        if !faults.is_empty() {
            return Err(DataError::Images { faults });
        }
        let (name, class_names) = (listing.name, listing.class_names);
        Ok((Source { name, class_names, pool, val, test }, notes))
    }
}

/// The images of a set that stay on disk, and what a person should know of them.
fn left_on_disk(
    listing: Listing,
    catalog: Catalog,
    data: &Data,
) -> Result<(Source, Vec<String>), DataError> {
    let content = |listed: &Option<Listed>| listed.clone().unwrap_or_default().content;
    let (val, test) = (content(&listing.val), content(&listing.test));
    let mut notes = Vec::new();
    let room = on_disk::room(data);
    let mut images = |files, part, content| {
        let (images, note) = on_disk::images(files, part, content, data, room.as_ref())?;
        // What holds for all parts is said once.
        notes.extend(note.filter(|note| !notes.contains(note)));
        Ok::<_, DataError>(images)
    };
    let source = Source {
        name: listing.name,
        class_names: listing.class_names,
        pool: images(catalog.train, "train", listing.pool.content)?,
        val: catalog.val.map(|files| images(files, "val", val)).transpose()?,
        test: catalog.test.map(|files| images(files, "test", test)).transpose()?,
    };
    Ok((source, notes))
}

/// What split a recipe asks for where none is given.
pub fn split_request(data: &Data) -> SplitRequest {
    SplitRequest {
        imbalance: (data.imbalance > 0.0).then_some(data.imbalance),
        seed: data.split_seed,
        holdout: data.val,
    }
}

fn no_unicode(path: PathBuf) -> DataError {
    let reason = format!(
        "its path, {}, is no valid Unicode, and a run could not name it in its recipe: rename its folders",
        text_of(&path)
    );
    DataError::Folder { path, reason }
}

/// A section with every path made absolute, so that a run finds its data from any working directory.
///
/// # Errors
/// [`DataError::Io`] where the working directory is gone; [`DataError::Folder`] for a path that is no Unicode, which
/// a recipe cannot hold.
pub fn absolute(data: &Data) -> Result<Data, DataError> {
    let absolute = |path: &PathBuf| -> Result<PathBuf, DataError> {
        match given(path) {
            None => Ok(PathBuf::new()),
            Some(path) => {
                let absolute =
                    std::path::absolute(&path).map_err(|e| DataError::io("find", path, e))?;
                match absolute.to_str() {
                    Some(_) => Ok(absolute),
                    None => Err(no_unicode(absolute)),
                }
            }
        }
    };
    let mut data = data.clone();
    for path in [
        &mut data.dir,
        &mut data.train_list,
        &mut data.val_list,
        &mut data.test_list,
        &mut data.split,
        &mut data.cache,
    ] {
        *path = absolute(path)?;
    }
    let is_path = !super::source::is_known(&data.name) && !pack::is_pack(&data.dir);
    if is_path && given(&data.train_list).is_none() {
        data.name = absolute(&PathBuf::from(&data.name))?.display().to_string();
    }
    Ok(data)
}
