//! What can be typed of `longtail evaluate`.

use std::path::PathBuf;

use clap::Args as Options;

use super::{PlaceArgs, RuntimeArgs};

/// `longtail evaluate`
#[derive(Debug, Options)]
pub struct EvaluateArgs {
    /// The run's folder.
    pub run: PathBuf,
    /// Where the images are, if elsewhere than the run found them; or another set to score, whose classes
    /// are found by name.
    #[command(flatten)]
    pub data: PlaceArgs,
    /// How the program runs.
    #[command(flatten)]
    pub runtime: RuntimeArgs,
}
