use std::{path::Path, process::ExitCode, sync::Arc};

use longtail::{
    data::source::{self, given},
    device::{Device, DeviceChoice},
    recipe::{self, Recipe, RecipeFile},
    report::{Summary, class_table, counted, duration},
    run::Runner,
    train::{Fits, Forecast, Limits, Observer, Out, RunFolder, Trainer},
};

use super::{devices, layers, on, print_summary, recipes, runner, seeds, start_threads};
use crate::{
    args::TrainArgs,
    interrupt::Interrupt,
    output::{print_json, print_line, print_lines},
    progress::Progress,
    serve::Serve,
};

/// `longtail train`
pub fn run(args: &TrainArgs, interrupt: &Arc<Interrupt>) -> anyhow::Result<ExitCode> {
    if let Some(name) = &args.init_recipe {
        return recipes::init(name, args, &layers::layers(args)?);
    }
    start_threads(args.runtime.threads)?;
    let mut progress = Progress::new(args.runtime.quiet, Arc::clone(interrupt));
    let layers = layers::layers(args)?;
    if !args.resume && args.branch_from.is_none() {
        // What was typed is looked at before a GPU is.
        Recipe::resolve(&layers)?;
    }
    if !args.seeds.is_empty() {
        return seeds::run(args, &layers, interrupt, progress);
    }
    let device = devices::open(args.runtime.device, |text| progress.line(text))?;
    on(&device, || match args.dry_run {
        true => dry_run(args, &layers, device.clone(), &mut progress),
        false => train(args, &layers, device.clone(), interrupt, &mut progress),
    })
}

fn train(
    args: &TrainArgs,
    layers: &[RecipeFile],
    device: Device,
    interrupt: &Interrupt,
    progress: &mut Progress,
) -> anyhow::Result<ExitCode> {
    interrupt.ends("stopped before training began");
    let server = args.serve.map(Serve::bind).transpose()?;
    let mut trainer = open(args, layers, &runner(device), progress)?.logging(&args.log.programs);
    let limits = Limits { max_steps: args.max_steps };
    let folder = trainer.folder().clone();
    if let Some(server) = server {
        progress.note(&format!("the report as it grows: {}", server.show(folder.report())));
    }
    interrupt.saves();
    trainer.run(limits, progress)?;
    let stopped = format!(
        "stopped before the figures were written; the run is saved: longtail evaluate {} writes them",
        folder.path().display()
    );
    if let Some(status) = interrupt.ends(stopped) {
        progress.note(&format!(
            "saved; continue with {}",
            resume_command(folder.path(), args.runtime.device)
        ));
        return Ok(ExitCode::from(status));
    }
    let results = trainer.results()?;
    trainer.write_results(&results, progress)?;
    print(&results.summary, &folder, args)?;
    Ok(ExitCode::SUCCESS)
}

/// A run that goes on, or a new one.
fn open(
    args: &TrainArgs,
    layers: &[RecipeFile],
    runner: &Runner,
    progress: &mut Progress,
) -> anyhow::Result<Trainer> {
    if let (Some(out), true) = (&args.out, args.resume) {
        let trainer = runner.resume(out, layers, progress)?;
        // They are of an earlier stop, and this one may not come to its end.
        trainer.folder().remove_results()?;
        return Ok(trainer);
    }
    let out = out(args, layers)?;
    Ok(match (&args.stage1, &args.branch_from) {
        (Some(first), _) => runner.start_on(first, layers, &out, progress)?,
        (None, Some(trunk)) => runner.start_from(trunk, layers, &out, progress)?,
        (None, None) => runner.start(layers, &out, progress)?,
    })
}

