//! `metrics.csv`, one line an epoch, and `final.csv`, one line a figure.

use std::path::Path;

use super::{LoggedEnd, Logs, figures::final_figures, write};
use crate::report::{ReportError, predictions::guarded};

/// Columns that every line has; figures follow, in the order in which they appear in the run.
const FIXED: [&str; 3] = ["epoch", "step", "note"];

pub(super) fn write(
    logs: &Logs,
    end: Option<LoggedEnd<'_>>,
    folder: &Path,
) -> Result<(), ReportError> {
    let file = |name: &str, rows: Vec<Vec<String>>| {
        let path = folder.join(name);
        let mut out = csv::Writer::from_writer(Vec::new());
        let written = rows.iter().try_for_each(|row| out.write_record(row));
        let failed = |error| ReportError::io("write", &path)(error);
        written.map_err(|error| failed(error.into()))?;
        write::file(&path, &out.into_inner().map_err(|error| failed(error.into_error()))?)
    };
    file("metrics.csv", epochs(logs))?;
    match end {
        None => write::remove(&folder.join("final.csv")),
        Some(end) => {
            let rows = final_figures(&end).into_iter().map(|(name, value)| vec![name, text(value)]);
            let header = ["figure", "value"].map(String::from).to_vec();
            file("final.csv", [header].into_iter().chain(rows).collect())
        }
    }
}

fn epochs(logs: &Logs) -> Vec<Vec<String>> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in logs.moments.iter().flat_map(|moment| &moment.figures) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut rows = vec![FIXED.iter().chain(&names).map(ToString::to_string).collect()];
    for moment in &logs.moments {
        let note = moment.note.as_deref().map(guarded).unwrap_or_default();
        let mut row = vec![moment.epoch.to_string(), moment.step.to_string(), note];
        let value = |name: &&str| {
            let known = moment.figures.iter().find(|(known, _)| known == name);
            known.map(|(_, value)| text(*value)).unwrap_or_default()
        };
        row.extend(names.iter().map(value));
        rows.push(row);
    }
    rows
}

/// The shortest digits that are read as the same number.
pub(super) fn text(value: f64) -> String {
    format!("{value:?}")
}
