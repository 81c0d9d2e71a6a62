//! What can be typed of `longtail search`.

use std::path::PathBuf;

use clap::Args as Options;
use longtail::recipe::Protocol;

use super::{DataArgs, KnobArgs, LogArgs, RuntimeArgs, one_of};

/// `longtail search`
#[derive(Debug, Options)]
pub struct SearchArgs {
    /// A search of the paper: tau (logit adjustment) or compression (factor of the classes below 20 %).
    #[arg(value_name = "GRID")]
    pub grid: Option<String>,
    /// A key of a recipe with its values, as tau=1.0,1.3, or a range of them, as lr=0.01..0.3:log (:int for whole numbers);
    /// may be given more than once, for all combinations.
    #[arg(long, value_name = "KEY=VALUES")]
    pub knob: Vec<String>,
    /// Draw this many combinations instead of trying all; ranges need it.
    #[arg(long, value_name = "N")]
    pub samples: Option<usize>,
    /// The seed of the draws.
    #[arg(long, value_name = "SEED", default_value = "0", requires = "samples")]
    pub draw_seed: u64,
    /// Successive halving: give most candidates up early, by validation.
    #[arg(long)]
    pub halving: bool,
    /// Of so many candidates one goes on, for so many times the epochs.
    #[arg(long, value_name = "N", default_value = "3", requires = "halving",
          value_parser = clap::value_parser!(u16).range(2..))]
    pub eta: u16,
    /// Epochs before the first candidates are given up [default: a ninth of the run].
    #[arg(long, value_name = "N", requires = "halving",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub min_epochs: Option<u16>,
    /// The seeds that every candidate is trained with; their mean counts.
    #[arg(long, value_name = "SEED,…", value_delimiter = ',', conflicts_with = "seed")]
    pub seeds: Vec<u64>,
    /// List what would run, what is used again and how long it might take, and run nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// A recipe file, or the name of a built-in recipe; options win over it.
    #[arg(long, value_name = "FILE|NAME")]
    pub recipe: Option<PathBuf>,
    /// A length of run, laid over the recipe [default: paper].
    #[arg(long, value_parser = one_of::<Protocol>())]
    pub protocol: Option<Protocol>,
    /// The folder of the search [default: runs/search-KNOBS].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Where the images come from.
    #[command(flatten)]
    pub data: DataArgs,
    /// The method and the knobs that all candidates share.
    #[command(flatten)]
    pub knobs: KnobArgs,
    /// Stop every run after this many optimizer steps [default: no limit].
    #[arg(long, value_name = "N")]
    pub max_steps: Option<u64>,
    /// What else is written.
    #[command(flatten)]
    pub log: LogArgs,
    /// How the program runs.
    #[command(flatten)]
    pub runtime: RuntimeArgs,
}
