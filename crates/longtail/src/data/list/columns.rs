//! What the columns of a table are, told by its header.

use std::path::Path;

use csv::StringRecord;

use super::{cut, labels::number, list_error};
use crate::data::{DataError, folder::PartName, names::listed};

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
/// What a column of the parts' names may be called.
pub(in crate::data) const PARTS: [&str; 5] = ["split", "subset", "set", "part", "partition"];
/// What a column may be called that says of one part whether a row belongs to it.
const FLAGS: [(&str, PartName); 8] = [
    ("istrain", PartName::Train),
    ("istraining", PartName::Train),
    ("istrainingimage", PartName::Train),
    ("isvalid", PartName::Val),
    ("isval", PartName::Val),
    ("isvalidation", PartName::Val),
    ("istest", PartName::Test),
    ("istesting", PartName::Test),
];

/// Which column holds what.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Columns {
    pub path: usize,
    pub label: usize,
    /// Other columns that may name the classes, the likeliest first.
    others: Vec<usize>,
    /// Whether the first of them is called a column of names.
    is_named_so: bool,
    parts: Vec<PartColumn>,
    /// The header as it is written; empty without one.
    header: Vec<String>,
}

/// A column that says which part a row belongs to.
#[derive(Debug, Clone, PartialEq)]
struct PartColumn {
    index: usize,
    /// What a true value means; `None` where the column holds the parts' names.
    flag: Option<PartName>,
}

/// The column of class names beside numbered labels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NameColumn {
    pub index: usize,
    /// Whether it is called so, and not only looks so.
    pub is_named_so: bool,
}

impl Columns {
    /// Of a table of two columns without a header.
    pub fn pair() -> Self {
        let (others, parts, header) = (Vec::new(), Vec::new(), Vec::new());
        Self { path: 0, label: 1, others, is_named_so: false, parts, header }
    }

    /// The columns of a header; `None` if it is none.
    pub fn of(header: Vec<String>) -> Option<Self> {
        let plain = |name: &String| -> String {
            name.to_lowercase().chars().filter(|c| !matches!(c, ' ' | '_' | '-')).collect()
        };
        let plain: Vec<String> = header.iter().map(plain).collect();
        let place = |name: &str| plain.iter().position(|column| column == name);
        // The order of the known names decides, not that of the columns: "id,path" has its paths in the second.
        let find = |known: &[&str]| -> Vec<usize> {
            known.iter().filter_map(|name| place(name)).collect()
        };
        let path = *find(&PATHS).first()?;
        let names = find(&NAMES);
        let is_named_so = !names.is_empty();
        let labels = find(&LABELS).into_iter().filter(|&label| label != path);
        let label = labels.clone().next().or(names.first().copied())?;
        let others = names.into_iter().chain(labels).filter(|&other| other != label).collect();
        let by_name =
            find(&PARTS).into_iter().take(1).map(|index| PartColumn { index, flag: None });
        let by_flag = FLAGS
            .iter()
            .filter_map(|(name, part)| Some(PartColumn { index: place(name)?, flag: Some(*part) }));
        let parts = by_name.chain(by_flag).collect();
        Some(Self { path, label, others, is_named_so, parts, header })
    }

    /// The column that may name numbered classes, told by the first row: numbers are no names.
    pub fn names(&self, first: &StringRecord) -> Option<NameColumn> {
        let is_word = |index: &usize| {
            let value = first.get(*index).unwrap_or_default().trim();
            number(value).is_none()
        };
        let index = self.others.iter().copied().find(is_word)?;
        Some(NameColumn { index, is_named_so: self.is_named_so && index == self.others[0] })
    }

