use std::{process::ExitCode, sync::Arc};

use anyhow::bail;
use longtail::{
    recipe::RecipeFile,
    report::{ScoredOptions, Weights, class_table},
    run::{EvaluateOptions, Evaluated, check_out},
};

use super::{
    devices,
    layers::{named, place_layer},
    on, print_summary, runner, start_threads,
};
use crate::{
    args::{EvaluateArgs, PredictionsFile},
    interrupt::Interrupt,
    output::{Out, print_json, print_line, print_lines},
    progress::Progress,
};

/// `longtail evaluate`
pub fn run(args: &EvaluateArgs, interrupt: &Arc<Interrupt>) -> anyhow::Result<ExitCode> {
    let mut out = None;
    if let Some(file) = &args.predictions {
        out = Some(open(file, args, interrupt)?);
    }
    start_threads(args.runtime.threads)?;
    let quiet = args.runtime.quiet || args.runtime.json;
    let mut progress = Progress::new(quiet, Arc::clone(interrupt));
    let device = devices::open(args.runtime.device, |text| progress.line(text))?;
    let place = place_layer(&args.data);
    let weights = args.weights.unwrap_or(Weights::Last);
    let options = EvaluateOptions {
        keep: args.predictions.iter().map(|_| weights).collect(),
        logs: args.log.clone(),
    };
    let runner = runner(device.clone());
    let evaluated =
        on(&device, || Ok(runner.evaluate_with(&args.run, place, &options, &mut progress)?))?;
    if let (Some(file), Some(out)) = (&args.predictions, out) {
        write(args, file, &evaluated, out)?;
    }
    print(args, &evaluated)?;
    Ok(ExitCode::SUCCESS)
}

/// Opened before any work, so that what cannot be written is told at once.
fn open(file: &PredictionsFile, args: &EvaluateArgs, interrupt: &Interrupt) -> anyhow::Result<Out> {
    let mut inputs = named(&place_layer(&args.data));
    // A recipe that cannot be read is told of when the run is opened.
    if let Ok(recipe) = RecipeFile::read_of_run(&args.run.join("recipe.toml")) {
        inputs.extend(named(&recipe.data));
    }
    check_out("--predictions", &file.path, &inputs)?;
    Out::open_until(interrupt, &file.path)
}

fn write(
    args: &EvaluateArgs,
    file: &PredictionsFile,
    evaluated: &Evaluated,
    mut out: Out,
) -> anyhow::Result<()> {
    let results = evaluated.results();
    let Some(scored) = results.scored(args.weights.unwrap_or(Weights::Last)) else {
        bail!("there is no test and no validation image, so that there is nothing to predict");
    };
    let options = ScoredOptions { features: args.features, raw_names: args.raw_names };
    scored.write(file.format, options, &mut out)?;
    Ok(out.finish()?)
}

fn print(args: &EvaluateArgs, evaluated: &Evaluated) -> anyhow::Result<()> {
    let summary = evaluated.summary();
    match evaluated {
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
    Ok(())
}
