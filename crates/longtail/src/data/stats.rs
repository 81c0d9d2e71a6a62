//! What a data set is like before anything trains on it.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::{self, Write},
};

use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{
    DataError, ImageSet, Listed, Listing, Split, SplitRequest,
    catalog::{Catalog, Files, Located},
    decode::ImageFile,
    inspect::Digest,
};
use crate::{
    eval::{Group, ShotThresholds},
    raster::RasterRef,
    report::printable,
};

mod shared;

/// Pairs of files listed in the text; JSON has them all.
const SHOWN: usize = 10;

/// Counts and faults of a data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// The parts: train, val, test.
    pub parts: Vec<PartStats>,
    /// The classes by label.
    pub classes: Vec<ClassStats>,
    /// Largest over smallest training class; `None` if a class has none.
    pub imbalance_factor: Option<f64>,
    /// Classes per group by training images.
    pub groups: BTreeMap<&'static str, usize>,
    /// Files that cannot be read.
    pub broken: Vec<Broken>,
    /// Files of one part that are the same to the byte.
    pub duplicates: Vec<Pair>,
    /// Images of two parts that show the same pixels.
    pub shared: Vec<Pair>,
    /// Smallest, median and largest width and height; `None` if no image was read.
    pub sizes: Option<Sizes>,
    /// Whether the parts are those of a split, and not the files as they lie.
    pub as_split: bool,
}

/// One part of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartStats {
    /// `train`, `val` or `test`.
    pub name: String,
    /// Its images, broken ones included.
    pub images: usize,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassStats {
    /// Its name.
    pub name: String,
    /// `many`, `medium` or `few` by training images.
    pub group: Group,
    /// Its images in every part, in the order of the parts.
    pub images: Vec<usize>,
}

/// A file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// The part it stands in.
    pub part: String,
    /// The file.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Two images that are the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// Parts of the two.
    pub parts: [String; 2],
    /// The two images.
    pub paths: [String; 2],
}

/// Extents of the images, in pixels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// Smallest, median, largest width.
    pub width: [usize; 3],
    /// Smallest, median, largest height.
    pub height: [usize; 3],
}

/// One image while statistics are gathered.
struct Item {
    path: String,
    /// Where it can be read again; `None` for an image in memory.
    file: Option<Located>,
    label: usize,
    seen: Result<Seen, String>,
}

struct Seen {
    /// SHA-256 of the file.
    bytes: Digest,
    /// What all images with these pixels have in common, and no other; see [`shared::settle`].
    pixels: Digest,
    /// What an image with these pixels has, and few others.
    sum: u32,
    size: [usize; 2],
}

impl Stats {
    /// Of image files; broken ones are counted, not refused. With `as_split` the parts are those that training
    /// would make of them, else the files as they lie. Beside it what a person should know of the set.
    ///
    /// # Errors
    /// [`DataError`] if the set has fewer than two classes, or no split can be made of it.
    pub fn of_files(
        mut catalog: Catalog,
        request: &SplitRequest,
        as_split: bool,
    ) -> Result<(Self, Vec<String>), DataError> {
        super::folder::check_classes(&catalog)?;
        let mut notes = std::mem::take(&mut catalog.notes);
        let names = catalog.class_names.clone();
        let mut parts: Vec<_> =
            catalog.parts().map(|(name, files)| (name, inspect_files(files))).collect();
        match Split::make(&listing(&catalog, &parts), request) {
            Ok((split, said)) => {
                notes.extend(said);
                if as_split {
                    parts = of_split(parts, &split);
                }
            }
            Err(error) if as_split => return Err(error),
            Err(_) => {}
        }
        shared::settle(&mut parts);
        Ok((Self { as_split, ..Self::gather(&names, parts) }, notes))
    }

