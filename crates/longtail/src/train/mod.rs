//! The loop, the optimizer, the schedule and the checkpoint.

mod checkpoint;
mod compression_plan;
mod epoch;
mod error;
mod finish;
mod folder;
mod forecast;
mod learner;
mod loss_scale;
mod objective;
mod observer;
mod run;
mod schedule;
mod setup;
mod sgd;
mod window;

pub use checkpoint::{BestEpoch, Checkpoint, EpochSums, Progress};
pub use compression_plan::CompressionPlan;
pub use error::TrainError;
pub use folder::RunFolder;
pub use forecast::Forecast;
pub use learner::{Learner, Measured, StepLosses};
pub use loss_scale::{LossScale, Unscale};
pub use objective::{BnGroups, Losses, Objective};
pub use observer::{Ending, Limits, Observer, StepReport};
pub use run::Trainer;
pub use schedule::{Decay, Schedule};
pub use setup::network;
pub use sgd::{Sgd, SgdConfig};
