//! The program `longtail`.

mod args;
mod commands;
mod interrupt;
mod progress;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Args::parse();
    match commands::run(args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("longtail: {error:#}");
            commands::exit_code(&error)
        }
    }
}
