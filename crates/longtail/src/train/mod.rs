//! The loop, the optimizer, the schedule and the checkpoint.

mod error;
mod objective;
mod schedule;
mod sgd;

pub use error::TrainError;
pub use objective::{BnGroups, Losses, Objective};
pub use schedule::{Decay, Schedule};
pub use sgd::{Sgd, SgdConfig};
