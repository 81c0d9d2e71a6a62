use std::process::ExitCode;

use anyhow::Context;
use longtail::{recipe::RecipeFile, report::class_table};

use super::{devices, on, print_line, start_threads};
use crate::{args::EvaluateArgs, interrupt::watch, progress::Progress};

/// `longtail evaluate`
pub fn run(args: &EvaluateArgs) -> anyhow::Result<ExitCode> {
    start_threads(args.runtime.threads)?;
    let quiet = args.runtime.quiet || args.runtime.json;
    let mut progress = Progress::new(quiet, watch()?);
    let device = devices::open(args.runtime.device, |text| progress.line(text))?;
    let mut layer = RecipeFile::default();
    layer.data.dir = args.data_dir.clone();
    let (trainer, summary) = on(&device, || {
        let trainer = longtail::run::resume(&args.run, &[layer], device.clone(), &mut progress)?;
        let summary = trainer.summary()?;
        trainer.write_results(&summary)?;
        Ok((trainer, summary))
    })?;
    if args.runtime.json {
        print_line(serde_json::to_string(&summary).context("cannot print the summary")?)?;
    } else if !args.runtime.quiet {
        print_line(class_table(&summary, None))?;
        print_line(format_args!("report: {}", trainer.folder().report().display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
