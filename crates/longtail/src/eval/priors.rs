use serde::{Deserialize, Serialize};

/// Accuracies where the classes of the test images are as frequent as other priors say, of the same predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShiftedPriors {
    /// The prior that the logits are taken to hold, by label.
    pub model: Vec<f64>,
    /// One line per prior.
    pub shifts: Vec<Shift>,
}

/// Accuracy under one prior.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// The prior.
    pub prior: Prior,
    /// Of the most frequent class to the rarest, where the prior is made of a factor.
    pub factor: Option<f64>,
    /// Its share that lies on classes with images; accuracies are of these alone.
    pub covered: f64,
    /// Σ p(y) · accuracy of y; `None` where the prior lies on no class with an image.
    pub accuracy: Option<f64>,
    /// The same once logits are corrected for the prior.
    pub corrected: Option<f64>,
}

/// How frequent the classes of test images are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prior {
    /// All alike.
    Uniform,
    /// As in training.
    Training,
    /// As 1 / training images.
    Inverse,
    /// A long tail in the order of training.
    Forward,
    /// A long tail in the other order: the rarest class in training is the most frequent.
    Backward,
}