    /// Of images in memory: parts by name, each with the indices that belong to it.
    pub fn of_sets(class_names: &[String], parts: &[(&'static str, &ImageSet, Vec<u32>)]) -> Self {
        let inspect = |(name, images, indices): &(&'static str, &ImageSet, Vec<u32>)| {
            let item = |buffer: &mut Vec<u8>, &index: &u32| {
                let seen = images.read(index as usize, buffer).map_err(|error| error.to_string());
                let seen = seen.map(|RasterRef { height, width, data }| {
                    let hash = shared::digest(width, data);
                    Seen { bytes: hash, pixels: hash, sum: 0, size: [width, height] }
                });
                let path = match images.names().get(index as usize) {
                    Some(path) => path.clone(),
                    None => format!("image {index}"),
                };
                let label = images.labels()[index as usize] as usize;
                Item { path, file: None, label, seen }
            };
            (*name, indices.par_iter().map_init(Vec::new, item).collect())
        };
        Self::gather(class_names, parts.iter().map(inspect).collect())
    }

    fn gather(names: &[String], parts: Vec<(&'static str, Vec<Item>)>) -> Self {
        let counts = |items: &[Item]| {
            let mut counts = vec![0; names.len()];
            items.iter().for_each(|item| counts[item.label] += 1);
            counts
        };
        let by_part: Vec<Vec<usize>> = parts.iter().map(|(_, items)| counts(items)).collect();
        let classes: Vec<ClassStats> = names
            .iter()
            .enumerate()
            .map(|(label, name)| {
                let images: Vec<usize> = by_part.iter().map(|counts| counts[label]).collect();
                let group = ShotThresholds::default().group(images[0]);
                ClassStats { name: name.clone(), group, images }
            })
            .collect();
        let training = || classes.iter().map(|class| class.images[0]);
        let (max, min) = (training().max().unwrap_or(0), training().min().unwrap_or(0));
        let in_group = |group: Group| classes.iter().filter(|class| class.group == group).count();
        Self {
            parts: parts
                .iter()
                .map(|(name, items)| PartStats { name: (*name).into(), images: items.len() })
                .collect(),
            imbalance_factor: (min > 0).then(|| max as f64 / min as f64),
            groups: Group::ALL.map(|group| (group.name(), in_group(group))).into(),
            broken: broken(&parts),
            duplicates: duplicates(&parts),
            shared: shared::pairs(&parts),
            sizes: sizes(&parts),
            as_split: true,
            classes,
        }
    }
}

fn inspect_files(files: &Files) -> Vec<Item> {
    let inspect = |file: &Located| -> Result<Seen, String> {
        let file = ImageFile::read_located(file)?;
        let decoded = file.decode()?;
        let bytes = Sha256::digest(file.bytes()).into();
        Ok(Seen {
            bytes,
            pixels: bytes,
            sum: crc32fast::hash(&decoded.pixels),
            size: [decoded.width, decoded.height],
        })
    };
    let item = |index: usize| {
        let file = files.located(index);
        Item {
            seen: inspect(&file),
            path: files.title(index),
            file: Some(file),
            label: files.labels[index] as usize,
        }
    };
    (0..files.len()).into_par_iter().map(item).collect()
}

/// What a split of the files that can be read is made of.
fn listing(catalog: &Catalog, parts: &[(&'static str, Vec<Item>)]) -> Listing {
    let listed = |name: &str| {
        let (_, items) = parts.iter().find(|(part, _)| *part == name)?;
        let readable = items
            .iter()
            .filter_map(|item| Some((item.label as u32, item.seen.as_ref().ok()?.bytes)));
        let (labels, digests) = readable.unzip();
        Some(Listed::of_files(labels, digests))
    };
    Listing {
        name: catalog.title.clone(),
        class_names: catalog.class_names.clone(),
        pool: listed("train").unwrap_or_default(),
        val: listed("val"),
        test: listed("test"),
        is_files: true,
        by_names: false,
    }
}

/// The readable files of the pool in the parts of a split, beside the parts that came with the set.
fn of_split(
    parts: Vec<(&'static str, Vec<Item>)>,
    split: &Split,
) -> Vec<(&'static str, Vec<Item>)> {
    let mut own = parts.into_iter();
    let pool = own.next().map(|(_, items)| items).unwrap_or_default();
    let mut pool: Vec<Option<Item>> =
        pool.into_iter().filter(|item| item.seen.is_ok()).map(Some).collect();
    let mut taken = |indices: &[u32]| -> Vec<Item> {
        indices.iter().filter_map(|&index| pool.get_mut(index as usize)?.take()).collect()
    };
    let drawn = [("train", &split.train), ("val", &split.val), ("test", &split.test)];
    let drawn: Vec<_> = drawn
        .into_iter()
        .filter(|(_, indices)| !indices.is_empty())
        .map(|(name, indices)| (name, taken(indices)))
        .collect();
    let mut all: Vec<_> = drawn.into_iter().chain(own).collect();
    all.sort_by_key(|(name, _)| ["train", "val", "test"].iter().position(|part| part == name));
    all
}

fn broken(parts: &[(&'static str, Vec<Item>)]) -> Vec<Broken> {
    let of_part = |(part, items): &(&'static str, Vec<Item>)| {
        let of_item = |item: &Item| {
            let reason = item.seen.as_ref().err()?.clone();
            Some(Broken { part: (*part).into(), path: item.path.clone(), reason })
        };
        items.iter().filter_map(of_item).collect::<Vec<_>>()
    };
    parts.iter().flat_map(of_part).collect()
}

/// Each file with the first of its part that has the same bytes.
fn duplicates(parts: &[(&'static str, Vec<Item>)]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (part, items) in parts {
        let mut first = HashMap::new();
        for item in items {
            let Ok(seen) = &item.seen else { continue };
            let before: &str = first.entry(seen.bytes).or_insert(&item.path);
            if before != item.path {
                pairs.push(Pair {
                    parts: [(*part).into(), (*part).into()],
                    paths: [before.into(), item.path.clone()],
                });
            }
        }
    }
    pairs
}

fn sizes(parts: &[(&'static str, Vec<Item>)]) -> Option<Sizes> {
    let seen = || parts.iter().flat_map(|(_, items)| items).filter_map(|i| i.seen.as_ref().ok());
    let range = |axis: usize| {
        let mut lengths: Vec<usize> = seen().map(|seen| seen.size[axis]).collect();
        lengths.sort_unstable();
        Some([*lengths.first()?, lengths[lengths.len() / 2], *lengths.last()?])
    };
    Some(Sizes { width: range(0)?, height: range(1)? })
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = self.classes.iter().map(|c| c.name.chars().count()).max().unwrap_or(0);
        let width = widest.clamp(5, 40);
        write!(f, "{:width$}  group ", "class")?;
        self.parts.iter().try_for_each(|part| write!(f, "{:>8}", part.name))?;
        f.write_char('\n')?;
        let mut sorted: Vec<&ClassStats> = self.classes.iter().collect();
        sorted.sort_by_key(|class| std::cmp::Reverse(class.images[0]));
        for class in sorted {
            let name: String = printable(&class.name).chars().take(width).collect();
            write!(f, "{name:width$}  {:6}", class.group)?;
            class.images.iter().try_for_each(|images| write!(f, "{images:>8}"))?;
            f.write_char('\n')?;
        }
        write!(f, "{:width$}  {:6}", "all", "")?;
        self.parts.iter().try_for_each(|part| write!(f, "{:>8}", part.images))?;
        f.write_char('\n')?;
        if self.parts.len() < 3 && !self.as_split {
            writeln!(
                f,
                "as the files lie: training holds some out for each of val and test that is not there"
            )?;
        }
        let groups: Vec<String> =
            Group::ALL.iter().map(|g| format!("{} {g}", self.groups[g.name()])).collect();
        writeln!(f, "classes: {} ({})", self.classes.len(), groups.join(", "))?;
        match self.imbalance_factor {
            Some(factor) => writeln!(f, "imbalance factor: {factor:.1}")?,
            None => writeln!(f, "imbalance factor: none, a class has no training image")?,
        }
        if let Some(Sizes { width: [w, m, x], height: [h, n, y] }) = self.sizes {
            writeln!(f, "width: {w} to {x}, median {m}; height: {h} to {y}, median {n}")?;
        }
        let line = |b: &Broken| printable(&format!("{}: {}: {}", b.part, b.path, b.reason));
        let lines: Vec<String> = self.broken.iter().map(line).collect();
        section(f, "broken files", &lines)?;
        section(f, "duplicate files", &pair_lines(&self.duplicates))?;
        section(f, "images that stand in two parts", &pair_lines(&self.shared))
    }
}

fn pair_lines(pairs: &[Pair]) -> Vec<String> {
    let line =
        |Pair { parts: [p, q], paths: [a, b] }: &Pair| printable(&format!("{p}: {a} = {q}: {b}"));
    pairs.iter().map(line).collect()
}

fn section(f: &mut fmt::Formatter<'_>, title: &str, lines: &[String]) -> fmt::Result {
    writeln!(f, "{title}: {}", lines.len())?;
    lines.iter().take(SHOWN).try_for_each(|line| writeln!(f, "  {line}"))?;
    match lines.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(f, "  and {more} more; --json lists all"),
    }
}
