//! What can be typed of `longtail reproduce`.

use std::path::PathBuf;

use clap::Args as Options;
use longtail::{
    device::Precision,
    recipe::{Protocol, RecipeFile},
};

use super::{LogArgs, RuntimeArgs, one_of};

/// `longtail reproduce`
#[derive(Debug, Options)]
pub struct ReproduceArgs {
    /// table1, table2, table3, table4, table5, figure1, figure3, or the name of a recipe (`longtail recipes list`).
    #[arg(required_unless_present = "list", value_name = "TARGET")]
    pub targets: Vec<String>,
    /// List the targets with the data and the recipes that they need, and run nothing.
    #[arg(long, conflicts_with_all = ["targets", "dry_run"])]
    pub list: bool,
    /// List what would run, what is used again and how long it might take, and run nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The folder of the runs and the tables [default: runs/reproduce-PROTOCOL].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The length of every run; the paper's needs a GPU, or days.
    #[arg(long, value_parser = one_of::<Protocol>(), default_value = "paper")]
    pub protocol: Protocol,
    /// Epochs of every run; schedules follow [default: those of the protocol].
    #[arg(long, value_name = "N")]
    pub epochs: Option<usize>,
    /// The seeds of every row.
    #[arg(long, value_name = "SEED,…", value_delimiter = ',', default_value = "0")]
    pub seeds: Vec<u64>,
    /// What numbers are computed in [default: as the recipe says].
    #[arg(long, value_parser = one_of::<Precision>())]
    pub precision: Option<Precision>,
    /// Any key of a recipe for every run, as section.key=value; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Stop every run after this many optimizer steps, then evaluate as usual [default: no limit].
    #[arg(long, value_name = "N")]
    pub max_steps: Option<u64>,
    /// Where the images come from.
    #[command(flatten)]
    pub data: StandInArgs,
    /// What else is written.
    #[command(flatten)]
    pub log: LogArgs,
    /// How the program runs.
    #[command(flatten)]
    pub runtime: RuntimeArgs,
}

/// Where CIFAR is, and what stands in for what is not there.
#[derive(Debug, Options)]
#[command(next_help_heading = "Data")]
pub struct StandInArgs {
    /// Where CIFAR-10 and CIFAR-100 are: an archive, its folder, or a folder of either; or the lists of ImageNet-LT with the
    /// images that they name below. Columns whose images are not there stay empty.
    #[arg(long, value_name = "PATH", default_value = "data")]
    pub data_dir: PathBuf,
    /// A data set that stands in for columns, and is marked so: a folder, a list, or synthetic.
    #[arg(long, value_name = "DATA")]
    pub data: Option<String>,
    /// The same by its training list.
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    pub train_list: Option<PathBuf>,
    /// Its validation list.
    #[arg(long, value_name = "FILE")]
    pub val_list: Option<PathBuf>,
    /// Its test list.
    #[arg(long, value_name = "FILE")]
    pub test_list: Option<PathBuf>,
    /// The size of its images [default: 32].
    #[arg(long, value_name = "PIXELS")]
    pub image_size: Option<usize>,
    /// The columns that it stands in for [default: cifar100-lt-100].
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub stand_in_for: Vec<String>,
}

impl StandInArgs {
    /// Whether a data set stands in.
    pub fn has_stand_in(&self) -> bool {
        self.data.is_some() || self.train_list.is_some()
    }

    /// The columns that it stands in for.
    pub fn columns(&self) -> Vec<String> {
        match self.stand_in_for.is_empty() {
            true => vec!["cifar100-lt-100".into()],
            false => self.stand_in_for.clone(),
        }
    }

    /// An option that says something of it, with its value.
    pub fn said_of_it(&self) -> Option<(&'static str, String)> {
        let path = |path: &PathBuf| path.display().to_string();
        let columns = (!self.stand_in_for.is_empty()).then(|| self.stand_in_for.join(","));
        [
            ("--val-list", self.val_list.as_ref().map(path)),
            ("--test-list", self.test_list.as_ref().map(path)),
            ("--image-size", self.image_size.map(|size| size.to_string())),
            ("--stand-in-for", columns),
        ]
        .into_iter()
        .find_map(|(option, value)| Some((option, value?)))
    }

    /// It as a layer of a recipe.
    pub fn layer(&self) -> RecipeFile {
        let mut layer = RecipeFile::default();
        let data = &mut layer.data;
        data.name = self.data.clone();
        data.train_list = self.train_list.clone();
        data.val_list = self.val_list.clone();
        data.test_list = self.test_list.clone();
        // As CIFAR has them, but for a set of its own size.
        let is_known = self.data.as_deref().is_some_and(longtail::data::source::is_known);
        data.image_size = self.image_size.or((!is_known).then_some(32));
        layer
    }
}
