//! A file store of MLflow with one experiment and one run in it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{LoggedEnd, Logs, confusion, entries, figures::final_figures, table::text, write};
use crate::{
    hex::hex,
    report::{ReportError, printable, text::acts},
};

/// Characters of a name and of a setting's value that MLflow takes.
const LONGEST: [usize; 2] = [250, 6000];
/// MLflow's numbers of what a run does.
const RUNNING: u8 = 1;
const FINISHED: u8 = 3;

pub(super) fn write(
    logs: &Logs,
    end: Option<LoggedEnd<'_>>,
    folder: &Path,
) -> Result<(), ReportError> {
    let experiment = experiment_id(&logs.run.experiment);
    let folder = folder.join(&experiment);
    write::folder(&folder)?;
    let run_id = run_id(logs, &folder);
    let run = folder.join(&run_id);
    write::folder(&run)?;
    write::file(&folder.join("meta.yaml"), experiment_meta(logs, &experiment, &folder).as_bytes())?;
    let metrics = metrics(logs, end);
    for (kind, values) in [("metrics", &metrics), ("params", &params(logs)), ("tags", &tags(logs))]
    {
        files(&run.join(kind), values)?;
    }
    // Tags may be somebody's own.
    remove_others(&run.join("metrics"), &metrics)?;
    artifacts(logs, end, &run.join("artifacts"))?;
    let meta = run_meta(logs, end.is_some(), [&experiment, &run_id], &run);
    write::file(&run.join("meta.yaml"), meta.as_bytes())
}

/// The same for every run of a data set, so that stores can be put together.
fn experiment_id(name: &str) -> String {
    let hash = Sha256::digest(name);
    let number = hash.iter().take(8).fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
    format!("{:018}", number % 10_u64.pow(18))
}

/// That of the run that is there, so that a copy of the folder stays that run; else one of what the run is.
fn run_id(logs: &Logs, experiment: &Path) -> String {
    let is_id =
        |name: &String| name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut names =
        entries(experiment).into_iter().filter_map(|entry| entry.file_name().into_string().ok());
    names.rfind(is_id).unwrap_or_else(|| {
        let mut hash = Sha256::new();
        hash.update(logs.milliseconds(0.0).to_le_bytes());
        for (key, value) in &logs.run.settings {
            [key, value].iter().for_each(|text| hash.update(format!("{text}\n")));
        }
        hash.update(&logs.run.name);
        hex(hash.finalize())[..32].to_owned()
    })
}

fn experiment_meta(logs: &Logs, id: &str, folder: &Path) -> String {
    let started = logs.milliseconds(0.0);
    yaml(&[
        ("artifact_location", quoted(&file_uri(folder))),
        ("creation_time", started.to_string()),
        ("experiment_id", quoted(id)),
        ("last_update_time", started.to_string()),
        ("lifecycle_stage", "active".into()),
        ("name", quoted(&logs.run.experiment)),
    ])
}

fn run_meta(logs: &Logs, is_done: bool, [experiment, id]: [&str; 2], folder: &Path) -> String {
    let ended = if is_done { logs.milliseconds(logs.seconds()).to_string() } else { "null".into() };
    let status = if is_done { FINISHED } else { RUNNING };
    yaml(&[
        ("artifact_uri", quoted(&file_uri(&folder.join("artifacts")))),
        ("end_time", ended),
        ("entry_point_name", "''".into()),
        ("experiment_id", quoted(experiment)),
        ("lifecycle_stage", "active".into()),
        ("run_id", quoted(id)),
        ("run_name", quoted(&logs.run.name)),
        ("run_uuid", quoted(id)),
        ("source_name", "longtail".into()),
        ("source_type", "4".into()),
        ("source_version", "''".into()),
        ("start_time", logs.milliseconds(0.0).to_string()),
        ("status", status.to_string()),
        ("tags", "[]".into()),
        ("user_id", "''".into()),
    ])
}

fn yaml(fields: &[(&str, String)]) -> String {
    fields.iter().map(|(key, value)| format!("{key}: {value}\n")).collect()
}

/// A text as YAML takes it: in quotes, and what acts on a terminal or is no character to YAML escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            other if acts(other) || matches!(other, '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(other));
            }
            plain => quoted.push(plain),
        }
    }
    quoted + "\""
}

