//! What changes the weights: the optimizer, its learning rate over the epochs, and the loss scaling of f16.

mod loss_scale;
mod options;
mod schedule;
mod sgd;

pub use loss_scale::{LossScale, Unscale};
pub use options::{Optimizer, OptimizerTyped, ScheduleSection, ScheduleTyped};
pub use schedule::{Decay, Schedule};
pub use sgd::{Sgd, SgdConfig};
