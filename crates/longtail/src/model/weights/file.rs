//! Safetensors files of weights, with a checksum of all of their bytes among their metadata.

use std::{borrow::Cow, collections::BTreeMap, path::Path};

use safetensors::{Dtype, SafeTensors, View};

use super::{State, Weights};
use crate::model::ModelError;

/// Key of the checksum among the metadata: CRC-32 of the whole file, in which zeros stand in the checksum's place.
const CHECKSUM: &str = "longtail.crc32";
/// The checksum while the others are counted.
const ZEROS: &[u8; 8] = b"00000000";

/// What a safetensors file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// Its arrays.
    pub state: State,
    /// Its metadata without the checksum.
    pub metadata: BTreeMap<String, String>,
    /// Whether it carries a checksum, which then was right.
    pub has_checksum: bool,
}

/// `state` as the bytes of a safetensors file with `metadata` and a checksum.
///
/// # Errors
/// [`ModelError::Format`] if safetensors refuses, which valid shapes never cause.
pub fn to_safetensors(
    state: &State,
    mut metadata: BTreeMap<String, String>,
) -> Result<Vec<u8>, ModelError> {
    let failed = |reason: String| ModelError::Format { file: "the weights".into(), reason };
    metadata.insert(CHECKSUM.into(), String::from_utf8_lossy(ZEROS).into_owned());
    let views = state.iter().map(|(name, weights)| (name, Array(weights)));
    let bytes = safetensors::serialize(views, Some(metadata.into_iter().collect()))
        .map_err(|error| failed(error.to_string()))?;
    let mut bytes = ordered(&bytes).map_err(failed)?;
    if let Some(place) = checksum_place(&bytes) {
        let checksum = format!("{:08x}", crc32fast::hash(&bytes));
        bytes[place..][..ZEROS.len()].copy_from_slice(checksum.as_bytes());
    }
    Ok(bytes)
}

/// Weights as safetensors takes them.
struct Array<'a>(&'a Weights);

impl View for Array<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = &self.0.values;
        let mut bytes = vec![0; self.data_len()];
        bytes
            .chunks_exact_mut(4)
            .zip(values)
            .for_each(|(b, v)| b.copy_from_slice(&v.to_le_bytes()));
        bytes.into()
    }

    fn data_len(&self) -> usize {
        size_of_val(&self.0.values[..])
    }
}

/// The same file with the keys of its header in order: the crate writes metadata in the order of a hash map, which
/// is another one every time.
fn ordered(file: &[u8]) -> Result<Vec<u8>, String> {
    let (header, tensors) = parts(file)?;
    let header: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(header).map_err(|error| error.to_string())?;
    let mut header = serde_json::to_vec(&header).map_err(|error| error.to_string())?;
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut ordered = Vec::with_capacity(8 + header.len() + tensors.len());
    ordered.extend((header.len() as u64).to_le_bytes());
    ordered.extend(header);
    ordered.extend(tensors);
    Ok(ordered)
}

/// The header of a file, and what follows it.
fn parts(file: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let cut = || "it is shorter than its header".to_owned();
    let (length, rest) = file.split_first_chunk::<8>().ok_or_else(cut)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|error| error.to_string())?;
    rest.split_at_checked(length).ok_or_else(cut)
}

/// Where the digits of the checksum begin. Quotes within a string of JSON are escaped, so that no name and no value
/// is taken for its key.
fn checksum_place(file: &[u8]) -> Option<usize> {
    let key = format!("\"{CHECKSUM}\":\"");
    let (header, _) = parts(file).ok()?;
    let place = header.windows(key.len()).position(|window| window == key.as_bytes())?;
    let digits = place + key.len();
    (header.get(digits + ZEROS.len()) == Some(&b'"')).then_some(8 + digits)
}

/// Whether the checksum of a file is that of its bytes.
fn is_right(file: &[u8]) -> bool {
    let Some(place) = checksum_place(file) else { return false };
    let (before, rest) = file.split_at(place);
    let (digits, after) = rest.split_at(ZEROS.len());
    let mut crc = crc32fast::Hasher::new();
    [before, ZEROS, after].into_iter().for_each(|part| crc.update(part));
    format!("{:08x}", crc.finalize()).as_bytes() == digits
}

