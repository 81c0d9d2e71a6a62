//! `events.out.tfevents.NUMBER.longtail`, and beside it what the projector reads.

use std::path::{Path, PathBuf};

use super::{
    LoggedEnd, Logs, confusion, entries,
    event::{Event, Image, SessionLog, Shown, Status, Summary, Value, What, record},
    figures::final_figures,
    projector, write,
};
use crate::report::ReportError;

/// What an event file is called before its number and behind it.
const NAME: [&str; 2] = ["events.out.tfevents.", ".longtail"];

pub(super) fn write(
    logs: &Logs,
    end: Option<LoggedEnd<'_>>,
    folder: &Path,
) -> Result<(), ReportError> {
    let events = events(logs, end)?;
    let (path, mut others) = place(folder, &events);
    write::file(&path, &events)?;
    // Empty it stays, for where the file that it reads is gone TensorBoard does not look for the next one.
    if let Some(last) = others.pop() {
        write::empty(&last)?;
    }
    others.iter().try_for_each(|other| write::remove(other))?;
    projector::write(end.and_then(|end| end.scored), folder)
}

/// Where events go, and the event files that they take the place of. TensorBoard reads a file on from where it was, and
/// only another file, whose name comes behind, makes it forget what it has read: so a file that does not go on as it began
/// is not replaced under its name.
fn place(folder: &Path, events: &[u8]) -> (PathBuf, Vec<PathBuf>) {
    let number = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix(NAME[0])?.strip_suffix(NAME[1])?.parse::<u64>().ok()
    };
    let files = entries(folder).into_iter().map(|entry| entry.path());
    let mut files: Vec<_> = files.filter_map(|path| Some((number(&path)?, path))).collect();
    files.sort();
    let current = match files.pop() {
        Some((_, path)) if write::begins(&path, events) => path,
        last => {
            let next = last.as_ref().map_or(1, |(number, _)| number.saturating_add(1));
            files.extend(last);
            folder.join(format!("{}{next:08}{}", NAME[0], NAME[1]))
        }
    };
    (current, files.into_iter().map(|(_, path)| path).collect())
}

/// The whole file.
fn events(logs: &Logs, end: Option<LoggedEnd<'_>>) -> Result<Vec<u8>, ReportError> {
    let event = |seconds: f64, step: u64, what| {
        let wall_time = logs.milliseconds(seconds) as f64 / 1e3;
        record(&Event { wall_time, step: step as i64, what: Some(what) })
    };
    let mut bytes = event(0.0, 0, What::FileVersion("brain.Event:2".into()));
    // With it, what was read of an earlier file is forgotten.
    bytes.extend(event(0.0, 0, What::SessionLog(SessionLog { status: Status::Start.into() })));
    for moment in &logs.moments {
        let epoch = [("train/epoch".to_owned(), moment.epoch as f64)];
        let value = scalars(epoch.into_iter().chain(moment.figures.iter().cloned()));
        bytes.extend(event(moment.seconds, moment.step, What::Summary(Summary { value })));
    }
    if let Some(end) = end {
        let mut value = scalars(final_figures(&end));
        if let Some(picture) = end.scored.map(|of| confusion::picture(of, end.summary)) {
            let picture = picture?;
            let side = picture.side as i32;
            let encoded_image_string = picture.png;
            let image = Image { height: side, width: side, colorspace: 3, encoded_image_string };
            value.push(Value { tag: "confusion".into(), shown: Some(Shown::Image(image)) });
        }
        let step = end.summary.steps;
        bytes.extend(event(logs.seconds(), step, What::Summary(Summary { value })));
    }
    Ok(bytes)
}

fn scalars(figures: impl IntoIterator<Item = (String, f64)>) -> Vec<Value> {
    let scalar = |(tag, value)| Value { tag, shown: Some(Shown::SimpleValue(value as f32)) };
    figures.into_iter().map(scalar).collect()
}
