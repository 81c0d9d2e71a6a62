//! One equation per file, in the paper's symbols: y label, n_j training images of class j, π_j =
//! n_j / N, B_j the embeddings of class j in the batch, z embeddings and c prototypes of unit
//! length, T temperature.
//!
//! Every loss is a log-sum-exp with a column bias ([`log_sum_exp`]); [`mod@reference`] holds the same
//! losses as plain loops in f64 with their gradients, which the tests compare.

mod balanced_contrastive;
mod balanced_softmax;
mod class_counts;
mod classifier_contrastive;
mod compression;
mod compression_switch;
mod contrastive;
mod cross_entropy;
mod logit_adjustment;
mod objective;
mod rebalanced_contrastive;
mod rebalanced_on_balanced;
pub mod reference;
mod supervised_contrastive;

pub use balanced_softmax::balanced_softmax;
pub use class_counts::ClassCounts;
pub use classifier_contrastive::{
    ClassifierContrastive, ClassifierLoss, ContrastiveBranch, PoorClasses,
};
pub use compression::{ApplyTo, Compression, CompressionMode, CompressionPreset};
pub use compression_switch::{CompressionSwitch, Reevaluate};
pub use contrastive::{ClassAverage, Contrastive, Normaliser, PriorCounts};
pub use cross_entropy::cross_entropy;
pub use logit_adjustment::logit_adjusted;
pub use longtail_kernels::composed::log_sum_exp;
pub use objective::{Criterion, Draw, Losses, Measure, Measured, Moment, Objective};

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
    /// There is no class.
    #[error("there is no class")]
    NoClass,
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
    /// The class prior has a zero.
    #[error("class {class} has no training image, so its log prior is undefined; leave it out")]
    EmptyClass {
        /// The class.
        class: usize,
    },
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
