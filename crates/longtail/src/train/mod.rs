//! The loop, the optimizer, the schedule and the checkpoint.

mod checkpoint;
mod collapse;
mod compression_plan;
mod epoch;
mod error;
mod finish;
mod folder;
mod forecast;
mod learner;
mod lock;
mod loss_scale;
mod memory;
mod objective;
mod observer;
mod run;
mod schedule;
mod setup;
mod sgd;
mod window;

pub use checkpoint::{BestEpoch, Checkpoint, EpochSums, Progress};
pub use collapse::{HeldOut, Signs, Symptom};
pub use compression_plan::CompressionPlan;
pub use error::TrainError;
pub use folder::{Out, RunFolder};
pub use forecast::Forecast;
pub use learner::{Learner, Measured, StepLosses};
pub use lock::Lock;
pub use loss_scale::{LossScale, Unscale};
pub use memory::{Need, check_images};
pub use objective::{BnGroups, Losses, Objective};
pub use observer::{Ending, Limits, Observer, StepReport};
pub use run::Trainer;
pub use schedule::{Decay, Schedule};
pub use setup::{eval_options, network, objective};
pub use sgd::{Sgd, SgdConfig};
