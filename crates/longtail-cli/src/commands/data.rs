use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use longtail::{
    data::{
        self, Cifar, DataSource, Listed, Opened, Sets, Source, Split, Storage, catalog::Catalog,
        fetch::fetch as download, folder, list, memory::check_images, shards, stats::Stats,
    },
    recipe::{Data, Holdout, Recipe, RecipeFile},
    report::counted,
    run::check_out,
};

use super::layers::{data_layer, named};
use crate::{
    args::{DataArgs, DataCommand, FetchArgs, FetchName, PackArgs, SplitArgs, StatsArgs},
    interrupt::Interrupt,
    output::{note, print_json, print_line, print_lines},
};

/// `longtail data …`
pub fn run(command: &DataCommand, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    match command {
        DataCommand::Split(args) => split(args),
        DataCommand::Stats(args) => stats(args),
        DataCommand::Pack(args) => pack(args, interrupt),
        DataCommand::Fetch(args) => fetch(args, interrupt),
    }
}

/// The data section of what was typed.
fn section(args: &DataArgs) -> anyhow::Result<Data> {
    let layers: [RecipeFile; 1] = [data_layer(args)?];
    Ok(Recipe::resolve(&layers)?.0.into_sections().data)
}

/// The data that was typed and its split, with what there is to know of them on the error stream.
fn open(section: &Data, args: &DataArgs) -> anyhow::Result<(Opened, Split)> {
    let opened = Opened::open(section)?;
    let (split, notes) = split_of(&opened, section, args)?;
    opened.notes.iter().chain(&notes).for_each(note);
    Ok((opened, split))
}

/// The split that was typed, and what there is to know of it.
fn split_of(
    opened: &Opened,
    section: &Data,
    args: &DataArgs,
) -> anyhow::Result<(Split, Vec<String>)> {
    let (split, notes) = opened.split(section)?;
    if args.split.is_some() {
        opened.check_asked(&split, &data_layer(args)?.data, section)?;
    }
    Ok((split, notes))
}

/// The images of a split, decoded.
fn load(section: &Data, opened: Opened, split: &Split) -> anyhow::Result<Source> {
    check_images(opened.bytes(split, section))?;
    let (source, notes) = opened.load(split, section)?;
    notes.iter().for_each(note);
    Ok(source)
}

fn split(args: &SplitArgs) -> anyhow::Result<ExitCode> {
    check_out("--out", &args.out, &named(&data_layer(&args.data)?.data))?;
    let (opened, split) = open(&section(&args.data)?, &args.data)?;
    split.save(&args.out)?;
    let listing = &opened.listing;
    let own = |listed: &Option<Listed>| listed.as_ref().map_or(0, |listed| listed.labels.len());
    let selected: usize = split.selected.iter().map(Vec::len).sum();
    print_line(format_args!(
        "{}: {selected} of {} selected, {} train, {} validate, {} test; {}",
        args.out.display(),
        counted(listing.pool.labels.len(), "image", "images"),
        split.train.len(),
        split.val.len() + own(&listing.val),
        split.test.len() + own(&listing.test),
        split.hash,
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn pack(args: &PackArgs, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    check_out("--out", &args.out, &named(&data_layer(&args.data)?.data))?;
    let out = args.out.clone();
    interrupt.removes(move || data::pack::remove_unfinished(&out));
    // A pack is of decoded images.
    let section = Data { storage: Storage::Memory, ..section(&args.data)? };
    let (opened, split) = open(&section, &args.data)?;
    let source = load(&section, opened, &split)?;
    let piece = args.piece_size.map(|mebibytes| mebibytes << 20);
    for file in data::pack::write(&args.out, &section, &source, &split, piece)? {
        let size = file.metadata().map_or(0, |meta| meta.len());
        print_line(format_args!("{}: {:.1} MiB", file.display(), size as f64 / (1 << 20) as f64))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn stats(args: &StatsArgs) -> anyhow::Result<ExitCode> {
    let section = section(&args.data)?;
    let (stats, notes) = match DataSource::of(&section)? {
        DataSource::Folder(dir) => of_files(folder::find(&dir)?, &section, &args.data)?,
        DataSource::Lists(lists) => of_files(list::find(&lists)?, &section, &args.data)?,
        DataSource::Shards(shards) => {
            of_files(shards::find(&shards, &section)?, &section, &args.data)?
        }
        _ => stats_of_split(&section, &args.data)?,
    };
    if args.json {
        print_json(&stats)?;
    } else {
        print_lines(stats.to_string().trim_end())?;
    }
    notes.iter().for_each(note);
    Ok(ExitCode::SUCCESS)
}

/// Of files as they lie, or of their split where an option asks for one.
fn of_files(
    catalog: Catalog,
    section: &Data,
    args: &DataArgs,
) -> anyhow::Result<(Stats, Vec<String>)> {
    if args.split.is_some() {
        return stats_of_split(section, args);
    }
    let as_split = args.imbalance.is_some() || args.val.is_some() || args.split_seed.is_some();
    Ok(Stats::of_files(catalog, &data::split_request(section), as_split)?)
}

/// Of a data set that is thinned: what would train, validate and test.
fn stats_of_split(section: &Data, args: &DataArgs) -> anyhow::Result<(Stats, Vec<String>)> {
    let opened = Opened::open(section)?;
    let (split, of_split) = split_of(&opened, section, args)?;
    let notes = [opened.notes.clone(), of_split].concat();
    let source = load(section, opened, &split)?;
    let sets = Sets::new(source, &split, section.val != Holdout::None);
    let train = Some(&sets.train);
    let parts: Vec<_> =
        [("train", train), ("val", sets.val.as_ref()), ("test", sets.test.as_ref())]
            .into_iter()
            .filter_map(|(name, part)| Some((name, &*part?.images, part?.indices.clone())))
            .collect();
    Ok((Stats::of_sets(&sets.class_names, &parts), notes))
}

fn fetch(args: &FetchArgs, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    interrupt.ends("stopped; the same command goes on where it stopped");
    let cifar = match args.name {
        FetchName::Cifar10 => Cifar::Ten,
        FetchName::Cifar100 => Cifar::Hundred,
    };
    let bar = if args.quiet { ProgressBar::hidden() } else { bytes_bar() };
    interrupt.draws(bar.clone());
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
