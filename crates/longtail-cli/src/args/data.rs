//! What can be typed about data.

use std::path::PathBuf;

use clap::{Args as Options, Subcommand, ValueEnum};
use longtail::data::{Holdout, Resize, Storage};

use super::{key, one_of};

/// The commands about data.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Counts, imbalance, groups, broken and duplicate files, images in both train and test.
    Stats(StatsArgs),
    /// Select the long-tailed subset and write it as split.json.
    Split(SplitArgs),
    /// Write a split with its images as one lossless file that --data reads.
    Pack(PackArgs),
    /// Download CIFAR-10 or CIFAR-100, resuming what was cut off, and check its checksum.
    Fetch(FetchArgs),
}

/// Where the images come from.
#[derive(Debug, Default, Options)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    #[arg(long, help = key("data.name"), value_name = "DATA")]
    pub data: Option<String>,
    #[arg(long, help = key("data.dir"), value_name = "PATH")]
    pub data_dir: Option<PathBuf>,
    #[arg(long, help = key("data.train_list"), value_name = "FILE")]
    pub train_list: Option<PathBuf>,
    #[arg(long, help = key("data.val_list"), value_name = "FILE")]
    pub val_list: Option<PathBuf>,
    #[arg(long, help = key("data.test_list"), value_name = "FILE")]
    pub test_list: Option<PathBuf>,
    #[arg(long, help = key("data.image_size"), value_name = "PIXELS")]
    pub image_size: Option<usize>,
    #[arg(long, help = key("data.resize"), value_parser = one_of::<Resize>())]
    pub resize: Option<Resize>,
    #[arg(long, help = key("data.shorter_side"), value_name = "PIXELS")]
    pub shorter_side: Option<usize>,
    #[arg(long, help = key("data.storage"), value_parser = one_of::<Storage>())]
    pub storage: Option<Storage>,
    #[arg(long, help = key("data.cache"), value_name = "FOLDER")]
    pub cache: Option<PathBuf>,
    #[arg(long, help = key("data.cache_gib"), value_name = "GIB")]
    pub cache_gib: Option<f64>,
    #[arg(long, help = key("data.imbalance"), value_name = "FACTOR", allow_negative_numbers = true)]
    pub imbalance: Option<f64>,
    #[arg(long, help = key("data.split_seed"), value_name = "SEED")]
    pub split_seed: Option<u64>,
    #[arg(long, help = key("data.val"), value_name = "N")]
    pub val: Option<Holdout>,
    #[arg(long, help = key("data.split"), value_name = "FILE")]
    pub split: Option<PathBuf>,
    #[arg(long, help = key("data.any_content"))]
    pub any_content: bool,
    /// Leave out files that cannot be read, and list them, instead of stopping.
    #[arg(long)]
    pub skip_broken: bool,
}

/// Where images are now.
#[derive(Debug, Default, Options)]
#[command(next_help_heading = "Data")]
pub struct PlaceArgs {
    /// The run's folder or list where it is now, or another set to score [default: where the run found it].
    #[arg(long, value_name = "DATA")]
    pub data: Option<String>,
    /// The files of CIFAR, the folder that a list's paths start from, or a pack of the run's split.
    #[arg(long, value_name = "PATH")]
    pub data_dir: Option<PathBuf>,
    /// The training list where it is now.
    #[arg(long, value_name = "FILE")]
    pub train_list: Option<PathBuf>,
    /// The validation list where it is now.
    #[arg(long, value_name = "FILE")]
    pub val_list: Option<PathBuf>,
    /// The test list where it is now.
    #[arg(long, value_name = "FILE")]
    pub test_list: Option<PathBuf>,
    /// The folder of decoded and unpacked images, for this time [default: the run's, if it has one].
    #[arg(long, value_name = "FOLDER")]
    pub cache: Option<PathBuf>,
    /// GiB that all files in that folder may take [default: as the run].
    #[arg(long, value_name = "GIB")]
    pub cache_gib: Option<f64>,
    /// Leave out files of another set that cannot be read, and list them, instead of stopping.
    #[arg(long)]
    pub skip_broken: bool,
}

/// `longtail data stats`
#[derive(Debug, Options)]
pub struct StatsArgs {
    /// Where the images come from.
    #[command(flatten)]
    pub data: DataArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `longtail data pack`
#[derive(Debug, Options)]
pub struct PackArgs {
    /// Where the images come from.
    #[command(flatten)]
    pub data: DataArgs,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Most MiB of one file; more are written as FILE.001, FILE.002 and so on [default: one file].
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub piece_size: Option<u64>,
}

/// `longtail data split`
#[derive(Debug, Options)]
pub struct SplitArgs {
    /// Where the images come from.
    #[command(flatten)]
    pub data: DataArgs,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// What can be downloaded.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum FetchName {
    /// CIFAR-10, 163 MB.
    Cifar10,
    /// CIFAR-100, 161 MB.
    Cifar100,
}

/// `longtail data fetch`
#[derive(Debug, Options)]
pub struct FetchArgs {
    /// The data set.
    #[arg(value_enum)]
    pub name: FetchName,
    /// Where it goes.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data_dir: PathBuf,
    /// Another server's folder to take it from.
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
    /// Show no progress.
    #[arg(long)]
    pub quiet: bool,
}
