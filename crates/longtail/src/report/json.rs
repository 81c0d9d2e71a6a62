//! Final figures as JSON files.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::ReportError;
use crate::{atomic, regular};

/// Bytes of the longest file that is read.
const LARGEST: u64 = 1 << 28;

/// Writes what serde_json made, ended with a line break, beside `path` first and then renamed.
pub(super) fn save(json: serde_json::Result<Vec<u8>>, path: &Path) -> Result<(), ReportError> {
    let mut json = json.map_err(|error| ReportError::io("write", path)(error.into()))?;
    json.push(b'\n');
    Ok(atomic::write(path, &json)?)
}

/// Reads such a file; `refused` says what one that is none of its kind is not.
pub(super) fn load<T: DeserializeOwned>(
    path: &Path,
    refused: impl FnOnce(serde_json::Error) -> ReportError,
) -> Result<T, ReportError> {
    let json = regular::read(path, LARGEST).map_err(ReportError::io("read", path))?;
    serde_json::from_slice(&json).map_err(refused)
}
