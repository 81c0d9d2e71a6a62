use serde::{Deserialize, Serialize};

use super::{Calibration, ConfusedPair, Geometry, ShiftedPriors};

/// What a model's outputs on one set of images tell beyond accuracies (`docs/evaluation.md`).
///
/// What cannot be computed is `None`, and `not_computed` says why. Figures are rounded to 12 significant digits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Number of images.
    pub images: usize,
    /// Number of classes, with and without images.
    pub classes: usize,
    /// One figure each.
    pub scores: Scores,
    /// How far the probability of the predicted class is the share of right ones.
    pub calibration: Option<Calibration>,
    /// Accuracies where classes are as frequent as other priors say.
    pub priors: Option<ShiftedPriors>,
    /// Where the encoder's features of the classes lie.
    pub features: Option<Geometry>,
    /// Where the projections lie; `None` without a projection head, too.
    pub projections: Option<Geometry>,
    /// The pairs of classes that are confused most, the most frequent first.
    pub worst_confusions: Vec<ConfusedPair>,
    /// Images of every class (row) by the class that they are called (column); `None` of more than 100 classes.
    pub confusion: Option<Vec<Vec<usize>>>,
    /// Why figures are `None`, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_computed: Vec<String>,
}

/// Figures of one number each. Means run over the classes that have an image in the set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Geometric mean of the per-class accuracies: 0 where one is 0.
    pub geometric_mean: Option<f64>,
    /// Mean of the per-class precisions, a class that nothing is called counting 0.
    pub macro_precision: Option<f64>,
    /// Mean of the per-class recalls, which is that of the per-class accuracies.
    pub macro_recall: Option<f64>,
    /// Mean of the per-class F1.
    pub macro_f1: Option<f64>,
    /// Share of images whose class is among the five largest logits; `None` of 5 classes and fewer.
    pub top5: Option<f64>,
    /// The classes of the lowest accuracies.
    pub worst_classes: Option<WorstClasses>,
    /// Expected calibration error.
    pub ece: Option<f64>,
    /// Calinski–Harabasz index of the features: more is better.
    pub calinski_harabasz: Option<f64>,
    /// Davies–Bouldin index of the features: less is better.
    pub davies_bouldin: Option<f64>,
}

/// The mean over the classes of the lowest accuracies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WorstClasses {
    /// How many: a tenth of those with images, 3 at least.
    pub classes: usize,
    /// The mean of their accuracies.
    pub mean: f64,
}
