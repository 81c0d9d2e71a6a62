//! One file per command.

mod compare;
mod data;
mod devices;
mod evaluate;
mod export;
mod given;
mod layers;
mod predict;
mod queue;
mod recipes;
mod reproduce;
mod reworded;
mod search;
mod seeds;
mod shell;
mod tables;
mod train;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;
use longtail::{
    data::DataError,
    device::{self, Device, DeviceError},
    recipe::RecipeError,
    report::{Summary, Weights as Which},
    run::{RunError, Runner},
    threads,
    train::RunFolder,
    trained::WeightsChoice,
};
use reworded::Reworded;
use serde::Serialize;

use crate::{
    args::{Args, Command},
    interrupt::Interrupt,
    output::print_json,
};

/// Runs the command that was typed.
pub fn run(args: Args, interrupt: &Arc<Interrupt>) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Train(args) => train::run(&args, interrupt),
        Command::Evaluate(args) => evaluate::run(&args, interrupt),
        Command::Compare(args) => compare::run(&args),
        Command::Reproduce(args) => {
            reproduce::run(&args, interrupt).map_err(reworded::error_with_set)
        }
        Command::Search(args) => search::run(&args, interrupt),
        Command::Predict(args) => predict::run(&args, interrupt),
        Command::Export(args) => export::run(&args, interrupt),
        Command::Data(command) => data::run(&command, interrupt),
        Command::Devices(args) => devices::run(&args),
        Command::Recipes(command) => recipes::run(&command),
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args),
    }
}

/// What makes runs on `device`, which say what program made them.
fn runner(device: Device) -> Runner {
    let commit = env!("LONGTAIL_COMMIT");
    Runner::new(device).at_commit((!commit.is_empty()).then(|| commit.to_owned()))
}

/// 2 where what was typed cannot mean anything, 1 for everything else that went wrong.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    if let Some(reworded) = error.downcast_ref::<Reworded>() {
        return exit_code(&reworded.error);
    }
    let is_usage = |cause: &(dyn std::error::Error + 'static)| {
        let is_setting = |error: &DataError| matches!(error, DataError::Setting { .. });
        let of_library = cause.downcast_ref().is_some_and(|error| match error {
            longtail::Error::Recipe(error) => error.is_usage(),
            longtail::Error::Data(error) => is_setting(error),
            longtail::Error::Compare(error) => error.is_usage(),
            longtail::Error::Run(error) => error.is_usage(),
            _ => false,
        });
        let of_runs = cause.downcast_ref().is_some_and(RunError::is_usage);
        let of_recipes = cause.downcast_ref().is_some_and(RecipeError::is_usage);
        of_library || of_runs || of_recipes || cause.downcast_ref().is_some_and(is_setting)
    };
    ExitCode::from(if error.chain().any(is_usage) { 2 } else { 1 })
}

/// Prints a run's figures as JSON, and where its files are.
fn print_summary(summary: &Summary, folder: &RunFolder) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Printed<'a> {
        #[serde(flatten)]
        summary: &'a Summary,
        run: &'a Path,
        report: PathBuf,
        weights: Weights,
    }
    #[derive(Serialize)]
    struct Weights {
        last: PathBuf,
        best: Option<PathBuf>,
    }
    let best = summary.best.as_ref().map(|_| folder.weights("best"));
    let weights = Weights { last: folder.weights("last"), best };
    print_json(&Printed { summary, run: folder.path(), report: folder.report(), weights })
}

/// Which weights of a run are asked for by an option.
fn weights_choice(weights: Option<Which>) -> WeightsChoice {
    match weights {
        None => WeightsChoice::BestOrLast,
        Some(Which::Best) => WeightsChoice::Best,
        Some(Which::Last) => WeightsChoice::Last,
    }
}

/// Does `work` on the device; a GPU that fails on the way is an error.
fn on<T>(device: &Device, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    device::guard(device, work).map_err(DeviceError::Failed)?
}

/// Starts `threads` threads, or one per core.
fn start_threads(threads: Option<u16>) -> anyhow::Result<()> {
    device::check_kernels()?;
    threads::start(threads.map(usize::from)).context("cannot start the threads")
}
