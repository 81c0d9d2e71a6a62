//! A split in one file: the images that it trains, validates and tests with, lossless, so that a
//! long-tailed set travels without the archive or folder that it came from.
//!
//! The file is a tar archive: `longtail-pack.json.gz` says what it is, `split.json.gz` is the split, and the
//! images stand in PNG strips, one below the other. Images keep their places in the pool of the original
//! set, so that a run from the pack is the run from the original, bit for bit.

mod pieces;
mod strip;

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::pieces::{PieceReader, PieceWriter};
use super::{DataError, ImageSet, Loaded, Source, Split, content, split::hex};
use crate::recipe::{Data, DataTyped};

/// The newest layout.
const VERSION: u32 = 1;
/// The first member, by which a pack is recognised.
const HEADER: &str = "longtail-pack.json.gz";
/// The second member.
const SPLIT: &str = "split.json.gz";
/// Strips that are encoded at a time.
const AT_ONCE: usize = 16;
/// Largest member: a strip of 16 MiB of pixels that nothing could compress, or the header of a set of
/// millions of images.
const LARGEST_MEMBER: u64 = 1 << 30;

/// What a pack says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    version: u32,
    /// The section of the recipe that the split was made of.
    pub data: DataTyped,
    name: String,
    class_names: Vec<String>,
    content: String,
    /// Hash of what is stored.
    stored_content: String,
    height: usize,
    width: usize,
    pool: Listed,
    /// Which images of the pool are in the pack, ascending.
    stored: Vec<u32>,
    val: Option<Listed>,
    test: Option<Listed>,
}

/// Labels and names of a set, without its pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    labels: Vec<u32>,
    names: Vec<String>,
}

impl Listed {
    fn of(images: &ImageSet) -> Self {
        Self { labels: images.labels().to_vec(), names: images.names().to_vec() }
    }

    fn fits(&self, classes: usize) -> bool {
        let named = self.names.is_empty() || self.names.len() == self.labels.len();
        named && self.labels.iter().all(|&label| (label as usize) < classes)
    }
}

/// Whether there is a pack at `path`, whole or in pieces.
pub fn is_pack(path: &Path) -> bool {
    let mut start = [0; HEADER.len()];
    let read = PieceReader::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == HEADER.as_bytes()
}

/// What the pack at `path` says of itself.
///
/// # Errors
/// [`DataError::Pack`] if it cannot be read.
pub fn header(path: &Path) -> Result<Header, DataError> {
    let damaged = |reason: String| DataError::Pack { path: path.to_owned(), reason };
    let file = PieceReader::open(path).map_err(|e| DataError::io("read", path, e))?;
    let mut archive = tar::Archive::new(file);
    let mut entries = archive.entries().map_err(|e| damaged(e.to_string()))?;
    let first = entries.next().ok_or_else(|| damaged("it is empty".into()))?;
    let mut bytes = Vec::new();
    let first = first.map_err(|e| damaged(e.to_string()))?;
    first.take(LARGEST_MEMBER).read_to_end(&mut bytes).map_err(|e| damaged(e.to_string()))?;
    Header::parse(&bytes).map_err(damaged)
}

