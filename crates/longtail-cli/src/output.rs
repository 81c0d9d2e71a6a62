//! All that the program prints. For people, nothing is sent that steers a terminal, wherever a name came
//! from; for programs, data stays as it is.

use std::{
    fmt::Display,
    io::{self, Write},
    process,
};

use anyhow::Context;
use longtail::report::{printable, printable_lines};
use serde::Serialize;

/// Prints one line for people.
pub fn print_line(text: impl Display) -> anyhow::Result<()> {
    print_bytes(format!("{}\n", printable(&text.to_string())).as_bytes())
}

/// Prints lines for people, such as a table, in which no name breaks a line.
pub fn print_lines(text: impl Display) -> anyhow::Result<()> {
    print_bytes(format!("{}\n", printable_lines(&text.to_string())).as_bytes())
}

/// Prints a value as one line of JSON.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(value).context("cannot print JSON")?;
    line.push(b'\n');
    print_bytes(&line)
}

/// Prints bytes as they are. A reader that has seen enough, as `head` has, ends the program without a word.
pub fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => process::exit(0),
        other => other.context("cannot print"),
    }
}

/// Tells a person one line on the error stream. Where nobody listens any more, the work goes on.
pub fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "{}", printable(&text.to_string()));
}

/// [`note`] of lines that belong together.
pub fn note_lines(text: impl Display) {
    let _ = writeln!(io::stderr(), "{}", printable_lines(&text.to_string()));
}
