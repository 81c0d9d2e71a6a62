//! Tables that number their classes, each in an order of its own: a label means the class that its own table calls so.

use std::{collections::HashMap, path::Path};

use super::{Found, Read, fault};
use crate::data::{
    DataError, list,
    names::{listed, text_of},
};

/// Tables that are named in one sentence.
const NAMED: usize = 5;

/// Gives the labels of tables that name their classes in another order the numbers of the first one that names some, and
/// those of files that name none its names, with sentences that say of which.
///
/// # Errors
/// [`DataError::Shard`] for a label that such a table does not name, and for a file without names where the orders differ.
pub(super) fn unite(parts: [&mut Vec<Read>; 3]) -> Result<Vec<String>, DataError> {
    let reads = parts.iter().flat_map(|part| part.iter());
    let mut named = reads.filter_map(|read| Some((&read.path, read.class_names.as_ref()?)));
    let Some((first, names)) = named.next() else { return Ok(Vec::new()) };
    let mut numbers = Numbers::of(names.clone());
    let other = named.find(|(_, names)| !numbers.agree(names)).map(|(path, _)| path.clone());
    let first = first.clone();
    let (mut turned, mut unnamed) = (Vec::new(), Vec::new());
    for Read { path, class_names, found } in parts.into_iter().flatten() {
        match class_names {
            Some(names) if numbers.agree(names) => numbers.add(names),
            Some(_) => {
                by_name(path, found, &first, &mut numbers)?;
                turned.push(text_of(path));
            }
            None if found.iter().any(is_numbered) => {
                if let Some(other) = &other {
                    return Err(without_names(path, &first, other));
                }
                for image in found.iter_mut().filter(|image| is_numbered(image)) {
                    image.class_name = numbers.name(&image.label);
                }
                unnamed.push(text_of(path));
            }
            None => {}
        }
    }
    Ok(said(&first, turned, unnamed))
}

/// Whether an image has a number as its label, and no name.
fn is_numbered(image: &Found) -> bool {
    !image.by_folder && image.class_name.is_none() && list::is_number(&image.label)
}

/// Gives the labels of one table their numbers in another.
fn by_name(
    path: &Path,
    found: &mut [Found],
    first: &Path,
    numbers: &mut Numbers,
) -> Result<(), DataError> {
    for image in found.iter_mut().filter(|image| list::is_number(&image.label)) {
        let Some(name) = &image.class_name else {
            let reason = format!(
                "it names classes in another order than {}, and none for label {} ({}): write its names anew",
                text_of(first),
                list::cut(&image.label),
                image.name
            );
            return Err(fault(path, reason));
        };
        image.label = numbers.number(name).to_string();
    }
    Ok(())
}

fn without_names(path: &Path, first: &Path, other: &Path) -> DataError {
    let reason = format!(
        "it does not say which classes its numbers mean, and {} and {} number theirs in different orders: write it with \
         their names, or with names as labels",
        text_of(first),
        text_of(other)
    );
    fault(path, reason)
}

fn said(first: &Path, mut turned: Vec<String>, mut unnamed: Vec<String>) -> Vec<String> {
    // A file of which a column says the parts is read once for each.
    for files in [&mut turned, &mut unnamed] {
        files.sort();
        files.dedup();
    }
    let first = text_of(first);
    let turned = (!turned.is_empty()).then(|| {
        format!(
            "classes are numbered as in {first}; labels of {} are taken by their names, which stand there in another order",
            listed(&turned, NAMED)
        )
    });
    let unnamed = (!unnamed.is_empty()).then(|| {
        let files = listed(&unnamed, NAMED);
        format!("{files} names no classes: labels are taken to mean what {first} calls them")
    });
    turned.into_iter().chain(unnamed).collect()
}

