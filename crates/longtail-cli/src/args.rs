//! What can be typed.

use std::{num::NonZero, path::PathBuf};

use clap::{
    Args as Options, Parser, Subcommand, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use longtail::{
    choice::Choice,
    data::{Holdout, Resize},
    device::{DeviceChoice, Precision},
    loss::CompressionPreset,
    method::Method,
    model::{Backbone, ClassifierKind},
    recipe::Protocol,
};

/// Train image classifiers on long-tailed data so that the rare classes are recognised too, and
/// prove it.
#[derive(Debug, Parser)]
#[command(name = "longtail", version, max_term_width = 100, args_override_self = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a model, evaluate it and write a report; without options on the built-in synthetic set.
    Train(Box<TrainArgs>),
    /// Compute a run's figures again from its checkpoint.
    Evaluate(EvaluateArgs),
    /// Name the classes of images, each as soon as it is known; what cannot be read is named too, and the
    /// exit code is then 1.
    Predict(PredictArgs),
    /// Look at a data set, make its split, or download it.
    #[command(subcommand)]
    Data(DataCommand),
    /// List what --device can name here, and why something cannot be used.
    Devices(DevicesArgs),
    /// List the built-in recipes, or show one.
    #[command(subcommand)]
    Recipes(RecipesCommand),
}

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

/// The commands about recipes.
#[derive(Debug, Subcommand)]
pub enum RecipesCommand {
    /// Every built-in recipe with its data, its method and what it is.
    List,
    /// The text of a recipe.
    Show {
        /// Its name.
        name: String,
    },
}

/// The values of a choice, with what each is, and how they are read.
fn one_of<T: Choice + Send + Sync>() -> impl TypedValueParser<Value = T> {
    let values = T::ALL.iter().map(|(_, name, what)| PossibleValue::new(name).help(said(what)));
    PossibleValuesParser::new(values).try_map(|name| name.parse::<T>())
}

/// Words of a doc comment, as clap says them.
fn said(what: &str) -> String {
    what.replace('`', "").trim().trim_end_matches('.').to_owned()
}

/// Where the images come from.
#[derive(Debug, Default, Options)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    /// synthetic, cifar10-lt, cifar100-lt, cifar10, cifar100, an image folder, a list file, or a file of
    /// `data pack` [default: synthetic].
    #[arg(long, value_name = "DATA")]
    pub data: Option<String>,
    /// CIFAR's binary or Python version (torchvision's), as .tar.gz, folder, or what holds one; the folder
    /// that a list's paths start from; or a pack of the same split [default: where `data fetch` puts it;
    /// for lists, beside the list].
    #[arg(long, value_name = "PATH")]
    pub data_dir: Option<PathBuf>,
    /// Training list: "path label" lines, or a table with commas, semicolons or tabs; a column named split
    /// says which rows train, validate and test [default: none].
    #[arg(long, value_name = "FILE")]
    pub train_list: Option<PathBuf>,
    /// Validation list [default: none].
    #[arg(long, value_name = "FILE")]
    pub val_list: Option<PathBuf>,
    /// Test list [default: none].
    #[arg(long, value_name = "FILE")]
    pub test_list: Option<PathBuf>,
    /// Height and width of what a model sees of the images of folders and lists [default: 32, 64, 96 or 128,
    /// by the images and the machine].
    #[arg(long, value_name = "PIXELS")]
    pub image_size: Option<usize>,
    /// How images of folders and lists that are no squares become squares [default: crop].
    #[arg(long, value_parser = one_of::<Resize>())]
    pub resize: Option<Resize>,
    /// Imbalance factor n_max / n_min [default: 100 on CIFAR (paper §4.1), 50 on the synthetic set,
    /// as the images come in folders and lists].
    #[arg(long, value_name = "FACTOR", allow_negative_numbers = true)]
    pub imbalance: Option<f64>,
    /// Seed of the long-tailed subset [default: 0, as the reference code].
    #[arg(long, value_name = "SEED")]
    pub split_seed: Option<u64>,
    /// Validation images held out per class, a share such as 10% or 0.1 of each class, auto or none
    /// [default: auto: 50 on CIFAR-10, 20 on CIFAR-100, a tenth in folders]. With none, only the last epoch
    /// is reported.
    #[arg(long, value_name = "N")]
    pub val: Option<Holdout>,
    /// A split.json to use again [default: a new split].
    #[arg(long, value_name = "FILE")]
    pub split: Option<PathBuf>,
    /// Take a CIFAR archive whose content deviates from the official one.
    #[arg(long)]
    pub any_content: bool,
    /// Leave out files that cannot be read, and list them, instead of stopping.
    #[arg(long)]
    pub skip_broken: bool,
}

