//! What the labels of a list mean.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
};

use super::{Entry, cut, list_error};
use crate::data::DataError;

/// Labels as written, each with its class.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    /// Class of every label as it is written, or as the number that it is.
    classes: HashMap<String, u32>,
    /// Whether labels are numbers.
    numbers: bool,
    /// Class names by label.
    pub names: Vec<String>,
    /// Whether the names are those of the list's column of names.
    pub from_column: bool,
    /// What a person should know of the mapping, one sentence each.
    pub notes: Vec<String>,
}

impl Labels {
    /// The labels of a training list: numbers from 0, or names. Numbers that do not start at 0 or have gaps are
    /// taken where the classes have names besides, from a column or from their images' folders. `is_named_so`: whether
    /// the column of names is called so, and must not contradict itself.
    ///
    /// # Errors
    /// [`DataError::List`] for labels that are missing, mix numbers and names, leave gaps, or have two names.
    pub fn of(list: &Path, train: &[Entry], is_named_so: bool) -> Result<Self, DataError> {
        train.iter().try_for_each(|entry| has_label(list, entry))?;
        let is_number = |entry: &Entry| entry.label.parse::<f64>().is_ok_and(f64::is_finite);
        match train.iter().all(|entry| number(&entry.label).is_some()) {
            true if has_leading_zeros(train) => Ok(Self::of_words(train)),
            true => Self::of_numbers(list, train, is_named_so),
            false if train.iter().any(is_number) => Err(no_number(list, train)),
            false => Ok(Self::of_words(train)),
        }
    }

    /// Names, also where they look like numbers, in their order.
    pub(in crate::data) fn of_words(train: &[Entry]) -> Self {
        let words: BTreeMap<&str, ()> = train.iter().map(|e| (e.label.as_str(), ())).collect();
        let names: Vec<String> = words.into_keys().map(str::to_owned).collect();
        let classes = names.iter().cloned().zip(0..).collect();
        Self { classes, numbers: false, names, from_column: false, notes: Vec::new() }
    }

    fn of_numbers(list: &Path, train: &[Entry], is_named_so: bool) -> Result<Self, DataError> {
        let mut members: BTreeMap<u64, Vec<&Entry>> = BTreeMap::new();
        for entry in train {
            members.entry(number(&entry.label).unwrap_or_default()).or_default().push(entry);
        }
        let known: Vec<u64> = members.keys().copied().collect();
        let gap = known.iter().zip(0..).find(|(known, expected)| **known != *expected);
        let mut notes = Vec::new();
        if is_named_so {
            members.values().try_for_each(|entries| one_name(list, entries))?;
            notes.extend(shared_name(list, &members));
        }
        let given = one_to_one(&members, given_name);
        let from_column = given.is_some();
        let names = given.or_else(|| one_to_one(&members, folder_name));
        let last = known.last().copied().unwrap_or_default();
        if let (Some((_, gap)), None) = (gap, &names) {
            let reason = format!(
                "no image has label {gap}, though labels go up to {last}: number the classes from 0 without gaps, \
                 or give names instead of numbers"
            );
            return Err(list_error(list, 1, &reason));
        }
        notes.extend(gap.map(|_| {
            format!(
                "labels {} to {last} of {} are {} classes with numbers of their own, in the same order",
                known.first().copied().unwrap_or_default(),
                list.display(),
                known.len()
            )
        }));
        let numbered = || known.iter().map(u64::to_string).collect();
        let classes = known.iter().map(u64::to_string).zip(0..).collect();
        let names = names.unwrap_or_else(numbered);
        Ok(Self { classes, numbers: true, names, from_column, notes })
    }

    /// The class of an entry of any list.
    ///
    /// # Errors
    /// [`DataError::List`] for a label that the training list lacks.
    pub fn class(&self, list: &Path, entry: &Entry) -> Result<u32, DataError> {
        has_label(list, entry)?;
        let written = match self.numbers {
            true => number(&entry.label).map(|number| number.to_string()),
            false => Some(entry.label.clone()),
        };
        let class = written.and_then(|label| self.classes.get(&label).copied());
        class.ok_or_else(|| {
            let reason = match self.numbers {
                true => format!(
                    "label \"{}\" is out of range: the training images have labels {}",
                    cut(&entry.label),
                    self.range()
                ),
                false => format!("no training image has the class \"{}\"", cut(&entry.label)),
            };
            list_error(list, entry.line, &reason)
        })
    }

