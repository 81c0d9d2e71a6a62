use std::{process::ExitCode, sync::Arc};

use longtail::{report::class_table, run::Evaluated};

use super::{devices, layers::place_layer, on, print_summary, runner, start_threads};
use crate::{
    args::EvaluateArgs,
    interrupt::Interrupt,
    output::{print_json, print_line, print_lines},
    progress::Progress,
};

/// `longtail evaluate`
pub fn run(args: &EvaluateArgs, interrupt: &Arc<Interrupt>) -> anyhow::Result<ExitCode> {
    start_threads(args.runtime.threads)?;
    let quiet = args.runtime.quiet || args.runtime.json;
    let mut progress = Progress::new(quiet, Arc::clone(interrupt));
    let device = devices::open(args.runtime.device, |text| progress.line(text))?;
    let place = place_layer(&args.data);
    let evaluated =
        on(&device, || Ok(runner(device.clone()).evaluate(&args.run, place, &mut progress)?))?;
    let summary = evaluated.summary();
    match &evaluated {
        Evaluated::Run(trainer, _) if args.runtime.json => {
            print_summary(summary, trainer.folder())?;
        }
        _ if args.runtime.json => print_json(summary)?,
        _ if args.runtime.quiet => {}
        Evaluated::Run(trainer, _) => {
            print_lines(class_table(summary, None))?;
            print_line(format_args!("report: {}", trainer.folder().report().display()))?;
        }
        Evaluated::Unwritten(_) => {
            print_lines(class_table(summary, None))?;
            print_line(
                "the run's folder cannot be written to: its summary and report are as they were",
            )?;
        }
        Evaluated::Other(_) => {
            print_lines(class_table(summary, None))?;
            print_line(format_args!(
                "figures on {}; the run's own summary and report are as they were",
                summary.data
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
