//! What can be typed of `longtail train`.

use std::path::PathBuf;

use clap::Args as Options;
use longtail::{
    device::Precision,
    loss::CompressionPreset,
    method::Method,
    model::{Backbone, ClassifierKind},
    recipe::Protocol,
};

use super::{DataArgs, RuntimeArgs, one_of};

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
    /// The finished run that the network learns from, of any method on these classes and images of this size [default:
    /// none; ride alone has a use for it].
    #[arg(long, value_name = "RUN")]
    pub teacher: Option<PathBuf>,
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
