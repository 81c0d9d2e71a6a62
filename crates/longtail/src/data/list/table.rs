//! The text of a list: lines, or a table with or without a header.

use std::{
    borrow::Cow,
    path::{Component, Path},
};

use super::{
    super::{DataError, decode, folder::PartName},
    columns::{Columns, NameColumn},
    cut,
};

/// One image of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The image, as the list has it, without `./`.
    pub path: String,
    /// Its label, as the list has it.
    pub label: String,
    /// The name of its class, where the list has a column of its own for that.
    pub class_name: Option<String>,
    /// The part that the list puts it into.
    pub part: Option<PartName>,
    /// Line in the list, from 1.
    pub line: usize,
}

/// What a list holds.
#[derive(Debug, Default, PartialEq)]
pub struct Table {
    /// Its images, in order.
    pub entries: Vec<Entry>,
    /// Its columns, where it has more than lines.
    pub(super) columns: Option<Columns>,
    /// The column that the class names come from.
    pub(super) names: Option<NameColumn>,
}

/// What a list's text holds.
///
/// # Errors
/// [`DataError::List`] with the line and what is understood.
pub fn read(list: &Path, text: &str) -> Result<Table, DataError> {
    let text = text.trim_start_matches('\u{feff}');
    // Old Macs end lines with a carriage return alone.
    let text: &str = &if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    };
    let lines = || text.lines().filter(|line| !is_passed_over(line));
    let Some(first) = lines().next() else { return Ok(Table::default()) };
    if is_json(first) {
        let reason =
            "it is JSON, which is no list: write a table (CSV) with the columns path and label";
        return Err(super::list_error(list, 1, reason));
    }
    for separator in ['\t', ';', ','] {
        if let Some(columns) = Columns::of(fields(first, separator)) {
            return table(list, text, separator, columns, true);
        }
    }
    let of_pairs = |separator: char| {
        first.contains(separator)
            && lines().all(|line| fields(line, separator).len() == 2)
            && fields(first, separator)
                .first()
                .is_some_and(|path| decode::is_image_name(Path::new(path)))
    };
    match ['\t', ';', ','].into_iter().find(|&separator| of_pairs(separator)) {
        Some(separator) => table(list, text, separator, Columns::pair(), false),
        None => Ok(Table { entries: line_entries(list, text)?, columns: None, names: None }),
    }
}

fn is_json(line: &str) -> bool {
    let start: String = line.chars().filter(|c| !c.is_whitespace()).take(2).collect();
    matches!(&*start, "[" | "{" | "[{" | "{\"" | "[\"" | "[[")
}

fn is_passed_over(line: &str) -> bool {
    line.trim().is_empty() || line.trim_start().starts_with('#')
}

fn fields(line: &str, separator: char) -> Vec<String> {
    line.split(separator).map(|field| field.trim().trim_matches('"').trim().to_owned()).collect()
}

fn table(
    list: &Path,
    text: &str,
    separator: char,
    columns: Columns,
    has_header: bool,
) -> Result<Table, DataError> {
    if let Some(line) = open_quote(text, separator) {
        let reason = "a quote opens here and is not closed in this line: close it or remove it (a field may not \
                      span lines; a quote within a quoted field is written twice)";
        return Err(super::list_error(list, line, reason));
    }
    let (mut entries, mut names) = (Vec::new(), None);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator as u8)
        .has_headers(has_header)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    for record in reader.records() {
        let record = record.map_err(|error| wrong_record(list, &error))?;
        let line = record.position().map_or(1, |position| position.line() as usize);
        let field = |index: usize| record.get(index).unwrap_or_default().trim().to_owned();
        if entries.is_empty() {
            names = columns.names(&record);
        }
        entries.push(Entry {
            path: plain_path(&field(columns.path)),
            label: field(columns.label),
            class_name: names.map(|NameColumn { index, .. }| field(index)),
            part: columns.part(list, line, &record)?,
            line,
        });
    }
    Ok(Table { entries, columns: Some(columns), names })
}

/// The first line, from 1, with a quoted field that it does not close, read as the `csv` crate reads it.
fn open_quote(text: &str, separator: char) -> Option<usize> {
    let is_open = |line: &str| {
        let (mut is_quoted, mut is_start) = (false, true);
        let mut chars = line.chars().peekable();
        while let Some(char) = chars.next() {
            match char {
                '"' if is_quoted && chars.peek() == Some(&'"') => drop(chars.next()),
                '"' if is_quoted || is_start => is_quoted = !is_quoted,
                _ => {}
            }
            is_start = char == separator && !is_quoted;
        }
        is_quoted
    };
    let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.starts_with('#'));
    lines.find(|(line, _)| is_open(line)).map(|(_, line)| line)
}

/// What a CSV record lacks, in our own words where they are clearer.
fn wrong_record(list: &Path, error: &csv::Error) -> DataError {
    let line = error.position().map_or(1, |position| position.line() as usize);
    let reason = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!(
                "it has {len} columns, and the first line {expected_len}: quote fields that hold separators"
            )
        }
        _ => error.to_string(),
    };
    super::list_error(list, line, &reason)
}

fn line_entries(list: &Path, text: &str) -> Result<Vec<Entry>, DataError> {
    let mut entries = Vec::new();
    for (index, text) in text.lines().enumerate() {
        if is_passed_over(text) {
            continue;
        }
        let text = text.trim();
        let wrong = || super::list_error(list, index + 1, &not_understood(text));
        let (path, label) = text.rsplit_once(char::is_whitespace).ok_or_else(wrong)?;
        let path = path.trim_end();
        if has_more_columns(path) {
            return Err(wrong());
        }
        let (path, label) = (plain_path(path), label.to_owned());
        entries.push(Entry { path, label, class_name: None, part: None, line: index + 1 });
    }
    Ok(entries)
}

/// Whether a "path label" line has numbers between the two, as "path label width height" has.
fn has_more_columns(path: &str) -> bool {
    let is_image = |text: &str| decode::is_image_name(Path::new(text));
    !is_image(path) && path.split_whitespace().next().is_some_and(is_image)
}

fn not_understood(line: &str) -> String {
    format!(
        "\"{}\" is no \"path label\" line; a table (commas, semicolons or tabs) needs a header with a column \
         path (or file, filename, image, image_id) and a column label (or class, class_name, target), and may have \
         one named split",
        cut(line)
    )
}

/// A path without `.` in it: `./a.png` is `a.png`.
fn plain_path(path: &str) -> String {
    let is_here = |part: &Component| matches!(part, Component::CurDir);
    if !Path::new(path).components().any(|part| is_here(&part)) {
        return path.to_owned();
    }
    let parts = Path::new(path).components().filter(|part| !is_here(part));
    parts.collect::<std::path::PathBuf>().display().to_string()
}