/// `longtail train`
#[derive(Debug, Options)]
pub struct TrainArgs {
    /// A recipe file, or the name of a built-in recipe (`longtail recipes list`); options win over it
    /// [default: the defaults below].
    #[arg(long, value_name = "FILE|NAME")]
    pub recipe: Option<PathBuf>,
    /// Write a built-in recipe to --out for editing, and train nothing [default: NAME.toml here].
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with_all = [
            "recipe", "protocol", "resume", "stage1", "dry_run", "max_steps", "device", "threads", "json",
        ]
    )]
    pub init_recipe: Option<String>,
    /// A length of run, laid over the recipe [default: paper].
    #[arg(long, value_parser = one_of::<Protocol>())]
    pub protocol: Option<Protocol>,
    /// A finished run of ce as the first stage of crt, lws, tau-norm or ncm; everything but the method is as there.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["resume", "dry_run"])]
    pub stage1: Option<PathBuf>,
    /// The run's folder [default: runs/DATA-METHOD-SEED, numbered if taken].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Continue the run in --out where its checkpoint left off; with another --epochs, to that end.
    #[arg(long, requires = "out")]
    pub resume: bool,
    /// Say how long the run will take and how much memory, and write nothing.
    #[arg(long, conflicts_with = "resume")]
    pub dry_run: bool,
    /// Where the images come from.
    #[command(flatten)]
    pub data: DataArgs,
    /// The method and its knobs.
    #[command(flatten)]
    pub knobs: KnobArgs,
    /// Stop after this many optimizer steps in all, then evaluate as usual [default: no limit].
    #[arg(long, value_name = "N")]
    pub max_steps: Option<u64>,
    /// How the program runs.
    #[command(flatten)]
    pub runtime: RuntimeArgs,
}

/// The method and its knobs.
#[derive(Debug, Options)]
#[command(next_help_heading = "Method and training")]
pub struct KnobArgs {
    /// ce, la, balanced-softmax, scl, bcl, rcl, bcl+rcl, ldam-drw, cb-focal, crt, lws, tau-norm, ncm, ride or bbn
    /// [default: bcl+rcl, paper Eq. 5; la on folders and lists].
    #[arg(long)]
    pub method: Option<Method>,
    /// resnet32 or another CIFAR ResNet of depth 6n+2 [default: resnet32, paper §4.2; resnet8 on the
    /// synthetic set].
    #[arg(long)]
    pub backbone: Option<Backbone>,
    /// Classification layer [default: linear, as BCL on CIFAR].
    #[arg(long, value_parser = one_of::<ClassifierKind>())]
    pub classifier: Option<ClassifierKind>,
    /// Reading of the paper's compression, from half time on [default: off, until measured].
    #[arg(long, value_parser = one_of::<CompressionPreset>())]
    pub compression: Option<CompressionPreset>,
    /// Epochs; warm-up and milestones scale with them [default: 200, paper Table 3; 30 on the
    /// synthetic set; 30 to 200 by their number of images in folders and lists].
    #[arg(long, value_name = "N")]
    pub epochs: Option<usize>,
    /// Images per step; the learning rate scales with it unless --lr is given [default: 256, paper
    /// §4.2; 64 on the synthetic set; up to 32 in folders and lists].
    #[arg(long, value_name = "N")]
    pub batch_size: Option<usize>,
    /// Type of the encoder's activations and products [default: f32].
    #[arg(long, value_parser = one_of::<Precision>())]
    pub precision: Option<Precision>,
    /// Learning rate after the warm-up [default: 0.2, paper §4.2; 0.1 on the synthetic set; 0.05 for steps
    /// of 32 images in folders and lists].
    #[arg(long, allow_negative_numbers = true)]
    pub lr: Option<f64>,
    /// Weight decay on every parameter [default: 5e-4, BCL].
    #[arg(long, allow_negative_numbers = true)]
    pub weight_decay: Option<f64>,
    /// Temperature T of the contrastive loss [default: 0.1, BCL on CIFAR].
    #[arg(long, allow_negative_numbers = true)]
    pub temperature: Option<f64>,
    /// τ of the logit adjustment [default: 1.3, paper §4.3; 1 on folders and lists].
    #[arg(long, allow_negative_numbers = true)]
    pub tau: Option<f64>,
    /// Weight α of the classifier's loss [default: 2, paper §4.3; 1 without a contrastive loss].
    #[arg(long, allow_negative_numbers = true)]
    pub alpha: Option<f64>,
    /// Weight β of the contrastive loss [default: 1, paper §4.3].
    #[arg(long, allow_negative_numbers = true)]
    pub beta: Option<f64>,
    /// Seed of everything but the subset [default: 0].
    #[arg(long)]
    pub seed: Option<u64>,
    /// Any other key of a recipe, as section.key=value; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Steps between checkpoints, beside the one after every epoch [default: 0, none].
    #[arg(long, value_name = "N")]
    pub checkpoint_steps: Option<usize>,
}

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

/// `longtail devices`
#[derive(Debug, Options)]
pub struct DevicesArgs {
    /// Look at this one only [default: at all].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<DeviceChoice>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
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
    /// How the program runs.
    #[command(flatten)]
    pub runtime: RuntimeArgs,
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
    /// Leave out files of another set that cannot be read, and list them, instead of stopping.
    #[arg(long)]
    pub skip_broken: bool,
}

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

/// Which weights predict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WhichWeights {
    /// Of the last epoch.
    Last,
    /// Of the epoch that validation chose.
    Best,
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
    #[arg(long, value_enum)]
    pub weights: Option<WhichWeights>,
    /// What to compute on; `longtail devices` lists what there is.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
    /// Threads [default: all cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
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
