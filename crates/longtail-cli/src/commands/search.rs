use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, sync::Arc};

use longtail::{
    device::Device,
    method::Planner,
    recipe::{Recipe, RecipeError, RecipeFile},
    run::{
        RunError,
        search::{Found, GRIDS, Halving, Knob, PaperGrid, Search, SearchEnd, csv, markdown, table},
    },
    train::Limits,
};

use super::{
    devices, layers, on,
    queue::{QueueProgress, check_seeds, print_dry_run},
    runner, start_threads,
};
use crate::{
    args::SearchArgs,
    interrupt::Interrupt,
    output::{check_folder, print_json, print_line, print_lines, write_file},
    progress::Progress,
};

/// What a layer of a recipe gives, by `section.key`.
type Values = BTreeMap<String, String>;

/// Of so many parts of a run one is trained before the first candidates are given up.
const FIRST_RUNG: usize = 9;

/// `longtail search`
pub fn run(args: &SearchArgs, interrupt: &Arc<Interrupt>) -> anyhow::Result<ExitCode> {
    start_threads(args.runtime.threads)?;
    let typed = layers::layers_of_search(args)?.last().and_then(|options| options.train.seed);
    check_seeds(&args.seeds, typed)?;
    let search = search(args)?;
    check_folder(&search.root)?;
    // What was typed is looked at before a GPU is.
    search.checked(&Planner::default())?;
    let progress = Progress::new(args.runtime.quiet, Arc::clone(interrupt));
    let device = devices::open(args.runtime.device, |text| progress.line(text))?;
    let progress = QueueProgress::new(progress, interrupt);
    on(&device, || searched(args, &search, device.clone(), progress))
}

fn searched(
    args: &SearchArgs,
    search: &Search,
    device: Device,
    mut progress: QueueProgress,
) -> anyhow::Result<ExitCode> {
    let runner = runner(device);
    if args.dry_run {
        return print_dry_run(&search.queue(&runner)?, &mut progress, &[], &args.runtime);
    }
    let found = match search.run(&runner, &mut progress)? {
        SearchEnd::Interrupted => return Ok(progress.stopped()),
        SearchEnd::Found(found) => found,
    };
    write_all(search, &found)?;
    if args.runtime.json {
        print_json(&*found)?;
    } else if !args.runtime.quiet {
        print_lines(table(&found))?;
        print_line(search.root.join("SEARCH.md").display())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write_all(search: &Search, found: &Found) -> anyhow::Result<()> {
    let at = |name: &str| search.root.join(name);
    write_file(&at("response.svg"), found.picture())?;
    write_file(&at("search.csv"), csv(found)?)?;
    write_file(&at("search.json"), found.json()?)?;
    write_file(&at("SEARCH.md"), markdown(found))
}

fn search(args: &SearchArgs) -> anyhow::Result<Search> {
    let mut layers = layers::layers_of_search(args)?;
    let knobs = knobs(args, &mut layers)?;
    let typed_seed = layers.iter().rev().find_map(|layer| layer.train.seed);
    let seeds =
        if args.seeds.is_empty() { vec![typed_seed.unwrap_or(0)] } else { args.seeds.clone() };
    let names: Vec<_> = knobs.iter().map(Knob::name).collect();
    let root = PathBuf::from("runs").join(format!("search-{}", names.join("-")));
    let halving = match args.halving {
        true => Some(halving(args, &layers)?),
        false => None,
    };
    Ok(Search {
        knobs,
        samples: args.samples,
        draw_seed: args.draw_seed,
        halving,
        layers,
        seeds,
        root: args.out.clone().unwrap_or(root),
        limits: Limits { max_steps: args.max_steps },
        logs: args.log.programs.clone(),
    })
}

/// What is turned; what a grid sets beside it is laid over `layers`, of which the last is what was typed.
fn knobs(args: &SearchArgs, layers: &mut Vec<RecipeFile>) -> anyhow::Result<Vec<Knob>> {
    let options = layers.last().map(RecipeFile::values).transpose()?.unwrap_or_default();
    let mut knobs = Vec::new();
    if let Some(name) = &args.grid {
        let grid = PaperGrid::of_name(name).ok_or_else(|| no_grid(name))?;
        knobs.push(grid.knob()?);
        let fixed = grid.layer()?;
        check_grid(name, &fixed.values()?, &options)?;
        layers.push(fixed);
    }
    for typed in &args.knob {
        knobs.push(Knob::parse(typed)?);
    }
    check_turned(&knobs, &options)?;
    Ok(knobs)
}

/// Refuses options that another value would take the place of, which the grid `name` sets.
fn check_grid(name: &str, fixed: &Values, options: &Values) -> Result<(), RecipeError> {
    let is_other = |(key, value): &(&String, &String)| fixed.get(*key).is_some_and(|f| f != *value);
    match options.iter().find(is_other) {
        None => Ok(()),
        Some((key, value)) => {
            let mend = format!("search {name} sets it to {}: leave it out", fixed[key]);
            Err(RecipeError::Value { key: key.clone().into(), value: value.clone(), mend })
        }
    }
}

/// Refuses options whose value no candidate would have, for it is turned.
fn check_turned(knobs: &[Knob], options: &Values) -> Result<(), RunError> {
    match knobs.iter().find_map(|knob| Some((&knob.key, options.get(&knob.key)?))) {
        None => Ok(()),
        Some((key, value)) => {
            let mend = format!(
                "another option sets it to {value}, which no candidate would have: leave that one out"
            );
            Err(RunError::Knob { typed: key.clone(), mend })
        }
    }
}

fn halving(args: &SearchArgs, layers: &[RecipeFile]) -> anyhow::Result<Halving> {
    let epochs = Recipe::resolve(layers)?.0.train.epochs;
    let min_epochs = args.min_epochs.map_or((epochs / FIRST_RUNG).max(1), usize::from);
    if min_epochs >= epochs {
        let mend = match epochs {
            1 => "a run of one epoch is not given up before its end: leave --halving out".into(),
            epochs => format!("choose less than the {epochs} epochs of the whole run"),
        };
        let (option, value) = ("--min-epochs", min_epochs.to_string());
        return Err(RunError::Option { option, value, mend }.into());
    }
    Ok(Halving { eta: usize::from(args.eta), min_epochs })
}

fn no_grid(name: &str) -> RunError {
    let all: Vec<_> = GRIDS.iter().map(|grid| format!("{}: {}", grid.name, grid.about)).collect();
    let mend = format!("take {}; or --knob KEY=VALUES", all.join("; "));
    RunError::Target { target: name.to_owned(), mend }
}