fn dry_run(
    args: &TrainArgs,
    layers: &[RecipeFile],
    device: Device,
    progress: &mut Progress,
) -> anyhow::Result<ExitCode> {
    let limits = Limits { max_steps: args.max_steps };
    let (recipe, forecast) = longtail::run::forecast(layers, limits, device, progress)?;
    if args.runtime.json {
        print_json(&forecast)?;
    } else if !args.runtime.quiet {
        print_lines(in_words(&forecast, &recipe))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn in_words(forecast: &Forecast, recipe: &Recipe) -> String {
    let Forecast { batch_size, views, steps_per_epoch, steps, epochs, .. } = *forecast;
    let views = if views == 1 { "one view".into() } else { format!("{views} views") };
    let parts = match forecast.micro_batch {
        0 => String::new(),
        images => format!(", at most {images} at a time"),
    };
    let memory = match forecast.peak_memory {
        Some(bytes) => format!("{} MiB at its peak", bytes >> 20),
        None => "not told by this system".into(),
    };
    [
        ("model", format!("{}, {} parameters", recipe.model.backbone, forecast.parameters)),
        ("batch", format!("{batch_size} images in {views}{parts}")),
        ("steps", format!("{steps}; {} of {steps_per_epoch}", counted(epochs, "epoch", "epochs"))),
        (
            "step",
            format!(
                "{:.3} s, {:.*} images/s",
                forecast.step_seconds,
                if forecast.images_per_second < 10.0 { 2 } else { 0 },
                forecast.images_per_second
            ),
        ),
        ("epoch", format!("{} with validation", duration(forecast.epoch_seconds))),
        ("run", format!("{} with evaluation", duration(forecast.run_seconds))),
        ("memory", memory),
        ("fits", fits(forecast)),
    ]
    .map(|(name, text)| format!("{name:<8}{text}"))
    .join("\n")
        + "\n"
        + &written(recipe)
}

/// What a dry run leaves behind.
fn written(recipe: &Recipe) -> String {
    match given(&recipe.data.cache).filter(|cache| cache.exists()) {
        None => "dry run: nothing was written".into(),
        Some(cache) => {
            format!("dry run: nothing was written but images in {}", cache.display())
        }
    }
}

/// The largest batch and parts of it that memory holds.
fn fits(forecast: &Forecast) -> String {
    let Forecast { batch_size, micro_batch, .. } = *forecast;
    let Some(Fits { needed, free, largest_batch, largest_micro_batch }) = forecast.fits else {
        return "not known on this device".into();
    };
    let [needed, free] = [needed, free].map(|bytes| format!("{} MiB", bytes >> 20));
    let parts = match micro_batch {
        0 => String::new(),
        _ => format!(", and --micro-batch {largest_micro_batch} with a batch of {batch_size}"),
    };
    format!("estimated {needed} of {free}: --batch-size up to {largest_batch}{parts}")
}

fn print(summary: &Summary, folder: &RunFolder, args: &TrainArgs) -> anyhow::Result<()> {
    if args.runtime.json {
        print_summary(summary, folder)?;
    } else if !args.runtime.quiet {
        print_lines(class_table(summary, None))?;
        print_line(format_args!("report: {}", folder.report().display()))?;
    }
    Ok(())
}

/// On the device that was named, for others would give other last bits.
fn resume_command(run: &Path, device: DeviceChoice) -> String {
    let device = match device {
        DeviceChoice::Auto => String::new(),
        named => format!(" --device {named}"),
    };
    format!("longtail train --resume --out {}{device}", run.display())
}

/// The folder that was named, else `runs/DATA-METHOD-SEED`, with the first number behind it that is free.
fn out(args: &TrainArgs, layers: &[RecipeFile]) -> anyhow::Result<Out> {
    if let Some(out) = &args.out {
        return Ok(Out::At(out.clone()));
    }
    // The run that it begins with says what is trained on.
    let mut all = Vec::new();
    if let Some(run) = args.stage1.as_ref().or(args.branch_from.as_ref()) {
        all.push(RecipeFile::read_of_run(&RunFolder::open(run)?.recipe())?);
    }
    all.extend_from_slice(layers);
    let (title, recipe) = title(&all)?;
    let name = format!("{title}-{}", recipe.train.seed);
    Ok(Out::Free { parent: "runs".into(), name })
}

/// What runs of these layers are called, `DATA-METHOD`, and their recipe as far as it is known.
pub fn title(layers: &[RecipeFile]) -> anyhow::Result<(String, Recipe)> {
    let recipe = Recipe::resolve(layers)?.0;
    // What the data decides does not change the method that was typed.
    let is_own = source::is_own(&recipe.data);
    let typed = layers.iter().rev().find_map(|layer| layer.method.name);
    let method = typed.unwrap_or(if is_own { recipe::METHOD_OF_FILES } else { recipe.method.name });
    Ok((format!("{}-{method}", source::title(&recipe.data)), recipe))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_go_on_names_the_device_that_was_named() {
        let run = Path::new("runs/a");
        let plain = "longtail train --resume --out runs/a";
        assert_eq!(resume_command(run, DeviceChoice::Auto), plain);
        let on = |name: &str| resume_command(run, name.parse().unwrap());
        assert_eq!(on("cpu"), format!("{plain} --device cpu"));
        assert_eq!(on("cuda:1"), format!("{plain} --device cuda:1"));
    }
}
