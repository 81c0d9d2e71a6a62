//! What finished runs came to, each of whose files is read once.

use std::{cell::RefCell, collections::HashMap, path::PathBuf};

use serde_json::Value;

use super::tables::{CHI, DBI, OVERLAP};
use crate::{
    regular,
    report::{
        Summary, Weights,
        compare::{figure, figure_of},
    },
    run::queue::Job,
    train::RunFolder,
};

/// Bytes of the longest `analysis.json` that is read.
const LARGEST: u64 = 1 << 28;
/// Spaces of features that analyses are of, and what people call them.
pub(super) const SPACES: [(&str, &str); 2] =
    [("features", "encoder's features"), ("projections", "projections z")];
/// Figures of a space.
const OF_A_SPACE: [&str; 3] = [CHI, DBI, OVERLAP];

/// The figures of spaces of an analysis that are there, by their place in it.
type OfSpaces = HashMap<String, f64>;

/// What was read of runs, by their folder, or why it cannot be.
#[derive(Debug, Default)]
pub(super) struct Read {
    summaries: RefCell<HashMap<PathBuf, Result<Summary, String>>>,
    analyses: RefCell<HashMap<PathBuf, Result<OfSpaces, String>>>,
}

impl Read {
    /// In percent where it is a share.
    pub fn of_summary(&self, job: &Job, key: &str) -> Result<f64, String> {
        let mut known = self.summaries.borrow_mut();
        let summary = known.entry(job.folder.clone()).or_insert_with(|| {
            Summary::load(RunFolder::at(&job.folder).summary()).map_err(|_| not_finished(job))
        });
        let value = figure_of(summary.as_ref().map_err(Clone::clone)?, Weights::Last, key)
            .ok_or_else(|| lacks(job, key))?;
        let unit = if figure(key).is_some_and(|figure| figure.is_share) { 100.0 } else { 1.0 };
        Ok(value * unit)
    }

    /// Of the last model.
    pub fn of_analysis(&self, job: &Job, key: &str, space: &str) -> Result<f64, String> {
        let mut known = self.analyses.borrow_mut();
        let figures = known.entry(job.folder.clone()).or_insert_with(|| of_spaces(job));
        let figures = figures.as_ref().map_err(Clone::clone)?;
        figures.get(&place(space, key)).copied().ok_or_else(|| lacks(job, key))
    }
}

fn of_spaces(job: &Job) -> Result<OfSpaces, String> {
    let path = RunFolder::at(&job.folder).analysis();
    let json = regular::read(&path, LARGEST).map_err(|_| not_finished(job))?;
    let analysis: Value = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
    let places =
        SPACES.iter().flat_map(|(space, _)| OF_A_SPACE.iter().map(|key| place(space, key)));
    Ok(places.filter_map(|at| Some((at.clone(), analysis.pointer(&at)?.as_f64()?))).collect())
}

fn place(space: &str, key: &str) -> String {
    format!("/last/{space}/{key}")
}

fn not_finished(job: &Job) -> String {
    format!("{} is not finished", job.name)
}

fn lacks(job: &Job, key: &str) -> String {
    format!("{} has no {}", job.name, named(key))
}

/// What people call a figure.
pub(super) fn named(key: &str) -> String {
    match key {
        CHI => "CHI".into(),
        DBI => "DBI".into(),
        OVERLAP => "spread over margin of the rarest third".into(),
        _ => figure(key).map_or(key, |figure| figure.name).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::run::queue::Goal;

    #[test]
    fn an_analysis_is_read_once_for_all_of_its_cells() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().to_owned();
        let job = Job { name: "a".into(), layers: Vec::new(), folder, goal: Goal::Figures };
        let file = RunFolder::at(&job.folder).analysis();
        let text =
            r#"{"last": {"features": {"calinski_harabasz": 3.5, "tail": {"overlap": 0.25}}}}"#;
        fs::write(&file, text).unwrap();
        let read = Read::default();
        assert_eq!(read.of_analysis(&job, CHI, "features"), Ok(3.5));
        fs::remove_file(&file).unwrap();
        assert_eq!(read.of_analysis(&job, OVERLAP, "features"), Ok(0.25));
        let lacks = Err("a has no DBI".to_owned());
        assert_eq!(read.of_analysis(&job, DBI, "features"), lacks);
        assert_eq!(read.of_analysis(&job, DBI, "projections"), lacks);
        let unfinished = Read::default().of_analysis(&job, CHI, "features");
        assert_eq!(unfinished, Err("a is not finished".into()));
    }
}