    /// The part that the columns put a row into; `None` where there is no such column.
    ///
    /// # Errors
    /// [`DataError::List`] for a value that says nothing, and for columns that contradict each other.
    pub fn part(
        &self,
        list: &Path,
        line: usize,
        row: &StringRecord,
    ) -> Result<Option<PartName>, DataError> {
        let (mut is, mut is_not) = (Vec::new(), Vec::new());
        for PartColumn { index, flag } in &self.parts {
            let value = row.get(*index).unwrap_or_default().trim();
            let name = &self.header[*index];
            match flag {
                None => is.push(part_named(value).ok_or_else(|| no_part(list, line, value))?),
                Some(part) => match truth(value, *part) {
                    Some(true) => is.push(*part),
                    Some(false) => is_not.push(*part),
                    None => {
                        let reason = format!(
                            "\"{}\" is neither true nor false (column {})",
                            cut(value),
                            cut(name)
                        );
                        return Err(list_error(list, line, &reason));
                    }
                },
            }
        }
        if self.parts.is_empty() {
            return Ok(None);
        }
        // What is not said to train tests, as in lists that have two parts.
        let order = [PartName::Train, PartName::Test, PartName::Val];
        let left = || order.into_iter().find(|part| !is_not.contains(part));
        let part = is.first().copied().or_else(left);
        match part {
            Some(part) if is.iter().all(|other| *other == part) && !is_not.contains(&part) => {
                Ok(Some(part))
            }
            _ => Err(self.contradict(list, line)),
        }
    }

    fn contradict(&self, list: &Path, line: usize) -> DataError {
        let names: Vec<&str> = self.parts.iter().map(|part| &*self.header[part.index]).collect();
        let reason = format!(
            "the columns {} contradict each other: correct the line, or keep one column",
            names.join(" and ")
        );
        list_error(list, line, &reason)
    }

    /// What a person should know of the columns: where some are not looked at, which are. `names` is the column
    /// that named the classes.
    pub fn notes(&self, list: &Path, names: Option<NameColumn>) -> Vec<String> {
        let shown = |index: usize| cut(&self.header[index]);
        let mut used = vec![(self.path, "images"), (self.label, "classes")];
        used.extend(names.map(|names| (names.index, "names of the classes")));
        used.extend(self.parts.iter().map(|part| (part.index, "parts")));
        let is_used = |index: usize| used.iter().any(|(used, _)| *used == index);
        // pandas writes its row numbers into a column without a name.
        let is_named = |name: &str| !name.is_empty() && !name.starts_with("Unnamed: ");
        let unused: Vec<String> = (0..self.header.len())
            .filter(|&index| !is_used(index) && is_named(&self.header[index]))
            .map(|index| format!("\"{}\"", shown(index)))
            .collect();
        let mut notes = Vec::new();
        if !unused.is_empty() {
            let used: Vec<String> = used
                .iter()
                .map(|(index, what)| format!("\"{}\" ({what})", shown(*index)))
                .collect();
            notes.push(format!(
                "of the columns of {}, {} are used; not looked at: {}",
                list.display(),
                used.join(", "),
                listed(&unused, super::NAMED)
            ));
        }
        if let [PartColumn { index, flag: Some(PartName::Train) }] = &self.parts[..] {
            notes.push(format!(
                "rows of {} whose \"{}\" is false are its test images; a column \"split\" says other parts",
                list.display(),
                shown(*index)
            ));
        }
        notes
    }
}

/// The part that a value of a column of parts names.
pub(in crate::data) fn part_named(value: &str) -> Option<PartName> {
    if value.eq_ignore_ascii_case("dev") { Some(PartName::Val) } else { PartName::of(value) }
}

fn no_part(list: &Path, line: usize, value: &str) -> DataError {
    let reason =
        format!("\"{}\" is no part: the column takes train, val (or valid) and test", cut(value));
    list_error(list, line, &reason)
}

/// Whether a value is true; pandas writes 1.0 where a column has gaps. A gap in a column of validation or test
/// images is false; in one of training images it says nothing.
fn truth(value: &str, part: PartName) -> Option<bool> {
    match value.to_lowercase().as_str() {
        "true" | "1" | "1.0" | "yes" => Some(true),
        "false" | "0" | "0.0" | "no" => Some(false),
        "" if part != PartName::Train => Some(false),
        _ => None,
    }
}
