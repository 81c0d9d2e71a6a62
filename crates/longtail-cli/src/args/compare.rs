//! What can be typed of `longtail compare`.

use std::path::PathBuf;

use clap::Args as Options;
use longtail::report::{Weights, compare::Format};

use super::one_of;

/// `longtail compare`
#[derive(Debug, Options)]
pub struct CompareArgs {
    /// Folders of runs, or folders that hold some; runs that differ in their seed alone become one row.
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// What the others are compared with: a run, which need not be among them, or a method [default: the first run].
    #[arg(long, value_name = "RUN|METHOD")]
    pub baseline: Option<String>,
    /// How the comparison is written [default: as the ending of --out says, else table].
    #[arg(long, value_parser = one_of::<Format>())]
    pub format: Option<Format>,
    /// Write it to this file, which is there once it is whole [default: it is printed].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Which figures are compared [default: last].
    #[arg(long, value_parser = one_of::<Weights>())]
    pub weights: Option<Weights>,
    /// Compare runs of other splits, test images, epochs or classes all the same, and say what they do not share.
    #[arg(long)]
    pub across_splits: bool,
    /// Threads; results do not depend on them [default: all cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}
