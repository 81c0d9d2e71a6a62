use serde::{Deserialize, Serialize};

/// Images of one class that are called another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfusedPair {
    /// What they are.
    pub label: u32,
    /// What they are called.
    pub prediction: u32,
    /// How many.
    pub count: usize,
    /// Their share of the images of `label`.
    pub share: f64,
    /// Positions in the set of up to four of them, the most confident ones first.
    pub images: Vec<usize>,
}
