use std::{path::Path, process::ExitCode};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use longtail::{
    data::{self, Cifar, Sets, Source, Split, fetch::fetch as download, stats::Stats},
    recipe::{Data, Recipe, RecipeFile, Val},
};

use super::{layers::data_layer, print_line};
use crate::args::{DataArgs, DataCommand, FetchArgs, FetchName, PackArgs, SplitArgs, StatsArgs};

/// `longtail data …`
pub fn run(command: &DataCommand) -> anyhow::Result<ExitCode> {
    match command {
        DataCommand::Split(args) => split(args),
        DataCommand::Stats(args) => stats(args),
        DataCommand::Pack(args) => pack(args),
        DataCommand::Fetch(args) => fetch(args),
    }
}

/// The data section of what was typed.
fn section(args: &DataArgs) -> anyhow::Result<Data> {
    let layers: [RecipeFile; 1] = [data_layer(args)?];
    Ok(Recipe::resolve(&layers)?.0.data)
}

/// What was typed about data, the data, and its split.
fn load(args: &DataArgs) -> anyhow::Result<(Data, Source, Split)> {
    let section = section(args)?;
    let loaded = data::open(&section)?;
    loaded.warnings.iter().for_each(|warning| eprintln!("{warning}"));
    let (split, notes) = data::split_of(&loaded, &section)?;
    notes.iter().for_each(|note| eprintln!("{note}"));
    Ok((section, loaded.source, split))
}

fn split(args: &SplitArgs) -> anyhow::Result<ExitCode> {
    let (_, source, split) = load(&args.data)?;
    split.save(&args.out)?;
    let selected: usize = split.selected.iter().map(Vec::len).sum();
    print_line(format_args!(
        "{}: {selected} of {} images selected, {} train, {} validate, {} test; {}",
        args.out.display(),
        source.pool.len(),
        split.train.len(),
        split.val.len() + source.val.as_ref().map_or(0, |val| val.len()),
        split.test.len() + source.test.as_ref().map_or(0, |test| test.len()),
        split.hash,
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn pack(args: &PackArgs) -> anyhow::Result<ExitCode> {
    let (section, source, split) = load(&args.data)?;
    let piece = args.piece_size.map(|mebibytes| mebibytes << 20);
    for file in data::pack::write(&args.out, &section, &source, &split, piece)? {
        let size = file.metadata().map_or(0, |meta| meta.len());
        print_line(format_args!("{}: {:.1} MiB", file.display(), size as f64 / (1 << 20) as f64))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn stats(args: &StatsArgs) -> anyhow::Result<ExitCode> {
    let section = section(&args.data)?;
    let stats = match data::lists(&section) {
        _ if data::pack::is_pack(&section.dir) => stats_of_split(&section)?,
        Some(lists) => Stats::of_lists(&lists)?,
        None if Path::new(&section.name).exists() => Stats::of_folder(Path::new(&section.name))?,
        None => stats_of_split(&section)?,
    };
    if args.json {
        print_line(serde_json::to_string(&stats).context("cannot print the statistics")?)?;
    } else {
        print_line(stats.to_string().trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Of a data set that is thinned: what would train, validate and test.
fn stats_of_split(section: &Data) -> anyhow::Result<Stats> {
    let loaded = data::open(section)?;
    let (split, _) = data::split_of(&loaded, section)?;
    let sets = Sets::new(loaded.source, &split, section.val != Val::None);
    let train = Some(&sets.train);
    let parts: Vec<_> =
        [("train", train), ("val", sets.val.as_ref()), ("test", sets.test.as_ref())]
            .into_iter()
            .filter_map(|(name, part)| Some((name, &*part?.images, part?.indices.clone())))
            .collect();
    Ok(Stats::of_sets(&sets.class_names, &parts))
}

fn fetch(args: &FetchArgs) -> anyhow::Result<ExitCode> {
    let cifar = match args.name {
        FetchName::Cifar10 => Cifar::Ten,
        FetchName::Cifar100 => Cifar::Hundred,
    };
    let bar = if args.quiet { ProgressBar::hidden() } else { bytes_bar() };
    let mut progress = |done: u64, whole: Option<u64>| {
        if let Some(whole) = whole {
            bar.set_length(whole);
        }
        bar.set_position(done);
    };
    let path = download(&cifar.remote(args.mirror.as_deref()), &args.data_dir, &mut progress)?;
    bar.finish_and_clear();
    print_line(path.display())?;
    Ok(ExitCode::SUCCESS)
}

fn bytes_bar() -> ProgressBar {
    let template = "{bar:24} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("█▉ ");
    ProgressBar::new(0).with_style(style)
}