/// What the first table calls its classes, and those that others add.
struct Numbers {
    names: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl Numbers {
    fn of(names: Vec<String>) -> Self {
        let mut numbers = HashMap::new();
        for (number, name) in names.iter().enumerate() {
            numbers.entry(name.clone()).or_insert(number);
        }
        Self { names, numbers }
    }

    /// Whether every number means the same class, as far as both name it.
    fn agree(&self, names: &[String]) -> bool {
        names.iter().zip(&self.names).all(|(a, b)| a == b)
    }

    /// Takes over names behind the last one.
    fn add(&mut self, names: &[String]) {
        for name in names.iter().skip(self.names.len()) {
            self.numbers.entry(name.clone()).or_insert(self.names.len());
            self.names.push(name.clone());
        }
    }

    /// What a number means.
    fn name(&self, number: &str) -> Option<String> {
        self.names.get(number.parse::<usize>().ok()?).cloned()
    }

    /// The number of a class; a new one comes behind all.
    fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.names.len();
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::catalog::{Located, Place};

    /// A table with images of these labels.
    fn read(path: &str, names: &[&str], labels: &[usize]) -> Read {
        let found = labels.iter().map(|&label| Found {
            place: Place::At(Located::Held(Arc::from([]))),
            name: format!("{label}.png"),
            label: label.to_string(),
            by_folder: false,
            class_name: names.get(label).map(|name| (*name).into()),
            part: None,
        });
        let class_names =
            (!names.is_empty()).then(|| names.iter().map(|name| (*name).into()).collect());
        Read { path: path.into(), class_names, found: found.collect() }
    }

    /// Labels with their names, and what is said.
    fn united(tables: &[(&str, &[&str], &[usize])]) -> Result<(Vec<Vec<String>>, String), String> {
        let mut train: Vec<Read> =
            tables.iter().map(|(path, names, labels)| read(path, names, labels)).collect();
        let mut test = train.split_off(1);
        let notes = unite([&mut train, &mut Vec::new(), &mut test]);
        let notes = notes.map_err(|error| error.to_string())?;
        let shown = |Found { label, class_name, .. }: Found| {
            label + &class_name.map_or(String::new(), |name| format!(" {name}"))
        };
        let labels = |read: Read| read.found.into_iter().map(shown).collect();
        Ok((train.into_iter().chain(test).map(labels).collect(), notes.join("\n")))
    }

    #[test]
    fn labels_are_taken_by_the_names_of_their_own_table() {
        let (labels, said) = united(&[
            ("a.parquet", &["ant", "bee", "cat"], &[0, 1, 2]),
            ("b.parquet", &["cat", "bee", "ant"], &[0, 1, 2]),
            ("c.parquet", &["dog", "ant"], &[0, 1, 0]),
        ])
        .unwrap();
        let expected = [
            vec!["0 ant", "1 bee", "2 cat"],
            vec!["2 cat", "1 bee", "0 ant"],
            vec!["3 dog", "0 ant", "3 dog"],
        ];
        assert_eq!(labels, expected);
        assert!(
            said.contains("as in a.parquet") && said.contains("b.parquet, c.parquet"),
            "{said}"
        );
    }

    #[test]
    fn tables_that_agree_keep_their_numbers_and_may_name_more() {
        let agreeing: [(&str, &[&str], &[usize]); 3] = [
            ("a.parquet", &["ant", "bee"], &[0, 1]),
            ("b.parquet", &["ant"], &[0]),
            ("c.parquet", &["ant", "bee", "cat"], &[2]),
        ];
        let labels =
            vec![vec!["0 ant".into(), "1 bee".into()], vec!["0 ant".into()], vec!["2 cat".into()]];
        assert_eq!(united(&agreeing), Ok((labels, String::new())));
    }

    #[test]
    fn what_names_no_classes_is_taken_by_the_names_of_the_others_unless_they_differ() {
        let (labels, said) = united(&[
            ("a.parquet", &[], &[1, 0]),
            ("b.parquet", &["ant", "bee"], &[0, 1]),
            ("c.parquet", &[], &[1, 2]),
        ])
        .unwrap();
        assert_eq!(labels, [vec!["1 bee", "0 ant"], vec!["0 ant", "1 bee"], vec!["1 bee", "2"]]);
        assert!(said.contains("a.parquet, c.parquet names no classes"), "{said}");
        assert!(said.contains("what b.parquet calls them"), "{said}");
        let said = united(&[
            ("a.parquet", &["ant", "bee"], &[0, 1]),
            ("b.parquet", &[], &[0]),
            ("c.parquet", &["bee", "ant"], &[1]),
        ])
        .unwrap_err();
        assert!(
            said.contains("b.parquet") && said.contains("a.parquet and c.parquet number"),
            "{said}"
        );
        let none: [(&str, &[&str], &[usize]); 2] = [("a.tar", &[], &[0]), ("b.tar", &[], &[1])];
        assert_eq!(united(&none), Ok((vec![vec!["0".into()], vec!["1".into()]], String::new())));
    }

    #[test]
    fn a_label_without_a_name_is_refused_where_the_order_is_another() {
        let said = united(&[
            ("a.parquet", &["ant", "bee"], &[0, 1]),
            ("b.parquet", &["bee", "ant"], &[2]),
        ])
        .unwrap_err();
        assert!(said.contains("b.parquet") && said.contains("none for label 2 (2.png)"), "{said}");
    }
}
