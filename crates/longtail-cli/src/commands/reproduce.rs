use std::{fs, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use longtail::{
    device::Device,
    eval::ShotThresholds,
    recipe::{Protocol, RecipeFile},
    run::{
        RunError, Runner,
        paper::{Reproduction, StandIn, TABLES, Target},
    },
    train::{Limits, Observer},
};

use super::{
    devices, layers, on,
    queue::{QueueProgress, check_diverged, check_seeds, print_dry_run},
    recipes,
    reworded::with_set,
    runner, start_threads, tables,
};
use crate::{
    args::{ReproduceArgs, StandInArgs},
    interrupt::Interrupt,
    output::{check_folder, print_json, print_line, print_lines, write_file},
    progress::Progress,
};

/// `longtail reproduce`
pub fn run(args: &ReproduceArgs, interrupt: &Arc<Interrupt>) -> anyhow::Result<ExitCode> {
    if args.list {
        print_lines(list())?;
        return Ok(ExitCode::SUCCESS);
    }
    start_threads(args.runtime.threads)?;
    let targets = args.targets.iter().map(|name| Target::parse(name, &recipes::of_name));
    let targets = targets.collect::<Result<Vec<_>, _>>()?;
    let scratch = args.dry_run.then(tempfile::tempdir).transpose();
    let scratch = scratch.context("cannot make a folder for temporary files")?;
    let scratch = scratch.as_ref().map(|folder| folder.path().to_owned());
    let reproduction = Reproduction { scratch, ..reproduction(args)? };
    check_seeds(&args.seeds, reproduction.options.train.seed)?;
    check_folder(&reproduction.root)?;
    let progress = Progress::new(args.runtime.quiet, Arc::clone(interrupt));
    let device = devices::open(args.runtime.device, |text| progress.line(text))?;
    let progress = QueueProgress::new(progress, interrupt).in_words(with_set);
    on(&device, || made(args, &reproduction, &targets, device.clone(), progress))
}

fn made(
    args: &ReproduceArgs,
    reproduction: &Reproduction<'_>,
    targets: &[Target],
    device: Device,
    mut progress: QueueProgress,
) -> anyhow::Result<ExitCode> {
    let runner = runner(device);
    let (queue, missing) = reproduction.queue(targets, &runner)?;
    let queue = queue.logging(args.log.programs.clone());
    if args.dry_run {
        return print_dry_run(&queue, &mut progress, &missing, &args.runtime);
    }
    let end = queue.run(&mut progress)?;
    if end.is_interrupted {
        return Ok(progress.stopped());
    }
    let tables = reproduction.tables(targets);
    if let Some(note) = tables::write(&reproduction.root, &tables)? {
        progress.note(&note);
    }
    let mut files = figures(reproduction, targets, &runner)?;
    if !tables.is_empty() {
        files.push(reproduction.root.join("TABLE.md"));
    }
    if args.runtime.json {
        print_json(&serde_json::json!({ "tables": tables, "files": files }))?;
    } else if !args.runtime.quiet {
        for table in &tables {
            print_lines(table.terminal())?;
        }
        files.iter().try_for_each(|file| print_line(file.display()))?;
    }
    check_diverged(&end, &queue)?;
    Ok(ExitCode::SUCCESS)
}

fn reproduction(args: &ReproduceArgs) -> anyhow::Result<Reproduction<'static>> {
    let mut options = RecipeFile::default();
    options.train.epochs = args.epochs;
    options.train.precision = args.precision;
    for set in &args.set {
        options.merge(layers::parse_set(set)?);
    }
    let data = &args.data;
    check_stand_in(data)?;
    let stand_in =
        data.has_stand_in().then(|| StandIn { columns: data.columns(), layer: data.layer() });
    Ok(Reproduction {
        shelf: &recipes::of_name,
        data_dir: args.data.data_dir.clone(),
        stand_in,
        protocol: args.protocol,
        options,
        seeds: args.seeds.clone(),
        root: args.out.clone().unwrap_or_else(|| root(args)),
        scratch: None,
        limits: Limits { max_steps: args.max_steps },
    })
}

/// Refuses what is said of images that do not stand in, and a column that no table has.
fn check_stand_in(data: &StandInArgs) -> Result<(), RunError> {
    if let (false, Some((option, value))) = (data.has_stand_in(), data.said_of_it()) {
        let mend = "it is of images that stand in: name them with --data or --train-list";
        return Err(RunError::Option { option, value, mend: mend.into() });
    }
    let known: Vec<&str> =
        TABLES.iter().flat_map(|table| table.columns).map(|column| column.data).collect();
    let unknown = data.stand_in_for.iter().find(|column| !known.contains(&column.as_str()));
    match unknown {
        None => Ok(()),
        Some(column) => {
            let mend = "take cifar10-lt or cifar100-lt with -100, -50 or -10 behind it".into();
            Err(RunError::Option { option: "--stand-in-for", value: column.clone(), mend })
        }
    }
}

/// Runs of one length lie together, so that the same command finds them.
fn root(args: &ReproduceArgs) -> PathBuf {
    let epochs = args.epochs.map_or(String::new(), |epochs| format!("-{epochs}-epochs"));
    PathBuf::from("runs").join(format!("reproduce-{}{epochs}", args.protocol))
}

/// Makes the figures among the targets; the files.
fn figures(
    reproduction: &Reproduction<'_>,
    targets: &[Target],
    runner: &Runner,
) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if targets.contains(&Target::Figure1) {
        let figure = reproduction.figure1(runner)?;
        let folder = reproduction.root.join("figure1");
        write_file(&folder.join("figure1.json"), serde_json::to_string_pretty(&figure)?)?;
        write_file(&folder.join("figure1.svg"), &figure.svg)?;
        files.push(folder.join("figure1.svg"));
    }
    if targets.contains(&Target::Figure3) {
        let folder = reproduction.root.join("figure3");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        for embedding in &reproduction.figure3(runner)?.embeddings {
            let name = embedding.name.replace(", ", "-").replace(' ', "-");
            let at = |ending: &str| folder.join(format!("{name}.{ending}"));
            write_file(&at("csv"), embedding.csv())?;
            let picture = embedding.picture(&ShotThresholds::default())?;
            write_file(&at("svg"), picture.svg())?;
            files.extend([at("csv"), at("svg")]);
        }
    }
    Ok(files)
}

/// Every target with what it needs.
fn list() -> String {
    let mut text = String::new();
    for table in TABLES {
        text += &format!("{:8} {}\n", table.name, table.caption);
        for row in table.rows {
            let cells = table.columns.iter().zip(row.cells).filter(|(_, cell)| **cell != "-");
            let names = cells.map(|(column, _)| format!("{}-{}", column.data, row.system));
            let mut names: Vec<_> = names.collect();
            names.dedup();
            let has = names.iter().filter(|name| recipes::of_name(name).is_some()).count();
            let what = match has {
                0 => "no recipe yet".to_owned(),
                _ => format!("*-{}", row.system),
            };
            text += &format!("           {:22} {what}\n", row.title);
        }
    }
    text += "figure1  a few classes in the plane, with and without rebalancing (CIFAR-10, or the built-in images)\n";
    text += "figure3  features of test images of BCL and BCL+RCL, CIFAR-10-LT and CIFAR-100-LT at factor 100\n";
    let rows = recipes::names().count();
    text + &format!(
        "ROW      any of the {rows} recipes (`longtail recipes list`); protocols: {}",
        protocols()
    )
}

fn protocols() -> String {
    [Protocol::Paper, Protocol::Medium, Protocol::Short].map(|p| p.to_string()).join(", ")
}
