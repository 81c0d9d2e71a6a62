//! The loop, the optimizer, the schedule and the checkpoint.

mod error;

pub use error::TrainError;