/// Writes the images of `split` to `path`, or to `path.001`, `path.002` and so on if they are more than
/// `piece` bytes; gives the files.
///
/// # Errors
/// [`DataError`] if a file cannot be written.
pub fn write(
    path: &Path,
    data: &Data,
    source: &Source,
    split: &Split,
    piece: Option<u64>,
) -> Result<Vec<PathBuf>, DataError> {
    let header = Header::of(data, source, split);
    if let Some(other) = pieces::foreign(path, is_pack(path)) {
        let reason = format!("{} is there and no pack: choose another name", other.display());
        return Err(DataError::Pack { path: path.to_owned(), reason });
    }
    let failed = |error: std::io::Error| DataError::io("write", path, error);
    let broken = |reason: String| DataError::Pack { path: path.to_owned(), reason };
    let json = serde_json::to_vec(&header).map_err(|error| broken(error.to_string()))?;
    let split = serde_json::to_vec(split).map_err(|error| broken(error.to_string()))?;
    let mut archive = tar::Builder::new(PieceWriter::create(path, piece).map_err(failed)?);
    append(&mut archive, HEADER, &compressed(&json).map_err(failed)?).map_err(failed)?;
    append(&mut archive, SPLIT, &compressed(&split).map_err(failed)?).map_err(failed)?;
    for (part, images, indices) in header.parts(source) {
        for (number, strips) in indices.chunks(AT_ONCE * header.per_strip()).enumerate() {
            let strips: Vec<&[u32]> = strips.chunks(header.per_strip()).collect();
            let encoded: Result<Vec<_>, _> =
                strips.par_iter().map(|indices| strip::encode(images, indices)).collect();
            for (i, png) in encoded.map_err(broken)?.iter().enumerate() {
                let name = member(part, number * AT_ONCE + i);
                append(&mut archive, &name, png).map_err(failed)?;
            }
        }
    }
    archive.into_inner().and_then(PieceWriter::finish).map_err(failed)
}

/// Loads the pack at `path` as the data set that `data` names.
///
/// # Errors
/// [`DataError::Pack`] if it is damaged, or holds another split than `data` asks for.
pub fn load(path: &Path, data: &Data) -> Result<Loaded, DataError> {
    let damaged = |reason: String| DataError::Pack { path: path.to_owned(), reason };
    let mut members = members(path).map_err(damaged)?;
    let mut take = |name: &str| {
        members.remove(name).ok_or_else(|| damaged(format!("{name} is missing: is it whole?")))
    };
    let header = Header::parse(&take(HEADER)?).map_err(damaged)?;
    header.check(&asked(data)).map_err(damaged)?;
    let split = Split::parse(&decompressed(&take(SPLIT)?).map_err(damaged)?, path)?;
    let mut read = |part: &str, images: usize| -> Result<Vec<u8>, DataError> {
        let strip_size = header.per_strip() * header.height * header.width * 3;
        let whole_size = images * header.height * header.width * 3;
        let count = whole_size.div_ceil(strip_size);
        let strips: Result<Vec<_>, _> = (0..count).map(|n| take(&member(part, n))).collect();
        let strips = strips?;
        // There is memory for the pixels only once all strips say that they have so many.
        for (number, png) in strips.iter().enumerate() {
            let of_strip = strip_size.min(whole_size - number * strip_size);
            strip::check(png, header.width, of_strip).map_err(damaged)?;
        }
        let mut pixels = vec![0; whole_size];
        let slots: Vec<&mut [u8]> = pixels.chunks_mut(strip_size).collect();
        let pairs = strips.into_par_iter().zip(slots);
        pairs.try_for_each(|(png, out)| strip::decode(&png, out)).map_err(damaged)?;
        Ok(pixels)
    };
    let (height, width) = (header.height, header.width);
    let pool = read("pool", header.stored.len())?;
    let mut whole = |part: &str, listed: &Option<Listed>| {
        let Some(Listed { labels, names }) = listed.clone() else { return Ok(None) };
        Ok(Some(ImageSet::new(height, width, read(part, labels.len())?, labels, names)))
    };
    let (val, test) = (whole("val", &header.val)?, whole("test", &header.test)?);
    let Header { name, class_names, content, stored, stored_content: digest, .. } = header;
    let Listed { labels, names } = header.pool;
    let pool = ImageSet::new_partial(height, width, pool, labels, names, &stored, content);
    let source = Source { name, class_names, pool, val, test };
    if stored_content(&source, &stored) != digest {
        return Err(damaged("its images are not the ones that were packed".into()));
    }
    split.check(&source)?;
    Ok(Loaded { source, warnings: Vec::new(), split: Some(split) })
}

