//! One file per command.

mod data;
mod devices;
mod evaluate;
mod layers;
mod predict;
mod train;

use std::{
    io::{self, Write},
    process::{self, ExitCode},
};

use anyhow::Context;
use longtail::{
    device::{self, Device, DeviceError},
    recipe::RecipeError,
    threads,
};

use crate::args::{Args, Command};

/// Runs the command that was typed.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Train(args) => train::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Data(command) => data::run(&command),
        Command::Devices(args) => devices::run(&args),
    }
}

/// 2 where what was typed cannot mean anything, 1 for everything else that went wrong.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    let is_usage = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<RecipeError>()
            || matches!(cause.downcast_ref(), Some(longtail::Error::Recipe(_)))
    };
    ExitCode::from(if error.chain().any(is_usage) { 2 } else { 1 })
}

/// Prints a line. A reader that has seen enough, as `head` has, ends the program without a word.
fn print_line(text: impl std::fmt::Display) -> anyhow::Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => process::exit(0),
        other => other.context("cannot print"),
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
