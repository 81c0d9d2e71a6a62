//! Logs for other programs while a run trains, and what its results keep for them.

use std::{fs, time::SystemTime};

use super::{Observer, Results, TrainError, Trainer};
use crate::{
    data::source,
    recipe::{Recipe, RecipeFile},
    report::{EpochRecord, LogKind, LoggedEnd, LoggedRun, Logs, ReportError, Weights},
};

impl Trainer {
    /// The same run, logged for these programs as well, after every epoch and at its end. A run that is gone on with is
    /// logged for those that it was logged for before.
    #[must_use]
    pub fn logging(mut self, kinds: &[LogKind]) -> Self {
        for kind in kinds {
            if !self.log_kinds.contains(kind) {
                self.log_kinds.push(*kind);
            }
        }
        self
    }

    /// The same run, whose results hold all that this model says of each image of the set that is reported on.
    #[must_use]
    pub fn keeping(mut self, weights: Weights) -> Self {
        self.kept.push(weights);
        self
    }

    /// Whether results hold what this model says of each image.
    pub(super) fn keeps(&self, weights: Weights) -> bool {
        let shows_images = self.log_kinds.iter().any(|kind| kind.shows_images());
        self.kept.contains(&weights) || weights == Weights::Last && shows_images
    }

    /// The logs as the run finds them, without epochs that it has to do again and without final figures.
    pub(super) fn begin_logs(&mut self, observer: &mut dyn Observer) {
        self.logs = None;
        if self.log_kinds.is_empty() {
            return;
        }
        match self.new_logs(&self.records) {
            Ok(logs) => self.write_or_leave(logs, observer),
            Err(error) => leave(&error, observer),
        }
    }

    /// The logs with one epoch more.
    pub(super) fn log_epoch(&mut self, record: &EpochRecord, observer: &mut dyn Observer) {
        if let Some(mut logs) = self.logs.take() {
            logs.push(record);
            self.write_or_leave(logs, observer);
        }
    }

    /// The logs of a run that has come to these results.
    pub(super) fn end_logs(
        &self,
        results: &Results,
        records: &[EpochRecord],
    ) -> Result<(), TrainError> {
        if self.log_kinds.is_empty() {
            return Ok(());
        }
        let end = LoggedEnd { summary: &results.summary, scored: results.scored(Weights::Last) };
        Ok(self.new_logs(records)?.write(Some(end))?)
    }

    /// What a disk has no room for is no reason to lose the run.
    fn write_or_leave(&mut self, logs: Logs, observer: &mut dyn Observer) {
        match logs.write(None) {
            Ok(()) => self.logs = Some(logs),
            Err(error) => leave(&error.into(), observer),
        }
    }

    fn new_logs(&self, records: &[EpochRecord]) -> Result<Logs, TrainError> {
        let name = self.folder.path().file_name().map(|name| name.to_string_lossy().into_owned());
        let split = self.folder.split();
        let made = fs::metadata(&split).and_then(|meta| meta.modified());
        // The first file of a run, and never written again.
        let started: SystemTime = made.map_err(ReportError::io("read", split))?;
        let run = LoggedRun {
            name: name.unwrap_or_else(|| self.recipe.method.to_string()),
            experiment: source::title(&self.recipe.data),
            settings: settings(&self.recipe)?,
            started,
            artifacts: vec![self.folder.recipe(), self.folder.summary()],
        };
        Ok(Logs::new(&self.folder.logs(), self.log_kinds.clone(), run, records))
    }
}

/// Keys of the recipe with their values, texts without quotes.
fn settings(recipe: &Recipe) -> Result<Vec<(String, String)>, TrainError> {
    let values = RecipeFile::parse(&recipe.to_toml()?, "the recipe")?.values()?;
    let bare = |value: String| match value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) {
        Some(text) => text.to_owned(),
        None => value,
    };
    Ok(values.into_iter().map(|(key, value)| (key, bare(value))).collect())
}

fn leave(error: &TrainError, observer: &mut dyn Observer) {
    observer.note(&format!("the logs for other programs wait for the run's end: {error}"));
}
