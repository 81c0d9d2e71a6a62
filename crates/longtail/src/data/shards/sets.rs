//! Files that say how many there are of their kind, `NAME-00000-of-00003.parquet`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::data::{names::listed, walk::name_of};

/// Missing files that are named.
const NAMED: usize = 5;

/// What a numbered name says.
#[derive(Debug, PartialEq)]
struct Numbered<'a> {
    /// What stands before the number.
    before: &'a str,
    /// The number as it is written.
    number: &'a str,
    /// How many there are, as it is written.
    of: &'a str,
    ending: &'a str,
}

impl<'a> Numbered<'a> {
    fn of(name: &'a str) -> Option<Self> {
        let (start, rest) = name.rsplit_once("-of-")?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (of, rest) = rest.split_at(digits);
        let before = start.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let number = &start[before.len()..];
        let (_, ending) = rest.rsplit_once('.')?;
        (!number.is_empty() && !of.is_empty()).then_some(Self { before, number, of, ending })
    }
}

/// One sentence on files that are missing among `files`; `None` where all are there.
pub(super) fn missing(files: &[PathBuf]) -> Option<String> {
    let names: Vec<String> = files.iter().map(|path| name_of(path)).collect();
    let mut sets: BTreeMap<_, (BTreeSet<u64>, usize)> = BTreeMap::new();
    for (path, name) in files.iter().zip(&names) {
        let Some(Numbered { before, number, of, ending }) = Numbered::of(name) else { continue };
        let (Ok(at), Ok(count)) = (number.parse::<u64>(), of.parse::<u64>()) else { continue };
        let folder = path.parent().unwrap_or(Path::new(""));
        let set = sets.entry((folder, before, of, count, ending));
        set.or_insert((BTreeSet::new(), number.len())).0.insert(at);
    }
    let mut lacking = Vec::new();
    for ((_, before, of, count, ending), (there, width)) in sets {
        // Nobody has so many, and some count from 1.
        let from = u64::from(there.contains(&count) && !there.contains(&0));
        let numbers = (from..from + count.min(1_000_000)).filter(|number| !there.contains(number));
        lacking.extend(numbers.map(|number| format!("{before}{number:0width$}-of-{of}.{ending}")));
    }
    match &lacking[..] {
        [] => None,
        [one] => Some(format!("{one} is missing, and the others of its set are there")),
        _ => Some(format!(
            "{} files are missing, and others of their sets are there: {}",
            lacking.len(),
            listed(&lacking, NAMED)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(names: &[&str]) -> Option<String> {
        let files: Vec<_> = names.iter().map(|name| Path::new("data").join(name)).collect();
        missing(&files)
    }

    #[test]
    fn files_that_a_set_lacks_are_named() {
        let whole = ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"];
        assert_eq!(said(&whole), None);
        assert_eq!(said(&["a-1-of-2.tar", "a-2-of-2.tar"]), None, "counted from 1");
        assert_eq!(said(&["train.parquet", "x-of-y.tar", "000001.tar"]), None);
        // As hubs once named them.
        assert_eq!(
            said(&["train-00000-of-00002-8f3b.parquet", "train-00001-of-00002-07aa.parquet"]),
            None
        );
        let one = said(&[whole[0], "test-00000-of-00001.parquet"]).unwrap();
        assert!(one.starts_with("train-00001-of-00002.parquet is missing"), "{one}");
        let more = said(&[whole[1], "val-00002-of-00003.tar"]).unwrap();
        assert!(
            more.contains("3 files are missing") && more.contains("val-00001-of-00003.tar"),
            "{more}"
        );
    }
}
