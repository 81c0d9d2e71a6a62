use std::{
    fs::{self, OpenOptions},
    io::{self, IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use longtail::{
    report::{
        WholeFile,
        compare::{CompareOptions, Format, Weights},
        printable_lines,
    },
    threads,
};

use crate::{args::CompareArgs, output::print_bytes};

/// `longtail compare`
pub fn run(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    threads::start(args.threads.map(usize::from)).context("cannot start the threads")?;
    let options = CompareOptions {
        baseline: args.baseline.clone(),
        weights: args.weights.unwrap_or(Weights::Last),
        across_splits: args.across_splits,
        ..CompareOptions::default()
    };
    let comparison = longtail::run::compare(&args.runs, &options)?;
    let of_file = args.out.as_deref().and_then(of_ending);
    let text = comparison.write(args.format.or(of_file).unwrap_or(Format::Table))?;
    match &args.out {
        Some(path) => write(path, text.as_bytes())?,
        None if io::stdout().is_terminal() => print_bytes(printable_lines(&text).as_bytes())?,
        None => print_bytes(text.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The format that files of such a name have.
fn of_ending(path: &Path) -> Option<Format> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    Some(match ending.as_str() {
        "csv" => Format::Csv,
        "md" => Format::Markdown,
        "tex" => Format::Latex,
        "html" | "htm" => Format::Html,
        "json" => Format::Json,
        _ => return None,
    })
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    // Nothing may be renamed over a pipe or a device.
    let is_special = fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir());
    let failed = || format!("cannot write {}", path.display());
    if is_special {
        let mut file = OpenOptions::new().write(true).open(path).with_context(failed)?;
        return file.write_all(bytes).with_context(failed);
    }
    let mut file = WholeFile::create(path)?;
    file.write_all(bytes).with_context(failed)?;
    Ok(file.finish()?)
}
