use std::{path::Path, process::ExitCode};

use anyhow::Context;
use longtail::{
    report::{
        Weights,
        compare::{CompareOptions, Format},
    },
    run::check_out,
    threads,
};

use crate::{
    args::CompareArgs,
    output::{print_data, write_file},
};

/// `longtail compare`
pub fn run(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    if let Some(path) = &args.out {
        check_out("--out", path, &[])?;
    }
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
    let Some(path) = &args.out else {
        print_data(&text)?;
        return Ok(ExitCode::SUCCESS);
    };
    write_file(path, text)?;
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
