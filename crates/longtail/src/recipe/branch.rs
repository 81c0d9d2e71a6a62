use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[branch]`: where a run was that this one went on from under other settings; written down when it begins
/// ([`crate::run::Runner::start_from`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// The folder of that run.
    pub from: PathBuf,
    /// Its epochs that were done.
    pub epoch: usize,
    /// Its optimizer steps that were done.
    pub step: u64,
    /// SHA-256 of its weights, running statistics and velocity.
    pub digest: String,
}
