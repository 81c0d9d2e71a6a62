//! The loop over a plan's stages, and the checkpoint.

mod about;
mod checkpoint;
mod collapse;
mod epoch;
mod error;
mod folder;
mod forecast;
mod learner;
mod lock;
mod logging;
mod memory;
mod observer;
mod page;
mod progress;
mod restore;
mod results;
mod setup;
mod stages;
mod trainer;
mod window;

pub(crate) use about::about;
pub use checkpoint::Checkpoint;
pub use collapse::{HeldOut, Signs, Symptom};
pub use error::TrainError;
pub use folder::{Out, RunFolder};
pub use forecast::Forecast;
pub use learner::{Learner, Measured, StepLosses};
pub use lock::Lock;
pub use memory::Need;
pub use observer::{Ending, Limits, Observer, StepReport};
pub use progress::{BestEpoch, EpochLosses, EpochSums, Progress};
pub(crate) use results::Figures;
pub use results::Results;
pub(crate) use setup::model_prior;
pub use setup::{encoder, epochs, eval_options, network, normalize, whole};
pub use trainer::Trainer;