    fn range(&self) -> String {
        let numbers = || self.classes.keys().filter_map(|label| label.parse::<u64>().ok());
        let (first, last) = (numbers().min().unwrap_or(0), numbers().max().unwrap_or(0));
        format!("{first} to {last}")
    }
}

/// The whole number that a label is; pandas writes 3 as 3.0 where a column has gaps.
pub(in crate::data) fn number(label: &str) -> Option<u64> {
    let whole = label.strip_suffix(".0").unwrap_or(label);
    whole.bytes().all(|byte| byte.is_ascii_digit()).then(|| whole.parse().ok())?
}

/// Whether labels are written as `01`, which is not `1`.
fn has_leading_zeros(train: &[Entry]) -> bool {
    train.iter().any(|entry| {
        entry.label.len() > 1 && entry.label.starts_with('0') && !entry.label.starts_with("0.")
    })
}

fn no_number(list: &Path, train: &[Entry]) -> DataError {
    let odd = train.iter().find(|entry| number(&entry.label).is_none());
    let (line, label) = odd.map_or((1, ""), |entry| (entry.line, entry.label.as_str()));
    let label = cut(label);
    list_error(list, line, &format!("label \"{label}\" is no number from 0, as others are"))
}

/// Refuses an entry whose label is missing.
fn has_label(list: &Path, entry: &Entry) -> Result<(), DataError> {
    let reason = match entry.label.to_lowercase().as_str() {
        "" => format!("{} has no label: give it one, or remove the line", cut(&entry.path)),
        "nan" | "<na>" | "#n/a" => format!(
            "{} has the label {}, which programs write for a missing one: give it a label or remove the line (a \
             class that is called so needs another name)",
            cut(&entry.path),
            entry.label
        ),
        _ => return Ok(()),
    };
    Err(list_error(list, entry.line, &reason))
}

/// Refuses entries of one label to which the column of names gives two names.
fn one_name(list: &Path, entries: &[&Entry]) -> Result<(), DataError> {
    let mut named = entries.iter().filter_map(|entry| Some((given_name(entry)?, entry)));
    let Some((first, before)) = named.next() else { return Ok(()) };
    match named.find(|(name, _)| *name != first) {
        None => Ok(()),
        Some((name, entry)) => {
            let reason = format!(
                "label {} is named \"{}\" here and \"{}\" in line {}: correct one of them",
                entry.label,
                cut(&name),
                cut(&first),
                before.line
            );
            Err(list_error(list, entry.line, &reason))
        }
    }
}

/// What to know where the column of names gives one name to two labels.
fn shared_name(list: &Path, members: &BTreeMap<u64, Vec<&Entry>>) -> Option<String> {
    let mut first = HashMap::new();
    let of_class = |entries: &Vec<&Entry>| entries.iter().find_map(|entry| given_name(entry));
    members.iter().find_map(|(label, entries)| {
        let name = of_class(entries)?;
        let before = *first.entry(name.clone()).or_insert(*label);
        (before != *label).then(|| {
            format!(
                "labels {before} and {label} of {} have the same name, \"{}\": the column of names names no class",
                list.display(),
                cut(&name)
            )
        })
    })
}

/// The name that a column gives, which is no number.
fn given_name(entry: &Entry) -> Option<String> {
    entry.class_name.clone().filter(|name| !name.is_empty() && number(name).is_none())
}

/// The folder of an entry's image.
fn folder_name(entry: &Entry) -> Option<String> {
    let folder = Path::new(&entry.path).parent().and_then(Path::file_name);
    folder.map(|folder| folder.to_string_lossy().into_owned())
}

/// A name for every class from those of its entries; `None` unless they are one to one.
fn one_to_one(
    members: &BTreeMap<u64, Vec<&Entry>>,
    name: impl Fn(&Entry) -> Option<String>,
) -> Option<Vec<String>> {
    let of_class = |entries: &Vec<&Entry>| {
        let first = name(entries.first()?)?;
        entries.iter().all(|entry| name(entry).as_ref() == Some(&first)).then_some(first)
    };
    let names: Vec<String> = members.values().map(of_class).collect::<Option<_>>()?;
    (names.iter().collect::<HashSet<_>>().len() == names.len()).then_some(names)
}