impl Header {
    fn of(data: &Data, source: &Source, split: &Split) -> Self {
        let pool = &source.pool;
        let mut stored = [&split.train[..], &split.val, &split.test].concat();
        stored.sort_unstable();
        Self {
            version: VERSION,
            data: asked(data),
            name: source.name.clone(),
            class_names: source.class_names.clone(),
            content: split.content.clone(),
            stored_content: stored_content(source, &stored),
            height: pool.height(),
            width: pool.width(),
            pool: Listed::of(pool),
            stored,
            val: source.val.as_ref().map(Listed::of),
            test: source.test.as_ref().map(Listed::of),
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let (json, text) = (decompressed(bytes)?, |error: serde_json::Error| error.to_string());
        let Version { version } = serde_json::from_slice(&json).map_err(text)?;
        if version > VERSION {
            return Err(format!("it has version {version}; use a newer longtail"));
        }
        let header: Self = serde_json::from_slice(&json).map_err(text)?;
        let sets = [Some(&header.pool), header.val.as_ref(), header.test.as_ref()];
        let listed = sets.into_iter().flatten().all(|set| set.fits(header.class_names.len()));
        let ascending = header.stored.is_sorted_by(|a, b| a < b);
        let within = header.stored.last().is_none_or(|&i| (i as usize) < header.pool.labels.len());
        let sized = [header.height, header.width].iter().all(|side| (1..=1024).contains(side));
        match listed && ascending && within && sized {
            true => Ok(header),
            false => Err("its parts do not fit each other".into()),
        }
    }

    /// Refuses values that are not those which the split was made of.
    ///
    /// # Errors
    /// A sentence about the first one.
    pub fn check(&self, typed: &DataTyped) -> Result<(), String> {
        let table = |data: &DataTyped| toml::Table::try_from(data).map_err(|e| e.to_string());
        let (own, typed) = (table(&self.data)?, table(typed)?);
        match typed.iter().find(|(key, value)| own.get(*key) != Some(value)) {
            None => Ok(()),
            Some((key, _)) => {
                let made_of = own.get(key).map_or("nothing".into(), ToString::to_string);
                Err(format!(
                    "the pack holds one split, made with data.{key} = {made_of}: leave {key} out"
                ))
            }
        }
    }

    /// Images of a strip: at most 16 MiB of pixels.
    fn per_strip(&self) -> usize {
        ((16 << 20) / (self.height * self.width * 3)).clamp(1, 1024)
    }

    /// The sets that the pack holds, by name, with the images that it holds of them.
    fn parts<'a>(&self, source: &'a Source) -> Vec<(&'static str, &'a ImageSet, Vec<u32>)> {
        let all = |images: &ImageSet| (0..images.len() as u32).collect();
        let own = [("val", source.val.as_ref()), ("test", source.test.as_ref())];
        let own = own.into_iter().filter_map(|(part, images)| Some((part, images?, all(images?))));
        std::iter::once(("pool", &source.pool, self.stored.clone())).chain(own).collect()
    }
}

/// A section without where the files are.
fn asked(data: &Data) -> DataTyped {
    DataTyped { dir: None, split: None, ..data.clone().into() }
}

/// Hash of the images that a pack holds.
fn stored_content(source: &Source, stored: &[u32]) -> String {
    let mut hash = Sha256::new();
    for &index in stored {
        hash.update(index.to_le_bytes());
        hash.update(source.pool.image(index as usize));
    }
    source.pool.labels().iter().for_each(|label| hash.update(label.to_le_bytes()));
    let own = [source.val.as_ref(), source.test.as_ref()].map(|set| set.map(content));
    own.into_iter().for_each(|set| hash.update(set.unwrap_or_default()));
    hex(hash)
}

fn member(part: &str, number: usize) -> String {
    format!("{part}-{number:05}.png")
}

fn append(
    archive: &mut tar::Builder<PieceWriter>,
    name: &str,
    bytes: &[u8],
) -> std::io::Result<()> {
    let mut entry = tar::Header::new_gnu();
    entry.set_size(bytes.len() as u64);
    entry.set_mode(0o644);
    archive.append_data(&mut entry, name, bytes)
}

