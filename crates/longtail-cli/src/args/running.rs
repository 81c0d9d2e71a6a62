//! What can be typed about how the program runs.

use clap::Args as Options;
use longtail::{device::DeviceChoice, report::LogKind};

use super::one_of;

/// How the program runs.
#[derive(Debug, Clone, Copy, Default, Options)]
#[command(next_help_heading = "Running")]
pub struct RuntimeArgs {
    /// What to compute on: auto, cpu, cuda, metal, vulkan or wgpu, with a number as in cuda:1 where
    /// there are several; auto takes the best GPU that this build and machine have.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
    /// Threads; results do not depend on them [default: all cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Say nothing but errors and what --json asks for.
    #[arg(long)]
    pub quiet: bool,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What is written beside what every run has.
#[derive(Debug, Default, Options)]
pub struct LogArgs {
    /// Write logs for these programs too, in a run's folder below logs/, after every epoch; a run that goes on goes on with
    /// those that are there [default: none].
    #[arg(
        id = "log",
        long,
        value_name = "PROGRAM",
        value_delimiter = ',',
        value_parser = one_of::<LogKind>(),
        conflicts_with = "dry_run"
    )]
    pub programs: Vec<LogKind>,
}