/// Files of `metrics`: a line `MILLISECONDS VALUE STEP` for every epoch, and for the end.
fn metrics(logs: &Logs, end: Option<LoggedEnd<'_>>) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    // Two parts of a loss whose names MLflow cannot tell apart are told apart by number.
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    let mut line = |figure: &str, seconds: f64, value: f64, step: u64| {
        let mut name = clean(figure);
        while taken.get(&name).is_some_and(|other| other != figure) {
            name.push('_');
        }
        taken.insert(name.clone(), figure.to_owned());
        let time = logs.milliseconds(seconds);
        let file: &mut String = files.entry(name).or_default();
        let _ = writeln!(file, "{time} {} {step}", text(value));
    };
    for moment in &logs.moments {
        line("train/epoch", moment.seconds, moment.epoch as f64, moment.step);
        for (name, value) in &moment.figures {
            line(name, moment.seconds, *value, moment.step);
        }
    }
    if let Some(end) = end {
        for (name, value) in final_figures(&end) {
            line(&name, logs.seconds(), value, end.summary.steps);
        }
    }
    files
}

fn params(logs: &Logs) -> BTreeMap<String, String> {
    let settings = logs.run.settings.iter();
    settings.map(|(key, value)| (clean(key), cut(&printable(value), LONGEST[1]))).collect()
}

fn tags(logs: &Logs) -> BTreeMap<String, String> {
    [
        ("mlflow.runName", printable(&logs.run.name)),
        ("mlflow.source.name", "longtail".into()),
        ("mlflow.source.type", "LOCAL".into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// A name that MLflow takes on every system, and that is a path of two parts at most below the folder of its kind.
fn clean(name: &str) -> String {
    let clean = |part: &str| {
        let is_known = |char: char| char.is_ascii_alphanumeric() || "_-. ".contains(char);
        let part: String =
            part.chars().map(|char| if is_known(char) { char } else { '_' }).collect();
        if part.trim_matches('.').trim().is_empty() { format!("_{part}_") } else { part }
    };
    let whole = match name.split_once('/') {
        Some((group, name)) => format!("{}/{}", clean(group), clean(name)),
        None => clean(name),
    };
    cut(&whole, LONGEST[0] - 10)
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// Makes a folder hold these files; a name may have one folder before it.
fn files(folder: &Path, values: &BTreeMap<String, String>) -> Result<(), ReportError> {
    write::folder(folder)?;
    for group in values.keys().filter_map(|name| name.split_once('/')).map(|(group, _)| group) {
        write::folder(&folder.join(group))?;
    }
    for (name, value) in values {
        write::file(&folder.join(name), value.as_bytes())?;
    }
    Ok(())
}

/// Deletes what is in a folder of figures and none of these.
fn remove_others(folder: &Path, values: &BTreeMap<String, String>) -> Result<(), ReportError> {
    let known: Vec<PathBuf> = values.keys().map(|name| folder.join(name)).collect();
    let is_folder = |path: &PathBuf| path.is_dir() && !path.is_symlink();
    let (groups, loose): (Vec<_>, Vec<_>) =
        entries(folder).into_iter().map(|entry| entry.path()).partition(is_folder);
    let grouped = groups.iter().flat_map(|group| entries(group)).map(|entry| entry.path());
    for path in loose.into_iter().chain(grouped) {
        if !known.contains(&path) && !is_folder(&path) {
            write::remove(&path)?;
        }
    }
    Ok(())
}

/// The confusion picture and the files that go with the final figures; none of them before the end.
fn artifacts(logs: &Logs, end: Option<LoggedEnd<'_>>, folder: &Path) -> Result<(), ReportError> {
    write::folder(folder)?;
    let name = |path: &PathBuf| path.file_name().map(|name| folder.join(name));
    let picture = folder.join("confusion.png");
    let Some(end) = end else {
        let kept = logs.run.artifacts.iter().filter_map(name);
        return kept.chain([picture]).try_for_each(|path| write::remove(&path));
    };
    match end.scored.map(|scored| confusion::picture(scored, end.summary)) {
        Some(made) => write::file(&picture, &made?.png)?,
        None => write::remove(&picture)?,
    }
    for path in &logs.run.artifacts {
        let bytes = fs::read(path).map_err(ReportError::io("read", path))?;
        name(path).map_or(Ok(()), |to| write::file(&to, &bytes))?;
    }
    Ok(())
}

/// Where a folder is, as an address.
fn file_uri(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut uri = String::from("file://");
    let text = path.to_string_lossy().replace('\\', "/");
    if !text.starts_with('/') {
        uri.push('/');
    }
    for byte in text.bytes() {
        match byte {
            b'/' | b':' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            byte => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}
