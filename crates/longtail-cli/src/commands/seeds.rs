use std::{path::PathBuf, process::ExitCode, sync::Arc};

use longtail::{
    recipe::RecipeFile,
    report::compare::{CompareOptions, Format},
    run::{
        of_seeds,
        queue::{Goal, Queue},
    },
    train::Limits,
};

use super::{
    devices, on,
    queue::{QueueProgress, check_diverged, check_seeds, print_dry_run},
    runner,
    train::title,
};
use crate::{
    args::TrainArgs,
    interrupt::Interrupt,
    output::{check_folder, print_data},
    progress::Progress,
};

/// `longtail train --seeds`
pub fn run(
    args: &TrainArgs,
    layers: &[RecipeFile],
    interrupt: &Arc<Interrupt>,
    progress: Progress,
) -> anyhow::Result<ExitCode> {
    check_seeds(&args.seeds, layers.last().and_then(|options| options.train.seed))?;
    let name = title(layers)?.0;
    let root = args.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(&name));
    check_folder(&root)?;
    let jobs = of_seeds(layers, &args.seeds, &root, &name, Goal::Figures);
    let device = devices::open(args.runtime.device, |text| progress.line(text))?;
    let mut progress = QueueProgress::new(progress, interrupt);
    let limits = Limits { max_steps: args.max_steps };
    let queue = Queue::new(runner(device.clone()), jobs, limits).logging(args.log.programs.clone());
    on(&device, || {
        if args.dry_run {
            return print_dry_run(&queue, &mut progress, &[], &args.runtime);
        }
        let end = queue.run(&mut progress)?;
        if end.is_interrupted {
            return Ok(progress.stopped());
        }
        check_diverged(&end, &queue)?;
        print(&queue, args)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Mean, deviation and range of every figure.
fn print(queue: &Queue, args: &TrainArgs) -> anyhow::Result<()> {
    let folders: Vec<_> = queue.jobs().iter().map(|job| job.folder.clone()).collect();
    let comparison = longtail::run::compare(&folders, &CompareOptions::default())?;
    if args.runtime.json {
        print_data(&comparison.write(Format::Json)?)?;
    } else if !args.runtime.quiet {
        print_data(&comparison.write(Format::Table)?)?;
    }
    Ok(())
}
