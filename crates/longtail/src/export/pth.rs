//! Weights as PyTorch's own file: a zip archive of a pickle, which names the arrays, and of the arrays.

use std::collections::BTreeMap;

use super::{
    ExportError, Format,
    zip::{StoredZip, TooLarge},
};
use crate::model::weights::{State, Weights};

/// Bytes at multiples of which arrays begin, as PyTorch writes them, so that they can be mapped into memory.
const ALIGNMENT: usize = 64;

impl From<TooLarge> for ExportError {
    fn from(_: TooLarge) -> Self {
        Self::TooLarge { format: Format::Pth }
    }
}

/// `state` as `torch.save` writes a dictionary of tensors; `about` lies beside it as `longtail.json`, which PyTorch does
/// not look at.
pub fn to_pth(state: &State, about: &BTreeMap<String, String>) -> Result<Vec<u8>, ExportError> {
    let mut zip = StoredZip::new(ALIGNMENT);
    zip.add("archive/data.pkl", &pickle(state))?;
    zip.add("archive/byteorder", b"little")?;
    zip.add("archive/longtail.json", serde_json::json!(about).to_string().as_bytes())?;
    for (number, weights) in state.values().enumerate() {
        let bytes: Vec<u8> = weights.values.iter().flat_map(|v| v.to_le_bytes()).collect();
        zip.add(&format!("archive/data/{number}"), &bytes)?;
    }
    zip.add("archive/version", b"3\n")?;
    Ok(zip.finish()?)
}

/// Codes of pickles (Python's `pickletools`), of protocol 2.
mod code {
    pub const PROTOCOL_2: &[u8] = b"\x80\x02";
    pub const STOP: &[u8] = b".";
    pub const GLOBAL: &[u8] = b"c";
    pub const EMPTY_DICT: &[u8] = b"}";
    pub const EMPTY_TUPLE: &[u8] = b")";
    pub const MARK: &[u8] = b"(";
    pub const TUPLE: &[u8] = b"t";
    pub const REDUCE: &[u8] = b"R";
    pub const SET_ITEMS: &[u8] = b"u";
    pub const PERSISTENT: &[u8] = b"Q";
    pub const FALSE: &[u8] = b"\x89";
    pub const INT_4: &[u8] = b"J";
    pub const INT_LONG: &[u8] = b"\x8a";
    pub const TEXT: &[u8] = b"X";
}

/// The dictionary: every name with its tensor, whose values are the file of that number.
fn pickle(state: &State) -> Vec<u8> {
    let mut pickle = [code::PROTOCOL_2, code::EMPTY_DICT, code::MARK].concat();
    for (number, (name, weights)) in state.iter().enumerate() {
        text(&mut pickle, name);
        tensor(&mut pickle, number, weights);
    }
    pickle.extend([code::SET_ITEMS, code::STOP].concat());
    pickle
}

/// `torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, requires_grad, hooks)`
fn tensor(pickle: &mut Vec<u8>, number: usize, weights: &Weights) {
    global(pickle, "torch._utils", "_rebuild_tensor_v2");
    pickle.extend(code::MARK);
    storage(pickle, number, weights.values.len());
    whole(pickle, 0);
    tuple(pickle, &weights.shape);
    tuple(pickle, &strides(&weights.shape));
    pickle.extend(code::FALSE);
    global(pickle, "collections", "OrderedDict");
    pickle.extend([code::EMPTY_TUPLE, code::REDUCE, code::TUPLE, code::REDUCE].concat());
}

/// What PyTorch looks up as the values of a tensor.
fn storage(pickle: &mut Vec<u8>, number: usize, values: usize) {
    pickle.extend(code::MARK);
    text(pickle, "storage");
    global(pickle, "torch", "FloatStorage");
    text(pickle, &number.to_string());
    text(pickle, "cpu");
    whole(pickle, values);
    pickle.extend([code::TUPLE, code::PERSISTENT].concat());
}

fn global(pickle: &mut Vec<u8>, module: &str, name: &str) {
    pickle.extend(code::GLOBAL);
    pickle.extend(format!("{module}\n{name}\n").as_bytes());
}

fn tuple(pickle: &mut Vec<u8>, numbers: &[usize]) {
    pickle.extend(code::MARK);
    numbers.iter().for_each(|&number| whole(pickle, number));
    pickle.extend(code::TUPLE);
}

fn text(pickle: &mut Vec<u8>, text: &str) {
    pickle.extend(code::TEXT);
    // Names of parameters are no longer than that.
    pickle.extend((text.len() as u32).to_le_bytes());
    pickle.extend(text.as_bytes());
}

fn whole(pickle: &mut Vec<u8>, number: usize) {
    match i32::try_from(number) {
        Ok(number) => {
            pickle.extend(code::INT_4);
            pickle.extend(number.to_le_bytes());
        }
        Err(_) => {
            pickle.extend(code::INT_LONG);
            pickle.push(8);
            pickle.extend((number as u64).to_le_bytes());
        }
    }
}

/// Of a row-major array.
fn strides(shape: &[usize]) -> Vec<usize> {
    (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes spelled out, as `pickletools.dis` reads them.
    #[test]
    fn a_dictionary_of_tensors_is_pickled() {
        let array = |shape: &[usize]| Weights { shape: shape.to_vec(), values: vec![0.5; 6] };
        let state = State::from([("fc.weight".to_owned(), array(&[2, 3]))]);
        let expected = [
            &b"\x80\x02}(X\x09\x00\x00\x00fc.weight"[..],
            b"ctorch._utils\n_rebuild_tensor_v2\n(",
            b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n",
            b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuJ\x06\x00\x00\x00tQ",
            b"J\x00\x00\x00\x00(J\x02\x00\x00\x00J\x03\x00\x00\x00t",
            b"(J\x03\x00\x00\x00J\x01\x00\x00\x00t\x89",
            b"ccollections\nOrderedDict\n)RtRu.",
        ];
        assert_eq!(pickle(&state), expected.concat());
    }

    #[test]
    fn a_size_beyond_four_bytes_is_pickled_too() {
        let mut pickle = Vec::new();
        whole(&mut pickle, 1 << 31);
        assert_eq!(pickle, b"\x8a\x08\x00\x00\x00\x80\x00\x00\x00\x00");
        assert_eq!((strides(&[4, 3, 2]), strides(&[])), (vec![6, 2, 1], vec![]));
    }
}
