//! Tables that number their classes, each in an order of its own: a label means the class that its own table calls so.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use super::{Read, fault};
use crate::data::{
    DataError, list,
    names::{listed, text_of},
};

/// Tables that are named in one sentence.
const NAMED: usize = 5;

/// Gives the labels of tables that name their classes in another order the numbers of the first one, with a sentence that
/// says of which; `names_of` are the classes that a table names.
///
/// # Errors
/// [`DataError::Shard`] for a label that such a table does not name.
pub(super) fn unite(
    parts: [&mut Vec<Read>; 3],
    names_of: impl Fn(&Path) -> Result<Option<Vec<String>>, DataError>,
) -> Result<Option<String>, DataError> {
    let mut first: Option<(PathBuf, Numbers)> = None;
    let mut others = Vec::new();
    for (path, found) in parts.into_iter().flatten() {
        let Some(names) = names_of(path)? else { continue };
        let Some((first, numbers)) = &mut first else {
            first = Some((path.clone(), Numbers::of(names)));
            continue;
        };
        if numbers.agree(&names) {
            continue;
        }
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
        others.push(text_of(path));
    }
    Ok(first.filter(|_| !others.is_empty()).map(|(first, _)| {
        format!(
            "classes are numbered as in {}; labels of {} are taken by their names, which stand there in another order",
            text_of(&first),
            listed(&others, NAMED)
        )
    }))
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

    /// Whether every number means the same class; a table may name fewer.
    fn agree(&self, names: &[String]) -> bool {
        names.len() <= self.names.len() && names.iter().zip(&self.names).all(|(a, b)| a == b)
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
    use crate::data::{
        catalog::{Located, Place},
        shards::Found,
    };

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
        (path.into(), found.collect())
    }

    fn united(
        tables: &[(&str, &[&str], &[usize])],
    ) -> Result<(Vec<Vec<String>>, Option<String>), String> {
        let mut train: Vec<Read> =
            tables.iter().map(|(path, names, labels)| read(path, names, labels)).collect();
        let mut test = train.split_off(1);
        let names_of = |path: &Path| {
            let (_, names, _) = tables.iter().find(|(own, ..)| Path::new(own) == path).unwrap();
            Ok((!names.is_empty()).then(|| names.iter().map(|name| (*name).into()).collect()))
        };
        let note = unite([&mut train, &mut Vec::new(), &mut test], names_of);
        let note = note.map_err(|error| error.to_string())?;
        let labels = |(_, found): Read| found.into_iter().map(|found| found.label).collect();
        Ok((train.into_iter().chain(test).map(labels).collect(), note))
    }

    #[test]
    fn labels_are_taken_by_the_names_of_their_own_table() {
        let (labels, note) = united(&[
            ("a.parquet", &["ant", "bee", "cat"], &[0, 1, 2]),
            ("b.parquet", &["cat", "bee", "ant"], &[0, 1, 2]),
            ("c.parquet", &["dog", "ant"], &[0, 1, 0]),
        ])
        .unwrap();
        assert_eq!(labels, [vec!["0", "1", "2"], vec!["2", "1", "0"], vec!["3", "0", "3"]]);
        let note = note.unwrap();
        assert!(
            note.contains("as in a.parquet") && note.contains("b.parquet, c.parquet"),
            "{note}"
        );
    }

    #[test]
    fn tables_that_agree_or_say_nothing_keep_their_numbers() {
        let agreeing: [(&str, &[&str], &[usize]); 3] = [
            ("a.parquet", &["ant", "bee"], &[0, 1]),
            ("b.parquet", &["ant"], &[0]),
            ("c.parquet", &[], &[1]),
        ];
        let (labels, note) = united(&agreeing).unwrap();
        assert_eq!(
            (labels, note),
            (vec![vec!["0".into(), "1".into()], vec!["0".into()], vec!["1".into()]], None)
        );
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
