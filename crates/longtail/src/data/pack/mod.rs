//! A split in one file: the images that it trains, validates and tests with, lossless, so that a
//! long-tailed set travels without the archive or folder that it came from.
//!
//! The file is a tar archive: `longtail-pack.json.gz` says what it is, `split.json.gz` is the split, and the
//! images stand in PNG strips, one below the other. Images keep their places in the pool of the original
//! set, so that a run from the pack is the run from the original, bit for bit.

mod header;
mod pieces;
mod strip;
#[cfg(test)]
mod tests;

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
use super::Data;
use super::{DataError, ImageSet, Source, Split, content, memory::check_images};
use crate::hex::hex;

/// The first member, by which a pack is recognised.
const HEADER: &str = "longtail-pack.json.gz";
/// The second member.
const SPLIT: &str = "split.json.gz";
/// Strips that are encoded at a time.
const AT_ONCE: usize = 16;
/// Largest member: a strip of one huge image that nothing could compress.
const LARGEST_MEMBER: u64 = 1 << 30;
/// Largest header and split, packed or unpacked: those of millions of images.
const LARGEST_JSON: u64 = 128 << 20;
/// Bytes of a pack beside its pixels, which could not be compressed at worst.
const BESIDE_PIXELS: u64 = 2 * LARGEST_JSON;

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
    first_member(file).and_then(|bytes| Header::parse(&bytes)).map_err(damaged)
}

fn first_member(file: PieceReader) -> Result<Vec<u8>, String> {
    let mut archive = tar::Archive::new(file);
    let mut entries = archive.entries().map_err(|error| error.to_string())?.raw(true);
    let first = entries.next().ok_or("it is empty")?.map_err(damage)?;
    up_to(LARGEST_JSON, first)
}

/// What it means that a pack that was opened cannot be read on.
fn damage(error: std::io::Error) -> String {
    format!(
        "it is cut off or damaged ({error}): copy it again, or write it anew with `longtail data pack`"
    )
}

/// All of what a reader gives, if that is so much at most.
fn up_to(most: u64, reader: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    reader.take(most + 1).read_to_end(&mut bytes).map_err(damage)?;
    if bytes.len() as u64 <= most {
        return Ok(bytes);
    }
    Err(format!("a part of it has more than {} MiB", most >> 20))
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
    if source.pool.test_side().is_some() {
        let reason = "whole images are too large for one: bring them to a size with --resize crop and --shorter-side";
        return Err(broken(reason.into()));
    }
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

/// Removes what [`write()`] to `path` has begun, for a program that ends on the way; what cannot be removed does
/// no harm.
pub fn remove_unfinished(path: &Path) {
    pieces::unfinished(path).for_each(|part| drop(std::fs::remove_file(part)));
}

/// Loads the pack at `path` as the data set that `data` names.
///
/// # Errors
/// [`DataError::Pack`] if it is damaged, or holds another split than `data` asks for.
pub fn load(path: &Path, data: &Data) -> Result<(Source, Split), DataError> {
    let damaged = |reason: String| DataError::Pack { path: path.to_owned(), reason };
    let header = header(path)?;
    header.check(&asked(data)).map_err(damaged)?;
    check_length(path, &header)?;
    let mut members = members(path).map_err(damaged)?;
    let split = take(&mut members, SPLIT).and_then(|split| decompressed(&split));
    let split = Split::parse(&split.map_err(damaged)?, path)?;
    all_strips(&members, &header).map_err(damaged)?;
    check_images(header.bytes())?;
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

/// Refuses a pack that is longer than its images can make it, or than memory is.
fn check_length(path: &Path, header: &Header) -> Result<(), DataError> {
    let pixels = header.bytes();
    let length = PieceReader::open(path).map_err(|e| DataError::io("read", path, e))?.length;
    if length > pixels.saturating_add(pixels / 64 + BESIDE_PIXELS) {
        let reason = "it has more bytes than its images can take".into();
        return Err(DataError::Pack { path: path.to_owned(), reason });
    }
    check_images(length)
}

/// Refuses a pack that lacks a strip of the images that its header tells of.
fn all_strips(members: &BTreeMap<String, Vec<u8>>, header: &Header) -> Result<(), String> {
    for (part, sizes) in header.sizes() {
        let strips = Strip::all(&sizes).len();
        let lacks = |name: &String| !members.contains_key(name);
        if let Some(name) = (0..strips).map(|number| member(part, number)).find(lacks) {
            return Err(missing(&name));
        }
    }
    Ok(())
}

fn missing(name: &str) -> String {
    format!("{name} is missing: is it whole?")
}

fn take(members: &mut BTreeMap<String, Vec<u8>>, name: &str) -> Result<Vec<u8>, String> {
    members.remove(name).ok_or_else(|| missing(name))
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
    hex(hash.finalize())
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
    // Its names are short: what stands for a long one is not read, for it may be of any length.
    for entry in archive.entries().map_err(text)?.raw(true) {
        let entry = entry.map_err(damage)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path().map_err(text)?.display().to_string();
        let most = if [HEADER, SPLIT].contains(&&*name) { LARGEST_JSON } else { LARGEST_MEMBER };
        members.insert(name, up_to(most, entry)?);
    }
    Ok(members)
}

fn compressed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn decompressed(bytes: &[u8]) -> Result<Vec<u8>, String> {
    up_to(LARGEST_JSON, GzDecoder::new(bytes))
}
