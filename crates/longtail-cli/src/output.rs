//! All that the program prints. For people, nothing is sent that steers a terminal, wherever a name came
//! from; for programs, data stays as it is.

use std::{
    fmt::Display,
    fs::{self, File, OpenOptions},
    io::{self, IsTerminal, Stdout, Write},
    path::Path,
    process,
};

use anyhow::{Context, bail};
use longtail::report::{ReportError, WholeFile, json_line, printable, printable_lines};
use serde::Serialize;

use crate::interrupt::Interrupt;

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
    print_bytes(json_line(value).context("cannot print JSON")?.as_bytes())
}

/// What is for programs, where a person looks at it on a terminal: lines that do not steer that.
pub struct Shown<W: Write> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> Shown<W> {
    pub fn new(out: W) -> Self {
        Self { out, line: Vec::new() }
    }
}

impl<W: Write> Write for Shown<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend(line);
            if line.ends_with(b"\n") {
                let text = String::from_utf8_lossy(&self.line).into_owned();
                self.line.clear();
                self.out.write_all(printable_lines(&text).as_bytes())?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Where a result goes that may go to a file.
pub enum Out {
    Screen(Stdout),
    Terminal(Shown<Stdout>),
    /// A pipe or a device, which nothing may be renamed over.
    Device(File),
    File(WholeFile),
}

impl Out {
    pub fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::screen()) };
        match fs::metadata(path) {
            Ok(meta) if !meta.is_file() && !meta.is_dir() => {
                let file = OpenOptions::new().write(true).open(path);
                Ok(Self::Device(file.with_context(|| cannot_write(path))?))
            }
            _ => Ok(Self::File(WholeFile::create(path)?)),
        }
    }

    fn screen() -> Self {
        let out = io::stdout();
        if out.is_terminal() { Self::Terminal(Shown::new(out)) } else { Self::Screen(out) }
    }

    /// [`Out::open`], of which nothing is left where the program is told to stop.
    pub fn open_until(interrupt: &Interrupt, path: &Path) -> anyhow::Result<Self> {
        let out = Self::open(Some(path))?;
        if let Self::File(file) = &out {
            let part = file.part().to_owned();
            interrupt.removes(move || drop(fs::remove_file(part)));
        }
        Ok(out)
    }

    /// Writes all that there is to be written.
    pub fn write_whole(mut self, path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
        self.write_all(bytes).with_context(|| cannot_write(path))?;
        Ok(self.finish()?)
    }

    /// Makes a file stand whole under its name.
    pub fn finish(self) -> Result<(), ReportError> {
        match self {
            Self::File(file) => Ok(file.finish()?),
            Self::Screen(_) | Self::Terminal(_) | Self::Device(_) => Ok(()),
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Screen(out) => out.write(bytes),
            Self::Terminal(out) => out.write(bytes),
            Self::Device(out) => out.write(bytes),
            Self::File(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Screen(out) => out.flush(),
            Self::Terminal(out) => out.flush(),
            Self::Device(out) => out.flush(),
            Self::File(out) => out.flush(),
        }
    }
}

/// Writes a file that is there once it is whole; a pipe or a device is written to as it is.
pub fn write_file(path: &Path, bytes: impl AsRef<[u8]>) -> anyhow::Result<()> {
    Out::open(Some(path))?.write_whole(path, bytes.as_ref())
}

/// Refuses a file in the place of a folder that is to be written into, or above it.
pub fn check_folder(folder: &Path) -> anyhow::Result<()> {
    match folder.ancestors().find(|part| part.exists() && !part.is_dir()) {
        None => Ok(()),
        Some(file) => bail!("{} is a file: name a folder with --out", file.display()),
    }
}

/// What is said of a file that cannot be written.
pub fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// Prints what is for programs; a person who looks at it on a terminal gets lines that do not steer that.
pub fn print_data(text: &str) -> anyhow::Result<()> {
    match io::stdout().is_terminal() {
        true => print_bytes(printable_lines(text).as_bytes()),
        false => print_bytes(text.as_bytes()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_get_does_not_steer_a_terminal() {
        let text = "path,class\n\u{1b}[2J.png,caf\u{e9}\n\u{9b}31m,\u{202e}x\n";
        let mut shown = Shown::new(Vec::new());
        // As it comes, also within a character.
        text.as_bytes().chunks(3).for_each(|bytes| shown.write_all(bytes).unwrap());
        let expected = "path,class\n\u{fffd}[2J.png,caf\u{e9}\n\u{fffd}31m,\u{fffd}x\n";
        assert_eq!(String::from_utf8(shown.out).unwrap(), expected);
    }
}
