//! What `torch.save` writes, as far as [`pytorch_reader`] reads it, which runs nothing of it. What it does not bound is
//! looked at before.

use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

use pytorch_reader::PytorchReader;

use super::{LARGEST, PretrainedError, Stored, read as cannot_read};
use crate::{data::names::text_of, regular};

/// Bytes of the largest pickle in a zip archive: objects take some hundred times the bytes of the pickle that makes them.
/// That of a ResNet-152 with its optimizer's state has a fifth of a MiB.
const LARGEST_PICKLE: u64 = 8 << 20;
/// Bytes that tell an archive.
const HEAD: u64 = 262;

/// The tensors of the file at `path`, those of nested dictionaries under names joined by dots.
///
/// # Errors
/// [`PretrainedError::Read`], [`PretrainedError::Format`].
pub fn read(path: &Path) -> Result<BTreeMap<String, Stored>, PretrainedError> {
    let wrong = |reason: String| PretrainedError::Format { file: text_of(path), reason };
    let mut file = regular::open(path).map_err(|source| cannot_read(path, source))?;
    let length = file.metadata().map_err(|source| cannot_read(path, source))?.len();
    if length > LARGEST {
        return Err(wrong(format!("it has more than {} GiB", LARGEST >> 30)));
    }
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head).map_err(|source| cannot_read(path, source))?;
    match () {
        () if head.starts_with(b"PK") => check_zip(file).map_err(wrong)?,
        () if head.get(257..262) == Some(b"ustar") => check_tar(path, length).map_err(wrong)?,
        () => {}
    }
    let reader = PytorchReader::new(path).map_err(|error| wrong(error.to_string()))?;
    let tensors = reader.into_tensors().into_iter();
    Ok(tensors.map(|(name, tensor)| (name, Stored::of_pytorch(tensor))).collect())
}

/// Refuses a pickle that would take all memory.
fn check_zip(file: File) -> Result<(), String> {
    let mut archive = zip::ZipArchive::new(file).map_err(|error| error.to_string())?;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| error.to_string())?;
        let name = entry.name().map_err(|error| error.to_string())?;
        if name.ends_with("data.pkl") && entry.size() > LARGEST_PICKLE {
            let (has, most) = (entry.size() >> 20, LARGEST_PICKLE >> 20);
            return Err(format!("its data.pkl has {has} MiB, and up to {most} are read"));
        }
    }
    Ok(())
}

/// Refuses files that say that they are longer than the archive, as sparse ones may.
fn check_tar(path: &Path, length: u64) -> Result<(), String> {
    let file = regular::open(path).map_err(|error| error.to_string())?;
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries().map_err(|error| error.to_string())? {
        let entry = entry.map_err(|error| error.to_string())?;
        if entry.size() > length {
            return Err("a file of the archive says that it is longer than the archive".into());
        }
    }
    Ok(())
}