/// The metadata in the bytes of a safetensors file, which need not be right.
///
/// # Errors
/// [`ModelError::Format`], naming `path`.
pub fn metadata(bytes: &[u8], path: &Path) -> Result<BTreeMap<String, String>, ModelError> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| ModelError::Format {
        file: path.display().to_string(),
        reason: error.to_string(),
    })?;
    Ok(header.metadata().clone().unwrap_or_default().into_iter().collect())
}

/// What is in the bytes of a safetensors file. Files of others have no checksum; one that is there is right.
///
/// # Errors
/// [`ModelError::Format`], naming `path`; [`ModelError::Checksum`] if a byte of it was changed.
pub fn from_safetensors(bytes: &[u8], path: &Path) -> Result<Contents, ModelError> {
    let file = || path.display().to_string();
    let failed = |reason: String| ModelError::Format { file: file(), reason };
    let mut metadata = metadata(bytes, path)?;
    let has_checksum = metadata.remove(CHECKSUM).is_some();
    if has_checksum && !is_right(bytes) {
        return Err(ModelError::Checksum { file: file() });
    }
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| failed(e.to_string()))?;
    let mut state = State::new();
    for (name, view) in tensors.iter() {
        if name.ends_with(".num_batches_tracked") {
            continue;
        }
        if view.dtype() != Dtype::F32 {
            return Err(failed(format!("tensor \"{name}\" is {:?}, not F32", view.dtype())));
        }
        let values = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        state.insert(name.to_owned(), Weights { shape: view.shape().to_vec(), values });
    }
    Ok(Contents { state, metadata, has_checksum })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let array = |shape: &[usize], values: &[f32]| Weights {
            shape: shape.to_vec(),
            values: values.to_vec(),
        };
        State::from([
            ("fc.weight".to_owned(), array(&[2, 2], &[0.1, -0.0, f32::MIN_POSITIVE, 7.0])),
            ("fc.bias".to_owned(), array(&[2], &[1.0, 2.0])),
            ("scale".to_owned(), array(&[], &[3.0])),
        ])
    }

    fn bytes() -> Vec<u8> {
        let names =
            ("class_names".to_owned(), "[\"\\\"longtail.crc32\\\":\\\"00000000\"]".to_owned());
        to_safetensors(&state(), BTreeMap::from([("format".to_owned(), "pt".to_owned()), names]))
            .unwrap()
    }

    #[test]
    fn a_file_reads_back_exactly() {
        let read = from_safetensors(&bytes(), Path::new("w.safetensors")).unwrap();
        assert_eq!(read.state, state());
        assert_eq!(read.metadata["format"], "pt");
        assert_eq!(read.metadata.len(), 2);
        assert!(read.has_checksum);
        assert_eq!(bytes(), bytes(), "the same every time");
    }

    #[test]
    fn a_file_of_others_has_no_checksum() {
        let state = state();
        let views = state.iter().map(|(name, weights)| (name, Array(weights)));
        let bytes = safetensors::serialize(views, None).unwrap();
        let read = from_safetensors(&bytes, Path::new("w")).unwrap();
        assert_eq!((read.state, read.has_checksum), (state.clone(), false));
    }

    /// A changed key of the checksum makes a file of others of it, which its readers have to ask about.
    #[test]
    fn no_changed_bit_goes_unseen() {
        let whole = bytes();
        let mut by_checksum = 0;
        for bit in 0..8 * whole.len() {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            match from_safetensors(&changed, Path::new("w.safetensors")) {
                Ok(read) => assert!(!read.has_checksum, "bit {bit}"),
                Err(error) => {
                    assert!(error.to_string().contains("w.safetensors"), "{error}");
                    by_checksum += usize::from(matches!(error, ModelError::Checksum { .. }));
                }
            }
        }
        assert!(by_checksum > 8 * 28, "all of the values' bits");
    }

    #[test]
    fn cut_and_other_files_are_refused() {
        let bytes = bytes();
        for damaged in [&bytes[..7], &bytes[..bytes.len() - 1], &b"not weights at all"[..]] {
            assert!(from_safetensors(damaged, Path::new("w")).is_err());
        }
    }
}
