//! The program `longtail`.

mod args;
mod commands;
mod interrupt;
mod output;
mod progress;
mod serve;

use std::process::ExitCode;

use clap::{Parser, error::ErrorKind};

fn main() -> ExitCode {
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) => return explain(&error),
    };
    match interrupt::watch().and_then(|interrupt| commands::run(args, &interrupt)) {
        Ok(code) => code,
        Err(error) => {
            output::note(format_args!("longtail: {error:#}"));
            commands::exit_code(&error)
        }
    }
}

/// Prints help, or what is wrong with the words that were typed, among which names of files may be.
fn explain(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if error.kind() == ErrorKind::ValueValidation {
        // What a value has to be is said by itself; help would say no more of it.
        output::note_lines(text.lines().next().unwrap_or_default());
    } else if longtail::report::printable_lines(&text) != text {
        output::note_lines(text.trim_end());
    } else {
        // In colour where a terminal has some; nobody may be listening.
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
