//! Safetensors files of weights, with a checksum of all of their bytes among their metadata.

use std::{collections::BTreeMap, path::Path};

use safetensors::{Dtype, SafeTensors};

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
/// [`ModelError::Format`] if the header cannot be written as JSON, which names and shapes can.
pub fn to_safetensors(
    state: &State,
    metadata: BTreeMap<String, String>,
) -> Result<Vec<u8>, ModelError> {
    of_arrays(&state.iter().map(|(name, weights)| (name.clone(), weights)).collect(), metadata)
}

/// The same of arrays that are held elsewhere. The header is written here, in order, because the crate's has its
/// metadata in the order of a hash map, which is another one every time.
pub(crate) fn of_arrays(
    arrays: &BTreeMap<String, &Weights>,
    mut metadata: BTreeMap<String, String>,
) -> Result<Vec<u8>, ModelError> {
    metadata.insert(CHECKSUM.into(), String::from_utf8_lossy(ZEROS).into_owned());
    let header = header(arrays, metadata).map_err(|error| ModelError::Format {
        file: "the weights".into(),
        reason: error.to_string(),
    })?;
    let size: usize = arrays.values().map(|weights| size_of_val(&weights.values[..])).sum();
    let mut bytes = Vec::with_capacity(8 + header.len() + size);
    bytes.extend((header.len() as u64).to_le_bytes());
    bytes.extend(header);
    for weights in arrays.values() {
        let begin = bytes.len();
        bytes.resize(begin + size_of_val(&weights.values[..]), 0);
        let places = bytes[begin..].chunks_exact_mut(4);
        places.zip(&weights.values).for_each(|(b, v)| b.copy_from_slice(&v.to_le_bytes()));
    }
    if let Some(place) = checksum_place(&bytes) {
        let checksum = format!("{:08x}", crc32fast::hash(&bytes));
        bytes[place..][..ZEROS.len()].copy_from_slice(checksum.as_bytes());
    }
    Ok(bytes)
}

/// The header of a file: JSON, filled up with blanks so that the arrays begin at a multiple of eight.
fn header(
    arrays: &BTreeMap<String, &Weights>,
    metadata: BTreeMap<String, String>,
) -> serde_json::Result<Vec<u8>> {
    let mut entries = BTreeMap::from([("__metadata__", serde_json::to_value(metadata)?)]);
    let mut end = 0;
    for (name, weights) in arrays {
        let begin = end;
        end += size_of_val(&weights.values[..]);
        let entry = serde_json::json!({
            "dtype": "F32", "shape": weights.shape, "data_offsets": [begin, end],
        });
        entries.insert(name, entry);
    }
    let mut header = serde_json::to_vec(&entries)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok(header)
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

/// Whether a file of this metadata carries a checksum, which then is right.
///
/// # Errors
/// [`ModelError::Checksum`], naming `path`.
pub(super) fn check(
    metadata: &BTreeMap<String, String>,
    bytes: &[u8],
    path: &Path,
) -> Result<bool, ModelError> {
    let has_checksum = metadata.contains_key(CHECKSUM);
    match has_checksum && !is_right(bytes) {
        true => Err(ModelError::Checksum { file: path.display().to_string() }),
        false => Ok(has_checksum),
    }
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
///
/// ```
/// use std::{collections::BTreeMap, path::Path};
/// use longtail::model::weights::{Weights, from_safetensors, to_safetensors};
///
/// let bias = Weights { shape: vec![2], values: vec![0.5, -1.0] };
/// let state = BTreeMap::from([("fc.bias".to_owned(), bias)]);
/// let about = BTreeMap::from([("epoch".to_owned(), "7".to_owned())]);
/// let bytes = to_safetensors(&state, about.clone())?;
/// let read = from_safetensors(&bytes, Path::new("memory"))?;
/// assert_eq!((read.state, read.metadata, read.has_checksum), (state, about, true));
/// # Ok::<(), longtail::model::ModelError>(())
/// ```
pub fn from_safetensors(bytes: &[u8], path: &Path) -> Result<Contents, ModelError> {
    let failed = |reason: String| ModelError::Format { file: path.display().to_string(), reason };
    let mut metadata = metadata(bytes, path)?;
    let has_checksum = check(&metadata, bytes, path)?;
    metadata.remove(CHECKSUM);
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
        let bytes = [1.5_f32, -2.0].map(f32::to_le_bytes).concat();
        let view = safetensors::tensor::TensorView::new(Dtype::F32, vec![2], &bytes).unwrap();
        let file = safetensors::serialize([("fc.bias", view)], None).unwrap();
        let read = from_safetensors(&file, Path::new("w")).unwrap();
        assert_eq!(
            (&read.state["fc.bias"].values[..], read.has_checksum),
            (&[1.5, -2.0][..], false)
        );
    }

    /// The header is ours: it has to be what the crate writes of the same arrays and metadata.
    #[test]
    fn a_file_is_laid_out_as_the_crate_does_it() {
        let ours = bytes();
        let (header, arrays) = parts(&ours).unwrap();
        let values: Vec<(String, Vec<u8>, Vec<usize>)> = state()
            .into_iter()
            .map(|(name, w)| {
                (name, w.values.iter().flat_map(|v| v.to_le_bytes()).collect(), w.shape)
            })
            .collect();
        let views = values.iter().map(|(name, bytes, shape)| {
            (name, safetensors::tensor::TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
        });
        let metadata = metadata(&ours, Path::new("w")).unwrap();
        let theirs = safetensors::serialize(views, Some(metadata.into_iter().collect())).unwrap();
        let (their_header, their_arrays) = parts(&theirs).unwrap();
        let json = |bytes| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
        assert_eq!(json(header), json(their_header));
        assert_eq!((arrays, ours.len() % 8), (their_arrays, theirs.len() % 8));
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
