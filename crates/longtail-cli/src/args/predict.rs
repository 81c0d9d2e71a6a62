//! What can be typed of `longtail predict`.

use std::{num::NonZero, path::PathBuf};

use clap::{Args as Options, ValueEnum};
use longtail::{device::DeviceChoice, report::Weights};

use super::one_of;

/// A format of predictions.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum FormatName {
    /// Columns for people.
    Table,
    /// Comma-separated values with a header; the last column says why an image cannot be read.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// `longtail predict`
#[derive(Debug, Options)]
pub struct PredictArgs {
    /// The run's folder.
    pub run: PathBuf,
    /// Images, folders of images, or - for paths from standard input, one a line.
    #[arg(required = true)]
    pub images: Vec<PathBuf>,
    /// How predictions are printed.
    #[arg(long, value_enum, default_value = "table")]
    pub format: FormatName,
    /// Classes listed for every image.
    #[arg(long, value_name = "K", default_value = "5")]
    pub top: NonZero<usize>,
    /// In CSV, leave a name that a spreadsheet would take for a formula as it is, without a ' before it.
    #[arg(long)]
    pub raw_names: bool,
    /// Write the predictions to this file, which is there once it is whole [default: they are printed].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Paths from standard input end with a NUL byte each, as `find -print0` writes them.
    #[arg(short = '0', long)]
    pub null: bool,
    /// Which weights predict [default: those of the epoch that validation chose, else the last].
    #[arg(long, value_parser = one_of::<Weights>())]
    pub weights: Option<Weights>,
    /// What to compute on; `longtail devices` lists what there is.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
    /// Threads [default: all cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}
