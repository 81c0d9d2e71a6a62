//! The binary version: records of one or two labels and an image.

use super::{Batch, Facts, PIXELS};

pub(super) fn batch<'a>(
    facts: &Facts,
    name: &'static str,
    bytes: &'a [u8],
) -> Result<Batch<'a>, String> {
    let record = facts.labels + PIXELS;
    if bytes.is_empty() || !bytes.len().is_multiple_of(record) {
        let size = bytes.len();
        return Err(format!(
            "{name} has {size} bytes, which is no multiple of the record size {record}"
        ));
    }
    let labels = bytes.chunks_exact(record).map(|record| record[facts.labels - 1]).collect();
    Ok(Batch { name, labels, bytes: bytes.into(), skip: facts.labels })
}

pub(super) fn class_names(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).split_whitespace().map(str::to_owned).collect()
}
