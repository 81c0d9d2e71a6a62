//! What can be typed of `longtail export`, `completions` and `man`.

use std::path::PathBuf;

use clap::{Args as Options, ValueEnum};
use clap_complete::Shell;
use longtail::report::Weights;

use super::one_of;

/// A format of exported networks.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ExportFormat {
    /// Weights under PyTorch's names.
    Safetensors,
    /// The same for torch.load.
    #[value(alias = "pth-compatible")]
    Pth,
    /// The whole computation from pixels in [0, 1] to probabilities, for ONNX runtimes.
    Onnx,
}

/// `longtail export`
#[derive(Debug, Options)]
pub struct ExportArgs {
    /// The run's folder.
    pub run: PathBuf,
    /// What is written.
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// The file to write [default: in the current folder, named after the run's].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Which weights [default: those of the epoch that validation chose, else the last].
    #[arg(long, value_parser = one_of::<Weights>())]
    pub weights: Option<Weights>,
    /// Take TAU times the logarithm of the prior that training left in the logits from them; 1 makes all classes alike
    /// [default: logits as they were trained].
    #[arg(long, value_name = "TAU", allow_negative_numbers = true)]
    pub adjust: Option<f64>,
    /// Say nothing but errors and what --json asks for.
    #[arg(long)]
    pub quiet: bool,
    /// Print what was written as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `longtail completions`
#[derive(Debug, Options)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: Shell,
}

/// `longtail man`
#[derive(Debug, Options)]
pub struct ManArgs {
    /// Write the page of every command into this folder [default: the program's own page is printed].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}
