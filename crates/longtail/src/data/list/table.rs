//! The text of a list: lines, or a table with or without a header.

use std::path::{Component, Path};

use super::super::{DataError, decode, folder::PartName};

/// What the column of paths may be called; case, blanks, hyphens and underscores do not count.
const PATHS: [&str; 15] = [
    "path",
    "file",
    "filename",
    "filepath",
    "image",
    "imageid",
    "imagename",
    "imagepath",
    "imagefile",
    "img",
    "imgpath",
    "imgname",
    "name",
    "fname",
    "id",
];
/// What the column of labels may be called.
const LABELS: [&str; 12] = [
    "label",
    "labels",
    "class",
    "classlabel",
    "classid",
    "target",
    "category",
    "categoryid",
    "y",
    "species",
    "breed",
    "tag",
];
/// What a column of class names may be called.
const NAMES: [&str; 4] = ["classname", "labelname", "categoryname", "targetname"];
/// What the column of parts may be called.
const PARTS: [&str; 7] = ["split", "subset", "set", "part", "partition", "isvalid", "istest"];

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

/// Which column holds what.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Columns {
    path: usize,
    label: usize,
    name: Option<usize>,
    part: Option<usize>,
    /// What a true value of the column of parts means; `None` where it holds the parts' names.
    flag: Option<PartName>,
}

/// The entries of a list's text.
///
/// # Errors
/// [`DataError::List`] with the line and what is understood.
pub fn entries(list: &Path, text: &str) -> Result<Vec<Entry>, DataError> {
    let text = text.trim_start_matches('\u{feff}');
    let lines = || text.lines().filter(|line| !is_passed_over(line));
    let Some(first) = lines().next() else { return Ok(Vec::new()) };
    for separator in ['\t', ';', ','] {
        if let Some(columns) = columns(&fields(first, separator)) {
            return table(list, text, separator, columns, true);
        }
    }
    let pairs = Columns { path: 0, label: 1, name: None, part: None, flag: None };
    let of_pairs = |separator: char| {
        first.contains(separator)
            && lines().all(|line| fields(line, separator).len() == 2)
            && fields(first, separator)
                .first()
                .is_some_and(|path| decode::is_image_name(Path::new(path)))
    };
    match ['\t', ';', ','].into_iter().find(|&separator| of_pairs(separator)) {
        Some(separator) => table(list, text, separator, pairs, false),
        None => line_entries(list, text),
    }
}

fn is_passed_over(line: &str) -> bool {
    line.trim().is_empty() || line.trim_start().starts_with('#')
}

fn fields(line: &str, separator: char) -> Vec<String> {
    line.split(separator).map(|field| field.trim().trim_matches('"').trim().to_owned()).collect()
}

/// The columns of a header; `None` if it is none.
fn columns(header: &[String]) -> Option<Columns> {
    let plain = |name: &String| -> String {
        name.to_lowercase().chars().filter(|c| !matches!(c, ' ' | '_' | '-')).collect()
    };
    let header: Vec<String> = header.iter().map(plain).collect();
    // The order of the known names decides, not that of the columns: "id,path" has its paths in the second.
    let find = |known: &[&str]| known.iter().find_map(|name| header.iter().position(|h| h == name));
    let (path, name) = (find(&PATHS)?, find(&NAMES));
    let part = find(&PARTS);
    let flag = part.and_then(|part| match header[part].as_str() {
        "isvalid" => Some(PartName::Val),
        "istest" => Some(PartName::Test),
        _ => None,
    });
    let label = find(&LABELS).filter(|&label| label != path).or(name)?;
    let name = name.filter(|&name| name != label);
    Some(Columns { path, label, name, part, flag })
}

fn table(
    list: &Path,
    text: &str,
    separator: char,
    columns: Columns,
    has_header: bool,
) -> Result<Vec<Entry>, DataError> {
    let mut entries = Vec::new();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator as u8)
        .has_headers(has_header)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    for record in reader.records() {
        let record = record.map_err(|error| wrong_record(list, &error))?;
        let line = record.position().map_or(1, |position| position.line() as usize);
        let field = |index: usize| record.get(index).unwrap_or_default().trim().to_owned();
        let part =
            columns.part.map(|part| part_of(list, line, &field(part), columns.flag)).transpose()?;
        entries.push(Entry {
            path: plain_path(&field(columns.path)),
            label: field(columns.label),
            class_name: columns.name.map(field),
            part,
            line,
        });
    }
    Ok(entries)
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

fn part_of(
    list: &Path,
    line: usize,
    value: &str,
    flag: Option<PartName>,
) -> Result<PartName, DataError> {
    let known = match (flag, value.to_lowercase().as_str()) {
        (Some(part), "true" | "1" | "yes") => Some(part),
        (Some(_), "false" | "0" | "no" | "") => Some(PartName::Train),
        (Some(_), _) => None,
        (None, "dev") => Some(PartName::Val),
        (None, value) => PartName::of(value),
    };
    known.ok_or_else(|| {
        let reason = match flag {
            Some(_) => format!("\"{value}\" is neither true nor false"),
            None => {
                format!("\"{value}\" is no part: the column takes train, val (or valid) and test")
            }
        };
        super::list_error(list, line, &reason)
    })
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
    let shown: String = line.chars().take(60).collect();
    let more = if line.chars().count() > 60 { "…" } else { "" };
    format!(
        "\"{shown}{more}\" is no \"path label\" line; a table (commas, semicolons or tabs) needs a header with a column \
         path (or file, filename, image, image_id) and a column label (or class, class_name, target), and may have \
         one named split"
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
