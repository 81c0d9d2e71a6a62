//! What can be typed.

mod compare;
mod data;
mod evaluate;
mod export;
mod predict;
mod reproduce;
mod running;
mod search;
mod train;

use clap::{
    Args as Options, Parser, Subcommand,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use longtail::{choice::Choice, device::DeviceChoice, method::Method, recipe};

pub use compare::CompareArgs;
pub use data::{
    DataArgs, DataCommand, FetchArgs, FetchName, PackArgs, PlaceArgs, SplitArgs, StatsArgs,
};
pub use evaluate::{EvaluateArgs, PredictionsFile};
pub use export::{CompletionsArgs, ExportArgs, ExportFormat, ManArgs};
pub use predict::{FormatName, PredictArgs};
pub use reproduce::{ReproduceArgs, StandInArgs};
pub use running::{LogArgs, RuntimeArgs};
pub use search::SearchArgs;
pub use train::{KnobArgs, TrainArgs};

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
    /// Put runs beside each other: seeds folded, each recipe against a baseline, and what that decides.
    Compare(CompareArgs),
    /// Make tables and figures of the paper again: what is missing is trained, what is there is used again, and after a
    /// kill the same command goes on.
    Reproduce(Box<ReproduceArgs>),
    /// Search settings by grid, draws or successive halving, chosen on validation images alone; after a kill the same
    /// command goes on.
    Search(Box<SearchArgs>),
    /// Name the classes of images, each as soon as it is known; what cannot be read is named too, and the
    /// exit code is then 1.
    Predict(PredictArgs),
    /// Write a trained network as a file for other programs: weights for PyTorch, or the whole for ONNX runtimes.
    Export(ExportArgs),
    /// Look at a data set, make its split, or download it.
    #[command(subcommand)]
    Data(DataCommand),
    /// List what --device can name here, and why something cannot be used.
    Devices(DevicesArgs),
    /// List the built-in recipes, or show one.
    #[command(subcommand)]
    Recipes(RecipesCommand),
    /// Print what lets a shell complete the program's words.
    Completions(CompletionsArgs),
    /// Print the program's manual page, or write those of all commands.
    Man(ManArgs),
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

/// What is said of the option that sets a key of a recipe: what the key's own definition says.
fn key(name: &str) -> String {
    let known = recipe::keys().find(|key| key.key == name);
    known.map_or_else(String::new, |key| {
        format!("{} [default: {}]", said(key.about()), key.default_in_words())
    })
}

/// The same of the method.
fn methods() -> String {
    let names = Method::ALL.map(|method| method.to_string()).join(", ");
    format!("One of {names} [default: bcl+rcl, paper Eq. 5; la in folders and lists]")
}

/// Words of a doc comment, as clap says them.
fn said(what: &str) -> String {
    what.replace('`', "").trim().trim_end_matches('.').to_owned()
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
