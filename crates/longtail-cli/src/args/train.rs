//! What can be typed of `longtail train`.

use std::path::PathBuf;

use clap::Args as Options;
use longtail::{
    augment::{ClassifierView, ContrastiveViews},
    device::Precision,
    loss::CompressionPreset,
    method::Method,
    model::{Backbone, ClassifierKind},
    recipe::Protocol,
};

use super::{DataArgs, LogArgs, RuntimeArgs, key, methods, one_of};

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
            "recipe", "protocol", "resume", "stage1", "branch_from", "dry_run", "max_steps", "log", "device",
            "threads", "json",
        ]
    )]
    pub init_recipe: Option<String>,
    /// A length of run, laid over the recipe [default: paper].
    #[arg(long, value_parser = one_of::<Protocol>())]
    pub protocol: Option<Protocol>,
    /// A finished run of ce as the first stage of crt, lws, tau-norm or ncm; everything but the method is as there.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["resume", "dry_run", "weights"])]
    pub stage1: Option<PathBuf>,
    /// Go on from where this run is now, in a folder of its own, with other settings: of its recipe all may change but the
    /// images, the network and the batches.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["resume", "stage1", "dry_run", "weights"])]
    pub branch_from: Option<PathBuf>,
    /// Train with each of these seeds, in the folders seed-0, seed-1 and so on of --out, and print mean, deviation and range;
    /// what is finished is used again, and after a kill the same command goes on.
    #[arg(
        long,
        value_name = "SEED,…",
        value_delimiter = ',',
        conflicts_with_all = ["seed", "resume", "stage1", "branch_from", "init_recipe"]
    )]
    pub seeds: Vec<u64>,
    /// The run's folder [default: runs/DATA-METHOD-SEED, numbered if taken; with --seeds runs/DATA-METHOD].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Continue the run in --out where its checkpoint left off; with another --epochs, to that end.
    #[arg(long, requires = "out", conflicts_with = "weights")]
    pub resume: bool,
    /// Say how long the run will take and how much memory, and write nothing but the images that --cache keeps.
    #[arg(long, conflicts_with = "resume")]
    pub dry_run: bool,
    /// Show the report on this machine's loopback address while the run trains, brought up to date after every epoch
    /// [default: not shown; --serve alone: any free port].
    #[arg(
        long,
        value_name = "PORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "0",
        conflicts_with_all = ["dry_run", "init_recipe", "seeds"]
    )]
    pub serve: Option<u16>,
    /// Where the images come from.
    #[command(flatten)]
    pub data: DataArgs,
    /// The method and its knobs.
    #[command(flatten)]
    pub knobs: KnobArgs,
    /// Stop after this many optimizer steps in all, then evaluate as usual [default: no limit].
    #[arg(long, value_name = "N")]
    pub max_steps: Option<u64>,
    /// What else is written.
    #[command(flatten)]
    pub log: LogArgs,
    /// How the program runs.
    #[command(flatten)]
    pub runtime: RuntimeArgs,
}

/// The method and its knobs.
#[derive(Debug, Options)]
#[command(next_help_heading = "Method and training")]
pub struct KnobArgs {
    #[arg(long, help = methods())]
    pub method: Option<Method>,
    /// The finished run that the network learns from, of any method on these classes and images of this size [default:
    /// none; ride alone has a use for it].
    #[arg(long, value_name = "RUN")]
    pub teacher: Option<PathBuf>,
    #[arg(long, help = key("model.backbone"))]
    pub backbone: Option<Backbone>,
    #[arg(long, help = key("model.weights"), value_name = "FILE")]
    pub weights: Option<PathBuf>,
    #[arg(long, help = key("model.classifier"), value_parser = one_of::<ClassifierKind>())]
    pub classifier: Option<ClassifierKind>,
    #[arg(long, help = key("compression.preset"), value_parser = one_of::<CompressionPreset>())]
    pub compression: Option<CompressionPreset>,
    #[arg(long, help = key("views.classifier"), value_parser = one_of::<ClassifierView>())]
    pub classifier_view: Option<ClassifierView>,
    #[arg(long, help = key("views.contrastive"), value_parser = one_of::<ContrastiveViews>())]
    pub contrastive_views: Option<ContrastiveViews>,
    #[arg(long, help = key("train.epochs"), value_name = "N")]
    pub epochs: Option<usize>,
    #[arg(long, help = key("train.batch_size"), value_name = "N")]
    pub batch_size: Option<usize>,
    #[arg(long, help = key("train.micro_batch"), value_name = "N")]
    pub micro_batch: Option<usize>,
    #[arg(long, help = key("train.precision"), value_parser = one_of::<Precision>())]
    pub precision: Option<Precision>,
    #[arg(long, help = key("optimizer.lr"), allow_negative_numbers = true)]
    pub lr: Option<f64>,
    #[arg(long, help = key("optimizer.weight_decay"), allow_negative_numbers = true)]
    pub weight_decay: Option<f64>,
    #[arg(long, help = key("contrastive.temperature"), allow_negative_numbers = true)]
    pub temperature: Option<f64>,
    #[arg(long, help = key("loss.tau"), allow_negative_numbers = true)]
    pub tau: Option<f64>,
    #[arg(long, help = key("loss.alpha"), allow_negative_numbers = true)]
    pub alpha: Option<f64>,
    #[arg(long, help = key("loss.beta"), allow_negative_numbers = true)]
    pub beta: Option<f64>,
    #[arg(long, help = key("train.seed"))]
    pub seed: Option<u64>,
    /// Any other key of a recipe, as section.key=value; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Steps between checkpoints, beside the one after every epoch [default: 0, none].
    #[arg(long, value_name = "N")]
    pub checkpoint_steps: Option<usize>,
}
