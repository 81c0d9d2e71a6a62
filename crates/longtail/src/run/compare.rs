//! Runs beside each other, read from their folders.

mod below;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use below::Named;

use crate::{
    Error, Result,
    data::names::text_of,
    recipe::{Recipe, RecipeError, RecipeFile, newer_version},
    regular,
    report::{
        MetricsLog, Summary,
        compare::{CompareError, CompareOptions, Comparison, Predictions, Run},
    },
    train::RunFolder,
};

/// Bytes of the longest file of predictions that is read.
const LARGEST: u64 = 1 << 30;
/// Keys of a recipe that do not tell runs apart: the seed, and what the split's hash has proven.
const NOT_COMPARED: [&str; 2] = ["train.seed", "data.any_content"];

/// Compares the runs in the folders `paths` ([`Comparison::of`]). A folder that is no run itself stands for the runs below
/// it, and a file beside folders is passed over; notes say so. A folder that is named twice counts once, and one that `options` names as baseline alone is
/// added. Nothing but the folders is read: where the images are does not matter.
///
/// # Errors
/// [`Error::Compare`] for a folder that holds no run or an unfinished one, and as [`Comparison::of`];
/// [`Error::Recipe`] and [`Error::Report`] for files of a run that cannot be read.
pub fn compare(paths: &[PathBuf], options: &CompareOptions) -> Result<Comparison> {
    let mut compared = Compared::default();
    // What a shell names by `runs/*`: results may lie beside runs.
    let (files, folders): (Vec<&PathBuf>, _) = paths.iter().partition(|path| path.is_file());
    let named = if folders.is_empty() { &files } else { &folders };
    named.iter().try_for_each(|path| compared.add(path))?;
    if !folders.is_empty() {
        let over = files.iter().map(|file| format!("{} is a file and no run.", text_of(file)));
        compared.notes.extend(over);
    }
    let mut options = options.clone();
    if let Some(name) = &options.baseline
        && let Some(run) = compared.baseline(name)?
    {
        options.baseline = Some(run);
    }
    let runs: Vec<_> = compared.runs.into_iter().map(|(_, run)| run).collect();
    let mut comparison = Comparison::of(&runs, &options)?;
    comparison.notes.extend(compared.notes);
    Ok(comparison)
}

/// The runs that were named, each with the path by which it is known.
#[derive(Default)]
struct Compared {
    runs: Vec<(PathBuf, Run)>,
    notes: Vec<String>,
}

impl Compared {
    /// The run at a path, or those below it.
    fn add(&mut self, path: &Path) -> Result<()> {
        let Named { runs, note } = Named::of(path);
        self.notes.extend(note);
        for run in runs {
            let place = place(&run);
            match self.known(&place).is_some() {
                true => {
                    self.notes.push(format!("{} is named twice and counts once.", text_of(&run)))
                }
                false => self.runs.push((place, read(&run)?)),
            }
        }
        Ok(())
    }

    fn known(&self, place: &Path) -> Option<&Run> {
        self.runs.iter().find(|(known, _)| known == place).map(|(_, run)| run)
    }

    /// The name of the run that a baseline means, or of the first below it; it is added if it is not there. `None` of what
    /// is no folder, or the method of a run.
    fn baseline(&mut self, name: &str) -> Result<Option<String>> {
        let path = Path::new(name);
        let first = Named::of(path).runs.first().map(|run| place(run));
        if let Some(run) = first.and_then(|place| self.known(&place)) {
            return Ok(Some(run.name.clone()));
        }
        if !path.is_dir() || self.runs.iter().any(|(_, run)| run.summary.method == name) {
            return Ok(None);
        }
        let before = self.runs.len();
        self.add(path)?;
        Ok(self.runs.get(before).map(|(_, run)| run.name.clone()))
    }
}

/// A path by which a folder is known, however it is written.
fn place(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn read(path: &Path) -> Result<Run> {
    let folder = RunFolder::at(path);
    if !folder.summary().is_file() {
        return Err(without_summary(&folder)?.into());
    }
    if !folder.recipe().is_file() {
        let path = path.to_owned();
        return Err(CompareError::NoRun { path, missing: "recipe.toml" }.into());
    }
    let newer = newer_version(path);
    let known = Summary::load(folder.summary())
        .map_err(Error::from)
        .and_then(|summary| Ok((summary, Recipe::read(&folder.recipe())?)));
    let (summary, recipe) = match (known, &newer) {
        // It says so itself.
        (Err(error @ Error::Recipe(RecipeError::Newer { .. })), _) => return Err(error),
        (Err(error), Some(version)) => {
            let (path, version) = (path.to_owned(), version.clone());
            let (own, reason) = (env!("CARGO_PKG_VERSION"), error.to_string());
            return Err(CompareError::Newer { path, version, own, reason }.into());
        }
        (known, _) => known?,
    };
    let note = newer.map(|version| {
        format!("it was written by Longtail {version}, which is newer than this one: what that added is not shown")
    });
    let recipe = recipe.with(|sections| sections.train.seed = 0)?.identity()?;
    let mut recipe = RecipeFile::parse(&recipe, "the recipe")?.values()?;
    recipe.retain(|key, _| !NOT_COMPARED.contains(&key.as_str()));
    let cut = summary.is_cut().then(|| format!("it was stopped after {}", summary.length()));
    let notes = note.into_iter().chain(cut).collect();
    Ok(Run { name: text_of(path), summary, recipe, predictions: predictions(&folder), notes })
}

/// What a folder without final figures is.
fn without_summary(folder: &RunFolder) -> Result<CompareError> {
    let path = folder.path().to_owned();
    if !folder.recipe().is_file() {
        return Ok(CompareError::NoRun { path, missing: "summary.json" });
    }
    let records = match MetricsLog::read(folder.metrics()) {
        Ok(records) => records,
        // None has ended yet.
        Err(_) if !folder.metrics().exists() => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let done = records.last().map_or(0, |record| record.epoch + 1);
    let epochs = RecipeFile::read_of_run(&folder.recipe())?.train.epochs.unwrap_or(done);
    Ok(CompareError::Unfinished { path, done, epochs })
}

/// What the run says of every image, or why that is not known.
fn predictions(folder: &RunFolder) -> std::result::Result<Predictions, String> {
    match regular::read(&folder.predictions(), LARGEST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err("there is no predictions.csv".into())
        }
        Err(error) => Err(format!("predictions.csv cannot be read ({error})")),
        Ok(bytes) => Predictions::parse(&bytes)
            .map_err(|reason| format!("predictions.csv cannot be used ({reason})")),
    }
}
