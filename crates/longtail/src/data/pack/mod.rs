//! A split in one file: the images that it trains, validates and tests with, lossless, so that a
//! long-tailed set travels without the archive or folder that it came from.
//!
//! The file is a tar archive: `longtail-pack.json.gz` says what it is, `split.json.gz` is the split, and the
//! images stand in PNG strips, one below the other. Images keep their places in the pool of the original
//! set, so that a run from the pack is the run from the original, bit for bit.

mod header;
mod pieces;
mod strip;

use std::{
    collections::{BTreeMap, HashSet},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

pub use self::header::Header;
use self::{
    header::{Listed, asked},
    pieces::{PieceReader, PieceWriter},
    strip::Strip,
};
use super::{DataError, ImageSet, Source, Split, content, split::hex};
use crate::recipe::Data;

/// The first member, by which a pack is recognised.
const HEADER: &str = "longtail-pack.json.gz";
/// The second member.
const SPLIT: &str = "split.json.gz";
/// Strips that are encoded at a time.
const AT_ONCE: usize = 16;
/// Largest member: a strip of 16 MiB of pixels that nothing could compress, or the header of a set of
/// millions of images.
const LARGEST_MEMBER: u64 = 1 << 30;

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
    let broken = |reason: String| DataError::Pack { path: path.to_owned(), reason };
    let header = Header::of(data, source, split).map_err(broken)?;
    if let Some(other) = pieces::foreign(path, is_pack(path)) {
        let reason = format!("{} is there and no pack: choose another name", other.display());
        return Err(DataError::Pack { path: path.to_owned(), reason });
    }
    let failed = |error: std::io::Error| DataError::io("write", path, error);
    let json = serde_json::to_vec(&header).map_err(|error| broken(error.to_string()))?;
    let split = serde_json::to_vec(split).map_err(|error| broken(error.to_string()))?;
    let mut archive = tar::Builder::new(PieceWriter::create(path, piece).map_err(failed)?);
    append(&mut archive, HEADER, &compressed(&json).map_err(failed)?).map_err(failed)?;
    append(&mut archive, SPLIT, &compressed(&split).map_err(failed)?).map_err(failed)?;
    for (part, images, indices) in header.parts(source) {
        let sizes: Vec<_> = indices.iter().map(|&index| images.size_of(index as usize)).collect();
        for (number, strips) in Strip::all(&sizes).chunks(AT_ONCE).enumerate() {
            let encoded: Result<Vec<_>, _> =
                strips.par_iter().map(|strip| strip.encode(images, &indices)).collect();
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
pub fn load(path: &Path, data: &Data) -> Result<(Source, Split), DataError> {
    let damaged = |reason: String| DataError::Pack { path: path.to_owned(), reason };
    let mut members = members(path).map_err(damaged)?;
    let header = take(&mut members, HEADER).map_err(damaged)?;
    let header = Header::parse(&header).map_err(damaged)?;
    header.check(&asked(data)).map_err(damaged)?;
    let split = take(&mut members, SPLIT).and_then(|split| decompressed(&split));
    let split = Split::parse(&split.map_err(damaged)?, path)?;
    let view = [header.height, header.width];
    let mut read =
        |part: &str, sizes: &[[usize; 2]]| pixels(&mut members, part, sizes).map_err(damaged);
    let sizes = header.pool.sizes(header.stored.len(), view);
    let labels = header.stored.iter().map(|&i| header.pool.labels[i as usize]).collect();
    let stored = ImageSet::varied(view, &sizes, read("pool", &sizes)?, labels, Vec::new());
    let mut whole = |part: &str, listed: Option<Listed>| {
        let Some(listed) = listed else { return Ok(None) };
        let sizes = listed.sizes(listed.labels.len(), view);
        let Listed { labels, names, .. } = listed;
        Ok(Some(ImageSet::varied(view, &sizes, read(part, &sizes)?, labels, names)))
    };
    let (val, test) = (whole("val", header.val)?, whole("test", header.test)?);
    let Header { name, class_names, content, stored: indices, stored_content: digest, .. } = header;
    let Listed { labels, names, .. } = header.pool;
    let pool = stored.part_of(labels, names, &indices, content);
    let source = Source { name, class_names, pool, val, test };
    if stored_content(&source, &indices) != digest {
        return Err(damaged("its images are not the ones that were packed".into()));
    }
    let held: HashSet<u32> = indices.into_iter().collect();
    if !split.used().iter().all(|index| held.contains(index)) {
        return Err(damaged("its split uses images that it does not hold".into()));
    }
    Ok((source, split))
}

fn take(members: &mut BTreeMap<String, Vec<u8>>, name: &str) -> Result<Vec<u8>, String> {
    members.remove(name).ok_or_else(|| format!("{name} is missing: is it whole?"))
}

/// The pixels of a part's images, `[height, width]` of which are `sizes`, one after the other.
fn pixels(
    members: &mut BTreeMap<String, Vec<u8>>,
    part: &str,
    sizes: &[[usize; 2]],
) -> Result<Vec<u8>, String> {
    let strips = Strip::all(sizes);
    let png = |number: usize| take(members, &member(part, number));
    let pngs: Vec<_> = (0..strips.len()).map(png).collect::<Result<_, _>>()?;
    // There is memory for the pixels only once all strips say that they have so many.
    strips.iter().zip(&pngs).try_for_each(|(strip, png)| strip.check(png))?;
    let bytes = |sizes: &[[usize; 2]]| sizes.iter().map(|[height, width]| height * width * 3).sum();
    let mut pixels = vec![0; bytes(sizes)];
    let mut rest = pixels.as_mut_slice();
    let mut slots = Vec::with_capacity(strips.len());
    for strip in &strips {
        let (slot, behind) = rest.split_at_mut(bytes(&sizes[strip.images.clone()]));
        slots.push(slot);
        rest = behind;
    }
    strips.par_iter().zip(pngs).zip(slots).try_for_each(|((strip, png), slot)| {
        strip.decode(&png, &sizes[strip.images.clone()], slot)
    })?;
    Ok(pixels)
}

/// Hash of the images that a pack holds.
fn stored_content(source: &Source, stored: &[u32]) -> String {
    let mut hash = Sha256::new();
    for &index in stored {
        hash.update(index.to_le_bytes());
        if source.pool.sizes().is_some() {
            source
                .pool
                .size_of(index as usize)
                .iter()
                .for_each(|side| hash.update(side.to_le_bytes()));
        }
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

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        data::Resize,
        recipe::{Recipe, RecipeFile},
    };

    fn data() -> Data {
        let file = RecipeFile::parse("[data]\nname = \"photos\"\n", "a test").unwrap();
        Recipe::resolve(&[file]).unwrap().0.data
    }

    /// 40 images of three classes with names, and 7 test images.
    fn source(height: usize, width: usize) -> Source {
        sized(|_| [height, width], [height, width])
    }

    /// The same, each image larger than a view as `more` says.
    fn sized(size: impl Fn(usize) -> [usize; 2], view: [usize; 2]) -> Source {
        let set = |count: usize, names: bool| {
            let sizes: Vec<_> = (0..count).map(&size).collect();
            let bytes: usize = sizes.iter().map(|[height, width]| height * width * 3).sum();
            let pixels = (0..bytes).map(|i| (i * i % 251) as u8).collect();
            let labels = (0..count as u32).map(|i| i % 3).collect();
            let names = (0..if names { count } else { 0 }).map(|i| format!("{i}.png")).collect();
            ImageSet::varied(view, &sizes, pixels, labels, names)
        };
        Source {
            name: "photos".into(),
            class_names: ["a", "b", "c"].map(String::from).to_vec(),
            pool: set(40, true),
            val: None,
            test: Some(set(7, false)),
        }
    }

    /// Portraits, landscapes and squares for views of `side` pixels.
    fn varied(side: usize) -> Source {
        let size = move |i: usize| match i % 3 {
            0 => [side, side],
            1 => [side + i, side],
            _ => [side, side + 2 * i],
        };
        sized(size, [side, side])
    }

    fn split(source: &Source) -> Split {
        let request = super::super::SplitRequest {
            imbalance: Some(3.0),
            seed: 5,
            holdout: super::super::Holdout::PerClass(2),
        };
        Split::make(&crate::data::Listing::of(source), &request).unwrap().0
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        for (source, piece) in [
            (source(5, 7), None),
            (source(16, 16), Some(1000)),
            (source(1, 1), Some(1)),
            (varied(8), None),
            (varied(1), Some(100)),
        ] {
            let split = split(&source);
            let path = folder.path().join("p.pack");
            let files = write(&path, &data(), &source, &split, piece).unwrap();
            assert_eq!(files.len() > 1, piece.is_some());
            assert!(is_pack(&path));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), files.len());
            let loaded = load(&path, &data()).unwrap();
            assert_eq!(loaded.1, split);
            assert_eq!(loaded.0.test, source.test);
            let pool = &loaded.0.pool;
            assert_eq!((pool.labels(), pool.names()), (source.pool.labels(), source.pool.names()));
            let used = [&split.train[..], &split.val, &split.test].concat();
            for index in 0..40 {
                assert_eq!(pool.holds(index), used.contains(&(index as u32)));
                if pool.holds(index) {
                    assert_eq!(pool.raster(index), source.pool.raster(index));
                }
            }
        }
    }

    #[test]
    fn no_damage_goes_unnoticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.pack");
        [source(8, 8), varied(8)].iter().for_each(|source| notices_damage(&path, source));
    }

    fn notices_damage(path: &Path, source: &Source) {
        write(path, &data(), source, &split(source), None).unwrap();
        let bytes = fs::read(path).unwrap();
        let whole = load(path, &data()).unwrap();
        for cut in (1..bytes.len() - 1024).step_by(509) {
            fs::write(path, &bytes[..cut]).unwrap();
            assert!(load(path, &data()).is_err(), "cut at {cut}");
        }
        let mut noticed = 0;
        for place in (0..bytes.len()).step_by(101) {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x55;
            fs::write(path, damaged).unwrap();
            match load(path, &data()) {
                Err(_) => noticed += 1,
                // Padding, or what tar says of owners and times.
                Ok(loaded) => {
                    assert_eq!(loaded.1, whole.1, "at {place}");
                    assert_eq!(loaded.0.pool, whole.0.pool, "at {place}");
                    assert_eq!(loaded.0.test, whole.0.test, "at {place}");
                }
            }
        }
        assert!(noticed > 10);
    }

    /// A pack's members, some of them changed.
    fn rewritten(path: &Path, change: impl Fn(&str, Vec<u8>) -> Vec<u8>) {
        let members = members(path).unwrap();
        let mut archive = tar::Builder::new(PieceWriter::create(path, None).unwrap());
        let first = |name: &&String| (name.as_str() != HEADER, name.as_str() != SPLIT);
        let mut names: Vec<_> = members.keys().collect();
        names.sort_by_key(first);
        for name in names {
            append(&mut archive, name, &change(name, members[name].clone())).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap();
    }

    /// The header of the pack at `path`.
    fn header_of(path: &Path) -> Value {
        serde_json::from_slice(&decompressed(&members(path).unwrap()[HEADER]).unwrap()).unwrap()
    }

    #[test]
    fn only_what_is_new_makes_a_new_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.pack");
        let pack = |source: &Source, how: Resize| {
            let data = Data { resize: how, ..data() };
            write(&path, &data, source, &split(source), None).unwrap();
            assert_eq!(load(&path, &data).unwrap().0.test, source.test);
            assert_eq!(header(&path).unwrap().data.resize.unwrap_or(Resize::Crop), how);
            let header = header_of(&path);
            let says = |object: &Value, key: &str| object.get(key).is_some();
            (
                header["version"].as_u64().unwrap(),
                says(&header["data"], "resize"),
                says(&header["pool"], "sizes"),
            )
        };
        // As in the first version, whose files were squashed.
        assert_eq!(pack(&source(8, 8), Resize::Squash), (1, false, false));
        assert_eq!(pack(&source(8, 8), Resize::Crop), (2, true, false));
        assert_eq!(pack(&varied(8), Resize::Crop), (2, true, true));
        let mut without_files = source(8, 8);
        let pool = without_files.pool;
        let (pixels, labels) = (pool.pixels().to_vec(), pool.labels().to_vec());
        without_files.pool = ImageSet::new(8, 8, pixels, labels, Vec::new());
        assert_eq!(pack(&without_files, Resize::Crop), (1, false, false));
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.pack");
        let source = varied(8);
        let split = split(&source);
        let with_sizes = |change: &dyn Fn(&mut Vec<Value>)| {
            write(&path, &data(), &source, &split, None).unwrap();
            rewritten(&path, |name, bytes| match name {
                HEADER => {
                    let json = decompressed(&bytes).unwrap();
                    let mut header: Value = serde_json::from_slice(&json).unwrap();
                    change(header["pool"]["sizes"].as_array_mut().unwrap());
                    compressed(&serde_json::to_vec(&header).unwrap()).unwrap()
                }
                _ => bytes,
            });
            load(&path, &data()).map(|_| ()).map_err(|error| error.to_string())
        };
        with_sizes(&|_| {}).unwrap();
        let says = |change: &dyn Fn(&mut Vec<Value>), what: &str| {
            let text = with_sizes(change).unwrap_err();
            assert!(text.contains(what), "{text}");
        };
        let misfit = "do not fit each other";
        says(&|sizes| drop(sizes.pop()), misfit);
        says(&|sizes| sizes[0] = json!([7, 8]), misfit);
        says(&|sizes| sizes[0] = json!([0, 8]), misfit);
        says(&|sizes| sizes[0] = json!([8, 16_385]), misfit);
        says(&|sizes| sizes[0] = json!([8, -1]), "invalid value");
        says(&|sizes| sizes[0] = json!([8, 4_294_967_296_u64]), "invalid value");
        says(&|sizes| sizes.fill(json!([16_384, 16_384])), "is missing");
        says(&|sizes| sizes[0] = json!([9, 8]), "another size than it should");
        // Turned within the strip, which is as wide and high as before.
        let turned = |sizes: &mut Vec<Value>| {
            let other = sizes.iter().position(|size| *size != sizes[0]).unwrap();
            sizes.swap(0, other);
        };
        says(&turned, "not the ones that were packed");
    }
}
