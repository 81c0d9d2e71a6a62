use std::fmt;

use crate::{
    loss::{Criterion, LossError},
    model::Network,
};

/// What makes a classifier without training it, of features.
pub trait ComputeClassifier: fmt::Debug + Send {
    /// The network with its classifier, and what people should know of it.
    ///
    /// # Errors
    /// [`LossError`], most often of the features.
    fn compute(
        &self,
        network: Network,
        features: &mut dyn Features,
    ) -> Result<(Network, String), LossError>;
}

/// Features of images under the test transform, on demand.
pub trait Features {
    /// Of the images of `criterion`, with the running statistics of `network`.
    ///
    /// # Errors
    /// [`LossError::Measure`].
    fn of(&mut self, network: &Network, criterion: Criterion) -> Result<FeaturesOf, LossError>;
}

/// Features of some images.
#[derive(Debug, Clone, PartialEq)]
pub struct FeaturesOf {
    /// One row per image.
    pub rows: Vec<Vec<f32>>,
    /// One label per image.
    pub labels: Vec<u32>,
    /// What the images are, for people: "validation images".
    pub images: &'static str,
}
