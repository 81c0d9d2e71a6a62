//! One equation per file, in the paper's symbols: y label, n_j training images of class j, π_j =
//! n_j / N, B_j the embeddings of class j in the batch, z embeddings and c prototypes of unit
//! length, T temperature.
//!
//! The paper's losses are each a log-sum-exp with a column bias ([`log_sum_exp`]); [`mod@reference`] holds the
//! contrastive ones as plain loops in f64 with their gradients, which the tests compare. The losses of other
//! long-tail systems ([`Ldam`], [`class_balanced_focal`], [`Ride`], [`cumulative_learning`]) are compared with what their
//! public code gave.

mod balanced_contrastive;
mod balanced_softmax;
mod classifier_contrastive;
mod classify;
mod compression;
mod compression_switch;
mod contrastive;
mod cross_entropy;
mod cumulative;
mod distillation;
mod diversity;
mod expert_assignment;
mod focal;
mod ldam;
mod log_sum_exp;
mod logit_adjustment;
mod objective;
mod options;
mod rebalanced_contrastive;
mod rebalanced_on_balanced;
pub mod reference;
mod ride;
mod supervised_contrastive;
mod teacher;
mod terms;
mod weighted_cross_entropy;

pub use balanced_softmax::balanced_softmax;
pub use classifier_contrastive::{
    ClassifierContrastive, ClassifierLoss, ContrastiveBranch, LowAccuracyClasses,
};
pub use classify::{classifier_alone, only};
pub use compression::{ApplyTo, Compression, CompressionMode, CompressionPreset};
pub use compression_switch::{CompressionSwitch, Reevaluate};
pub(crate) use contrastive::SMALLEST_TEMPERATURE;
pub use contrastive::{ClassAverage, Contrastive, ContrastiveTyped, Normaliser, Prior};
pub use cross_entropy::cross_entropy;
pub use cumulative::{cumulative_learning, cumulative_share};
pub use distillation::distillation;
pub(crate) use diversity::mean_of;
pub use diversity::{class_temperatures, expert_diversity};
pub use expert_assignment::expert_assignment;
pub use focal::{class_balanced_focal, class_balanced_softmax_focal, softmax_focal};
pub use ldam::Ldam;
pub use log_sum_exp::log_sum_exp;
pub use logit_adjustment::logit_adjusted;
pub use objective::{Criterion, Draw, Losses, Measure, Measured, Moment, Objective};
pub use options::{CompressionSection, CompressionStart, CompressionTyped, Loss, LossTyped};
pub use ride::{Ride, RideLoss, RideReweighting};
pub use teacher::{Distillation, Teacher};
pub use weighted_cross_entropy::weighted_cross_entropy;

pub use crate::data::{ClassCounts, ClassCountsError};

/// Arguments that a loss is not defined for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LossError {
    /// A label names no class.
    #[error("label {label} of row {row} is out of range: there are {classes} classes")]
    Label {
        /// The label.
        label: u32,
        /// Where it stands.
        row: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// There is no row.
    #[error("a loss of no rows is not defined")]
    NoRows,
    /// The network lacks a head.
    #[error("the network has no {head}, which the loss needs")]
    Head {
        /// Which.
        head: &'static str,
    },
    /// More or fewer samplers than the objective needs.
    #[error("{given} samplers draw where the objective needs {needed}")]
    Draws {
        /// Samplers that draw.
        given: usize,
        /// Samplers needed.
        needed: usize,
    },
    /// A network to learn from was not given.
    #[error("there is no teacher to learn from: name a finished run (--teacher)")]
    NoTeacher,
    /// A saved state is not that of the objective.
    #[error("the state of the objective does not fit: {reason}")]
    State {
        /// What is wrong with it.
        reason: String,
    },
    /// What an objective depends on could not be measured.
    #[error("accuracies cannot be measured: {reason}")]
    Measure {
        /// Why.
        reason: String,
    },
    /// The temperature is not a positive number.
    #[error("temperature {0} must be a positive number")]
    Temperature(f64),
    /// Logits of another number of classes than there are counts.
    #[error("{counts} class counts do not fit logits of {logits} classes")]
    Classes {
        /// Class counts.
        counts: usize,
        /// Classes of the logits.
        logits: usize,
    },
    /// The counts are none of a training set.
    #[error(transparent)]
    ClassCounts(#[from] ClassCountsError),
    /// Labels and rows do not fit.
    #[error("{labels} labels do not fit {rows} rows")]
    Rows {
        /// Number of labels.
        labels: usize,
        /// Number of rows.
        rows: usize,
    },
    /// The loss was built for prototypes and got none, or the other way round.
    #[error("{given} prototypes were given where the loss needs {needed}")]
    Prototypes {
        /// Prototypes given.
        given: usize,
        /// Prototypes needed.
        needed: usize,
    },
    /// A compression factor is not a positive number.
    #[error("compression factor {factor} of class {class} must be a positive number")]
    CompressionFactor {
        /// The factor.
        factor: f64,
        /// Its class.
        class: usize,
    },
    /// A number of factors other than one per class.
    #[error("{factors} compression factors were given for {classes} classes")]
    CompressionClasses {
        /// Factors given.
        factors: usize,
        /// Classes there are.
        classes: usize,
    },
    /// A number of class weights other than one per class.
    #[error("{weights} class weights were given for {classes} classes")]
    ClassWeights {
        /// Weights given.
        weights: usize,
        /// Classes there are.
        classes: usize,
    },
    /// A class weight is not a positive number.
    #[error("weight {weight} of class {class} must be a positive number")]
    ClassWeight {
        /// The weight.
        weight: f64,
        /// Its class.
        class: usize,
    },
    /// A parameter of the loss is out of its range.
    #[error("{name} is {value} and must be {must_be}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// Its range in words.
        must_be: &'static str,
    },
    /// Tensors that belong together are of several shapes.
    #[error("{what} have shape {found:?} where {expected:?} is needed")]
    Shape {
        /// The tensor that does not fit.
        what: &'static str,
        /// Its rows and columns.
        found: [usize; 2],
        /// What they should be.
        expected: [usize; 2],
    },
    /// Too few experts.
    #[error("{experts} experts were given where at least {least} are needed")]
    Experts {
        /// Experts given.
        experts: usize,
        /// Experts needed.
        least: usize,
    },
    /// An epoch that the run does not have.
    #[error("epoch {epoch} is not one of 1 to {epochs}")]
    Epoch {
        /// The epoch, counted from 1.
        epoch: usize,
        /// Epochs of the run.
        epochs: usize,
    },
}

/// That every label names one of `classes` classes, and there are `rows` of them, at least one.
fn check_labels(labels: &[u32], rows: usize, classes: usize) -> Result<(), LossError> {
    if labels.len() != rows {
        return Err(LossError::Rows { labels: labels.len(), rows });
    }
    if rows == 0 {
        return Err(LossError::NoRows);
    }
    match labels.iter().position(|&label| label as usize >= classes) {
        Some(row) => Err(LossError::Label { label: labels[row], row, classes }),
        None => Ok(()),
    }
}
