//! What predictions are worth on a long-tailed problem, by class and by group, and what a model's outputs tell beyond.

mod analysis;
mod bootstrap;
mod calibration;
mod centre_pairs;
mod centres;
mod circle;
mod class_means;
mod confusion;
mod error;
mod evaluation;
mod geometry;
mod groups;
mod harmonic;
mod interval;
mod options;
mod outputs;
mod predict;
mod priors;
mod round;
mod rows;
mod softmax;
mod top_k;
mod tsne;

pub use analysis::{Analysis, Scores, WorstClasses};
pub use bootstrap::{Bootstrap, paired_intervals};
pub use calibration::{Calibration, Reliability, ReliabilityBin, confidences};
pub use circle::{Region, regions};
pub use class_means::{geometric_mean, worst_classes};
pub use confusion::{ConfusedPair, Confusion, Tally};
pub use error::EvalError;
pub use evaluation::{EvalOptions, Evaluation, MostPredicted, argmax};
pub use geometry::{
    Balance, ClassGeometry, ClassMeans, Geometry, calinski_harabasz, davies_bouldin,
};
pub use groups::{Group, ShotThresholds};
pub use harmonic::HarmonicZero;
pub use interval::{Intervals, mean_margin, wilson_interval};
pub use longtail_kernels::Prepacking;
pub use options::{Eval, EvalTyped};
pub use outputs::Outputs;
pub use predict::{embed, outputs, predict, readable, rows_at_once};
pub use priors::{Prior, Shift, ShiftedPriors};
pub use rows::Rows;
pub(crate) use softmax::Softmax;
pub use softmax::softmax;
pub use top_k::top_k_accuracy;
pub use tsne::{Embedding2d, TsneOptions, tsne};
