use super::{Rows, argmax};

/// What a network gives for the images of a set, one row per image, with what the images are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outputs {
    /// The classes of the images.
    pub labels: Vec<u32>,
    /// One logit per class.
    pub logits: Rows,
    /// What the encoder gives, those of several branches side by side.
    pub features: Rows,
    /// z of length 1; `None` without a projection head.
    pub projections: Option<Rows>,
}

impl Outputs {
    /// The class of the largest logit of every image ([`argmax`]).
    pub fn predictions(&self) -> Vec<u32> {
        self.logits.iter().map(argmax).collect()
    }
}
