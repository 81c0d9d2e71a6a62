//! What `torch.save` writes, as far as [`pytorch_reader`] reads it, which runs nothing of it. What it does not bound is
//! looked at before.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, ErrorKind, Read},
    path::Path,
};

use pytorch_reader::{PickleError, PickleValue, PytorchError, PytorchReader};

use super::{LARGEST, PretrainedError, Stored, pickled, read as cannot_read};
use crate::{data::names::text_of, regular};

/// Bytes of the largest pickle in a zip archive: objects take some hundred times the bytes of the pickle that makes them.
/// That of a ResNet-152 with its optimizer's state has a fifth of a MiB.
pub const LARGEST_PICKLE: u64 = 8 << 20;
/// Bytes that tell an archive.
const HEAD: u64 = 262;

/// The tensors of the file at `path`, those of nested dictionaries under names joined by dots.
///
/// # Errors
/// [`PretrainedError::Read`], [`PretrainedError::Damaged`], [`PretrainedError::Unread`], [`PretrainedError::Format`].
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
        () if head.starts_with(b"PK") => check_zip(file, path)?,
        () if head.get(257..262) == Some(b"ustar") => check_tar(path, length)?,
        () => {}
    }
    let reader = PytorchReader::new(path).map_err(|error| refusal(path, error))?;
    let tensors = reader.into_tensors().into_iter();
    Ok(tensors.map(|(name, tensor)| (name, Stored::of_pytorch(tensor))).collect())
}

/// What stands in the file at `path` under a name that is no tensor's, in words; `None` where nothing does.
pub fn no_tensor(path: &Path, name: &str) -> Option<String> {
    let all = PytorchReader::read_pickle_data(path, None).ok()?;
    Some(match under(&all, name)? {
        PickleValue::None => "None".into(),
        PickleValue::Bool(_) | PickleValue::Int(_) | PickleValue::Float(_) => "one number".into(),
        PickleValue::String(_) | PickleValue::Bytes(_) => "text".into(),
        PickleValue::List(_) => "a list".into(),
        PickleValue::Dict(_) => "a dictionary".into(),
        PickleValue::Unsupported(class) => format!("what Python makes by {class}"),
    })
}

/// The value under a name, which has dots between the keys of nested dictionaries and within them.
fn under<'a>(value: &'a PickleValue, name: &str) -> Option<&'a PickleValue> {
    let PickleValue::Dict(entries) = value else { return None };
    let nested = || {
        let mut dots = name.match_indices('.');
        dots.find_map(|(dot, _)| under(entries.get(&name[..dot])?, &name[dot + 1..]))
    };
    entries.get(name).or_else(nested)
}

/// Whether a file that cannot be read contradicts itself.
pub fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData)
}

fn refusal(path: &Path, error: PytorchError) -> PretrainedError {
    let file = text_of(path);
    match error {
        PytorchError::Io(cause) | PytorchError::Pickle(PickleError::Io(cause))
            if is_damage(&cause) =>
        {
            PretrainedError::Damaged { file }
        }
        // As the reader words it of a file before PyTorch 1.6.
        PytorchError::InvalidFormat(reason) if reason.contains("beyond the end of the file") => {
            PretrainedError::Damaged { file }
        }
        PytorchError::Pickle(PickleError::UnsupportedType(found)) => {
            PretrainedError::Unread { file, name: pickled::name_of(path, &found), found }
        }
        other => PretrainedError::Format { file, reason: other.to_string() },
    }
}

/// Refuses a pickle that would take all memory.
fn check_zip(file: File, path: &Path) -> Result<(), PretrainedError> {
    let damaged = |_| PretrainedError::Damaged { file: text_of(path) };
    let mut archive = zip::ZipArchive::new(file).map_err(damaged)?;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?;
        if name.ends_with("data.pkl") && entry.size() > LARGEST_PICKLE {
            let (has, most) = (entry.size() >> 20, LARGEST_PICKLE >> 20);
            let reason = format!("its data.pkl has {has} MiB, and up to {most} are read");
            return Err(PretrainedError::Format { file: text_of(path), reason });
        }
    }
    Ok(())
}

/// Refuses files that say that they are longer than the archive, as sparse ones may.
fn check_tar(path: &Path, length: u64) -> Result<(), PretrainedError> {
    let damaged = |_| PretrainedError::Damaged { file: text_of(path) };
    let file = regular::open(path).map_err(|source| cannot_read(path, source))?;
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        if entry.size() > length {
            let reason = "a file of the archive says that it is longer than the archive".into();
            return Err(PretrainedError::Format { file: text_of(path), reason });
        }
    }
    Ok(())
}
