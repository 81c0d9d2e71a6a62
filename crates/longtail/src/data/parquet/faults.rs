//! The sentences on what cannot be read.

use polars_parquet_format::Encoding;

use super::schema::Leaf;

/// On a file whose end is missing.
pub(super) const CUT_OFF: &str = "it is cut off: copy it again";
/// Characters of a name that are quoted.
const QUOTED: usize = 80;

/// On a file that holds what no writer writes.
pub(super) fn damaged(what: &str) -> String {
    format!("it is damaged ({what}): copy it again")
}

/// The start of a name that the file says.
pub(super) fn shown(name: &str) -> String {
    let start: String = name.chars().take(QUOTED).collect();
    if start.len() < name.len() { format!("{start}...") } else { start }
}

/// On a damaged column.
pub(super) fn wrong(leaf: &Leaf, what: &str) -> String {
    damaged(&format!("column {}: {what}", leaf.name()))
}

/// On values that are written in a way that is not read.
pub(super) fn unread(leaf: &Leaf, encoding: Encoding) -> String {
    let name = match encoding {
        Encoding::BIT_PACKED => "BIT_PACKED",
        Encoding::RLE => "RLE",
        Encoding::DELTA_BYTE_ARRAY => "DELTA_BYTE_ARRAY",
        Encoding::BYTE_STREAM_SPLIT => "BYTE_STREAM_SPLIT",
        _ => "one that has no name yet",
    };
    format!(
        "its column {} has the encoding {name}, which is not read: write it again with the encoding PLAIN",
        leaf.name()
    )
}

/// Refuses values that are written in a way that is not read.
pub(super) fn check(leaf: &Leaf, encoding: Encoding) -> Result<(), String> {
    match encoding {
        Encoding::PLAIN
        | Encoding::PLAIN_DICTIONARY
        | Encoding::RLE_DICTIONARY
        | Encoding::DELTA_BINARY_PACKED
        | Encoding::DELTA_LENGTH_BYTE_ARRAY => Ok(()),
        other => Err(unread(leaf, other)),
    }
}
