//! Runs beside each other, read from their folders.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    data::names::text_of,
    recipe::{Recipe, RecipeFile},
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

/// Compares the runs in the folders `paths` ([`Comparison::of`]). A folder that is named twice counts once, and one that
/// `options` names as baseline alone is added. Nothing but the folders is read: where the images are does not matter.
///
/// # Errors
/// [`Error::Compare`] for a folder that holds no run or an unfinished one, and as [`Comparison::of`];
/// [`Error::Recipe`] and [`Error::Report`] for files of a run that cannot be read.
pub fn compare(paths: &[PathBuf], options: &CompareOptions) -> Result<Comparison> {
    let mut runs: Vec<(PathBuf, Run)> = Vec::new();
    let mut twice = Vec::new();
    for path in paths {
        let place = place(path);
        match runs.iter().any(|(known, _)| *known == place) {
            true => twice.push(format!("{} is named twice and counts once.", text_of(path))),
            false => runs.push((place, read(path)?)),
        }
    }
    let mut options = options.clone();
    if let Some(name) = options.baseline.clone() {
        let at = place(Path::new(&name));
        let is_method = runs.iter().any(|(_, run)| run.summary.method == name);
        if let Some((_, run)) = runs.iter().find(|(known, _)| *known == at) {
            options.baseline = Some(run.name.clone());
        } else if !is_method && at.is_dir() {
            let run = read(Path::new(&name))?;
            options.baseline = Some(run.name.clone());
            runs.push((at, run));
        }
    }
    let runs: Vec<_> = runs.into_iter().map(|(_, run)| run).collect();
    let mut comparison = Comparison::of(&runs, &options)?;
    comparison.notes.extend(twice);
    Ok(comparison)
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
    let newer = newer(&folder);
    let known = Summary::load(folder.summary())
        .map_err(Error::from)
        .and_then(|summary| Ok((summary, Recipe::read(&folder.recipe())?)));
    let (summary, recipe) = match (known, &newer) {
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
    let notes = note.into_iter().collect();
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

/// The version that wrote the run, if that is later than this one.
fn newer(folder: &RunFolder) -> Option<String> {
    let json = regular::read(&folder.summary(), LARGEST).ok()?;
    let summary: serde_json::Value = serde_json::from_slice(&json).ok()?;
    let version = summary.get("longtail_version")?.as_str()?;
    let is_later = by_number(version) > by_number(env!("CARGO_PKG_VERSION"));
    is_later.then(|| version.to_owned())
}

/// The numbers of a version, such as 0, 12 and 1 of `0.12.1`.
fn by_number(version: &str) -> Vec<u64> {
    let number = |part: &str| part.parse().unwrap_or(0);
    version.split(['.', '-', '+']).take(3).map(number).collect()
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

#[cfg(test)]
mod tests {
    use super::by_number;

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        assert!(by_number("0.10.0") > by_number("0.9.3"));
        assert!(by_number("0.1.0-dev") <= by_number("0.1.0"));
        assert!(by_number("nonsense") < by_number("0.0.1"));
    }
}
