//! A look at image files before they are decoded: what identifies them, how large they are, which are broken.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::{
    DataError,
    catalog::{Catalog, Files, Located},
    decode::{self, ImageFile},
};

/// SHA-256 of a file's bytes, or of an image's pixels.
pub type Digest = [u8; 32];

/// What is known of the files of one part, in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inspected {
    /// What identifies every file.
    pub digests: Vec<Digest>,
    /// Height and width of every image, upright, in pixels.
    pub sizes: Vec<[usize; 2]>,
}

/// What to do about files that are no images or are damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Stop, naming them.
    Refuse,
    /// Leave them out and say so. All files are decoded once for that.
    Skip,
}

/// Looks at every file of `catalog`; broken ones are refused, or taken out of it with a note.
///
/// # Errors
/// [`DataError::Images`] naming all that cannot be read; [`DataError::Folder`] if nothing of a class is left.
pub fn inspect(
    catalog: &mut Catalog,
    broken: Broken,
) -> Result<BTreeMap<&'static str, Inspected>, DataError> {
    let mut inspected = BTreeMap::new();
    let mut faults = Vec::new();
    for (part, files) in catalog.parts_mut() {
        let (seen, bad) = look(files, broken);
        faults.extend(bad);
        inspected.insert(part, seen);
    }
    if faults.is_empty() {
        return Ok(inspected);
    }
    match broken {
        // Headers told of some; all are decoded, so that all that are broken are named at once.
        Broken::Refuse => {
            let parts = catalog.parts().map(|(_, files)| files.clone());
            let more = parts.flat_map(|mut files| look(&mut files, Broken::Skip).1);
            faults.extend(more);
            Err(DataError::Images { faults })
        }
        Broken::Skip => {
            catalog.notes.push(skipped(&faults));
            without_class(catalog).map_or(Ok(inspected), Err)
        }
    }
}

/// Images whose size is kept where files are only glanced at.
const SAMPLED: usize = 256;

/// What a glance tells of the files of a set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Glanced {
    /// What identifies the files of each part; no sizes.
    pub inspected: BTreeMap<&'static str, Inspected>,
    /// Height and width of some images of all parts.
    pub sizes: Vec<[usize; 2]>,
}

/// Names and lengths of the files identify them, and no more of them is read than their headers, of which some have their
/// sizes kept. With [`Broken::Skip`] all are decoded once, and those that cannot be read are taken out of `catalog`.
///
/// # Errors
/// [`DataError::Images`] naming files that are not there, and those whose headers are broken.
pub fn glance(catalog: &mut Catalog, broken: Broken) -> Result<Glanced, DataError> {
    if broken == Broken::Skip {
        inspect(catalog, broken)?;
    }
    let mut faults = Vec::new();
    let (mut inspected, mut sizes) = (BTreeMap::new(), Vec::new());
    for (part, files) in catalog.parts_mut() {
        let seen: Vec<Result<(Digest, [usize; 2]), String>> =
            (0..files.len()).into_par_iter().map(|index| glance_at(files, index)).collect();
        faults.extend(seen.iter().filter_map(|seen| seen.as_ref().err()).cloned());
        let step = files.len().div_ceil(SAMPLED).max(1);
        let (digests, of_all): (_, Vec<_>) = seen.into_iter().filter_map(Result::ok).unzip();
        sizes.extend(of_all.into_iter().step_by(step));
        inspected.insert(part, Inspected { digests, sizes: Vec::new() });
    }
    match faults.is_empty() {
        true => Ok(Glanced { inspected, sizes }),
        false => Err(DataError::Images { faults }),
    }
}

/// Digest of a file's name and length.
fn identity(files: &Files, index: usize) -> Result<Digest, String> {
    let length = match files.located(index) {
        Located::Within { length, .. } | Located::Unpacked { length, .. } => length,
        Located::Held(bytes) => bytes.len() as u64,
        Located::File(path) => {
            path.metadata().map_err(|error| format!("{}: {error}", files.title(index)))?.len()
        }
    };
    let mut hash = Sha256::new();
    hash.update(length.to_le_bytes());
    hash.update(files.plain_name(index));
    Ok(hash.finalize().into())
}

/// What identifies a file, and what its header says.
fn glance_at(files: &Files, index: usize) -> Result<(Digest, [usize; 2]), String> {
    let digest = identity(files, index)?;
    let size = decode::size_of_located(&files.located(index));
    size.map(|size| (digest, size)).map_err(|reason| format!("{}: {reason}", files.title(index)))
}

/// Looks at the files of one part; those that cannot be read are taken out of it.
fn look(files: &mut Files, broken: Broken) -> (Inspected, Vec<String>) {
    let seen: Vec<Result<(Digest, [usize; 2]), String>> =
        (0..files.len()).into_par_iter().map(|at| look_at(&files.located(at), broken)).collect();
    let fault = |(index, seen): (usize, &Result<_, String>)| {
        Some(format!("{}: {}", files.title(index), seen.as_ref().err()?))
    };
    let faults = seen.iter().enumerate().filter_map(fault).collect();
    let keep: Vec<bool> = seen.iter().map(Result::is_ok).collect();
    files.retain(&keep);
    let (digests, sizes) = seen.into_iter().flatten().unzip();
    (Inspected { digests, sizes }, faults)
}

fn look_at(file: &Located, broken: Broken) -> Result<(Digest, [usize; 2]), String> {
    let file = ImageFile::read_located(file)?;
    let size = match broken {
        Broken::Refuse => file.size(),
        Broken::Skip => {
            let decoded = file.decode()?;
            [decoded.height, decoded.width]
        }
    };
    Ok((Sha256::digest(file.bytes()).into(), size))
}

fn skipped(faults: &[String]) -> String {
    let files = if faults.len() == 1 { "1 file" } else { &format!("{} files", faults.len()) };
    format!("left out, for they cannot be read (--skip-broken): {files}: {}", faults.join("; "))
}

/// The first class whose training images were all left out.
fn without_class(catalog: &Catalog) -> Option<DataError> {
    let mut counts = vec![0_usize; catalog.class_names.len()];
    catalog.train.labels.iter().for_each(|&label| counts[label as usize] += 1);
    let class = counts.iter().position(|&count| count == 0)?;
    let reason = format!(
        "none of the images of class \"{}\" can be read: add some, or remove the class",
        catalog.class_names[class]
    );
    Some(DataError::Folder { path: catalog.title.clone().into(), reason })
}

/// Images that are the same to the byte as an earlier one with another label.
pub fn contradicting(labels: &[u32], digests: &[Digest]) -> usize {
    let mut first: HashMap<&Digest, u32> = HashMap::new();
    let mut contradicts = |label: u32, digest| *first.entry(digest).or_insert(label) != label;
    labels.iter().zip(digests).filter(|&(&label, digest)| contradicts(label, digest)).count()
}
