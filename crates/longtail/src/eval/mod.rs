//! Accuracy by class and by group: what a list of predictions is worth on a long-tailed problem.

mod bootstrap;
mod error;
mod evaluation;
mod groups;
mod harmonic;
mod interval;
mod options;
mod predict;

pub use bootstrap::{Bootstrap, paired_intervals};
pub use error::EvalError;
pub use evaluation::{EvalOptions, Evaluation, MostPredicted, argmax};
pub use groups::{Group, ShotThresholds};
pub use harmonic::HarmonicZero;
pub use interval::{Intervals, mean_margin, wilson_interval};
pub use options::{Eval, EvalTyped};
pub use predict::{embed, predict, rows_at_once, softmax};
