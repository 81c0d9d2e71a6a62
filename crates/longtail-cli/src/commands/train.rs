use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use longtail::{
    recipe::Recipe,
    report::{Summary, class_table},
    train::{Ending, Limits, Observer, RunFolder},
};

use super::{layers, print_line, start_threads};
use crate::{
    args::TrainArgs,
    interrupt::{INTERRUPTED, watch},
    progress::Progress,
};

/// `longtail train`
pub fn run(args: &TrainArgs) -> anyhow::Result<ExitCode> {
    start_threads(args.runtime.threads)?;
    let interrupted = watch()?;
    let mut progress = Progress::new(args.runtime.quiet, interrupted);
    let layers = layers::layers(args)?;
    let mut trainer = match &args.out {
        Some(out) if args.resume => {
            let trainer = longtail::run::resume(out, &layers, &mut progress)?;
            // They are of an earlier stop, and this one may not come to its end.
            trainer.folder().remove_results()?;
            trainer
        }
        _ => {
            let (recipe, notes) = Recipe::resolve(&layers)?;
            notes.iter().for_each(|note| progress.note(note));
            let out = args.out.clone().unwrap_or_else(|| free_folder(&recipe));
            longtail::run::start(recipe, &out, &mut progress)?
        }
    };
    let limits = Limits { max_steps: args.max_steps };
    let folder = trainer.folder().clone();
    if trainer.run(limits, &mut progress)? == Ending::Interrupted {
        progress.note(&format!("saved; continue with {}", resume_command(&folder)));
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let summary = trainer.summary()?;
    trainer.write_results(&summary)?;
    print(&summary, &folder, args)?;
    Ok(ExitCode::SUCCESS)
}

fn print(summary: &Summary, folder: &RunFolder, args: &TrainArgs) -> anyhow::Result<()> {
    if args.runtime.json {
        print_line(serde_json::to_string(summary).context("cannot print the summary")?)?;
    } else if !args.runtime.quiet {
        print_line(class_table(summary, None))?;
        print_line(format_args!("report: {}", folder.report().display()))?;
    }
    Ok(())
}

fn resume_command(folder: &RunFolder) -> String {
    format!("longtail train --resume --out {}", folder.path().display())
}

/// `runs/DATA-METHOD-SEED`, with the first number behind it that is free.
fn free_folder(recipe: &Recipe) -> PathBuf {
    let data = Path::new(&recipe.data.name);
    let data = data.file_name().unwrap_or(data.as_os_str()).to_string_lossy();
    let name = format!("{data}-{}-{}", recipe.method.name, recipe.train.seed);
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.clone())
        .chain(numbered)
        .map(|name| Path::new("runs").join(name))
        .find(|path| !path.exists())
        .unwrap_or_else(|| Path::new("runs").join(&name))
}