/// All members of the archive at `path`.
fn members(path: &Path) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut archive = tar::Archive::new(PieceReader::open(path).map_err(text)?);
    let mut members = BTreeMap::new();
    for entry in archive.entries().map_err(text)? {
        let entry = entry.map_err(text)?;
        let name = entry.path().map_err(text)?.display().to_string();
        let mut bytes = Vec::new();
        entry.take(LARGEST_MEMBER).read_to_end(&mut bytes).map_err(text)?;
        members.insert(name, bytes);
    }
    Ok(members)
}

fn compressed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn decompressed(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let decoder = GzDecoder::new(bytes);
    decoder.take(LARGEST_MEMBER).read_to_end(&mut out).map_err(|error| error.to_string())?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::recipe::{Recipe, RecipeFile};

    fn data() -> Data {
        let file = RecipeFile::parse("[data]\nname = \"photos\"\n", "a test").unwrap();
        Recipe::resolve(&[file]).unwrap().0.data
    }

    /// 40 images of three classes with names, and 7 test images.
    fn source(height: usize, width: usize) -> Source {
        let set = |count: usize, names: bool| {
            let pixels = (0..count * height * width * 3).map(|i| (i * i % 251) as u8).collect();
            let labels = (0..count as u32).map(|i| i % 3).collect();
            let names = (0..if names { count } else { 0 }).map(|i| format!("{i}.png")).collect();
            ImageSet::new(height, width, pixels, labels, names)
        };
        Source {
            name: "photos".into(),
            class_names: ["a", "b", "c"].map(String::from).to_vec(),
            pool: set(40, true),
            val: None,
            test: Some(set(7, false)),
        }
    }

    fn split(source: &Source) -> Split {
        let request = super::super::SplitRequest {
            imbalance: Some(3.0),
            seed: 5,
            holdout: super::super::Holdout::PerClass(2),
        };
        Split::make(source, &request).unwrap().0
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        for (height, width, piece) in [(5, 7, None), (16, 16, Some(1000)), (1, 1, Some(1))] {
            let source = source(height, width);
            let split = split(&source);
            let path = folder.path().join("p.pack");
            let files = write(&path, &data(), &source, &split, piece).unwrap();
            assert_eq!(files.len() > 1, piece.is_some());
            assert!(is_pack(&path));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), files.len());
            let loaded = load(&path, &data()).unwrap();
            assert_eq!(loaded.split.as_ref(), Some(&split));
            assert_eq!(loaded.source.test, source.test);
            let pool = &loaded.source.pool;
            assert_eq!((pool.labels(), pool.names()), (source.pool.labels(), source.pool.names()));
            let used = [&split.train[..], &split.val, &split.test].concat();
            for index in 0..40 {
                assert_eq!(pool.holds(index), used.contains(&(index as u32)));
                if pool.holds(index) {
                    assert_eq!(pool.image(index), source.pool.image(index));
                }
            }
        }
    }

    #[test]
    fn no_damage_goes_unnoticed() {
        let folder = tempfile::tempdir().unwrap();
        let source = source(8, 8);
        let path = folder.path().join("p.pack");
        write(&path, &data(), &source, &split(&source), None).unwrap();
        let bytes = fs::read(&path).unwrap();
        let whole = load(&path, &data()).unwrap();
        for cut in (1..bytes.len() - 1024).step_by(509) {
            fs::write(&path, &bytes[..cut]).unwrap();
            assert!(load(&path, &data()).is_err(), "cut at {cut}");
        }
        let mut noticed = 0;
        for place in (0..bytes.len()).step_by(101) {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x55;
            fs::write(&path, damaged).unwrap();
            match load(&path, &data()) {
                Err(_) => noticed += 1,
                // Padding, or what tar says of owners and times.
                Ok(loaded) => {
                    assert_eq!(loaded.split, whole.split, "at {place}");
                    assert_eq!(loaded.source.pool, whole.source.pool, "at {place}");
                    assert_eq!(loaded.source.test, whole.source.test, "at {place}");
                }
            }
        }
        assert!(noticed > 10);
    }
}
