//! What can be typed of `longtail evaluate`.

use std::path::PathBuf;

use clap::{
    Args as Options,
    builder::{PathBufValueParser, TypedValueParser},
};
use longtail::report::{LogKind, ReportError, ScoredFormat, Weights};

use super::{PlaceArgs, RuntimeArgs, one_of};

/// A file for predictions, whose ending says its format.
#[derive(Debug, Clone)]
pub struct PredictionsFile {
    pub path: PathBuf,
    pub format: ScoredFormat,
}

impl PredictionsFile {
    fn of(path: PathBuf) -> Result<Self, ReportError> {
        Ok(Self { format: ScoredFormat::of_path(&path)?, path })
    }
}

/// `longtail evaluate`
#[derive(Debug, Options)]
pub struct EvaluateArgs {
    /// The run's folder.
    pub run: PathBuf,
    /// Where the images are, if elsewhere than the run found them; or another set to score, whose classes
    /// are found by name.
    #[command(flatten)]
    pub data: PlaceArgs,
    /// Write what the model says of every test image to this file: its class and the probability of each class, as CSV,
    /// JSONL or Parquet by the file's ending; it is there once it is whole.
    #[arg(long, value_name = "FILE", value_parser = PathBufValueParser::new().try_map(PredictionsFile::of))]
    pub predictions: Option<PredictionsFile>,
    /// Whose predictions [default: last].
    #[arg(long, requires = "predictions", value_parser = one_of::<Weights>())]
    pub weights: Option<Weights>,
    /// Predictions have the features too, and projections where there is a projection head.
    #[arg(long, requires = "predictions")]
    pub features: bool,
    /// In CSV, leave a name that a spreadsheet would take for a formula as it is, without a ' before it.
    #[arg(long, requires = "predictions")]
    pub raw_names: bool,
    /// Write logs for these programs too, in the run's folder below logs/ [default: for those that are there].
    #[arg(long, value_name = "PROGRAM", value_delimiter = ',', value_parser = one_of::<LogKind>())]
    pub log: Vec<LogKind>,
    /// How the program runs.
    #[command(flatten)]
    pub runtime: RuntimeArgs,
}
