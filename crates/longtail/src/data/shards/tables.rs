//! Images in Parquet files: their bytes stand in pages that are packed, so that they are held in memory, or unpacked once
//! into a folder for such files.

use std::path::Path;

use super::{Found, Kept, Read, fault};
use crate::{
    data::{
        DataError,
        catalog::{Located, Place},
        folder::PartName,
        list::part_named,
        names::text_of,
        parquet::{ImageTable, Label},
        walk::name_of,
    },
    regular,
};

/// Opens a table.
pub(super) fn open(path: &Path) -> Result<ImageTable, DataError> {
    if let Some(what) = regular::special_at(path) {
        return Err(fault(path, format!("it is {what}, and no file")));
    }
    ImageTable::open(path).map_err(|reason| fault(path, reason))
}

/// The images of the table at `path`, in its order. Those of a table that has only labels of -1, as hubs mark what they do
/// not tell, are none.
pub(super) fn read(path: &Path, kept: &Kept) -> Result<Read, DataError> {
    let table = open(path)?;
    let names = table.class_names().map(<[_]>::to_vec);
    let read = |found| Read { path: path.to_owned(), class_names: names, found };
    let labels = table.labels().map_err(|reason| fault(path, reason))?;
    if labels.iter().all(|label| *label == Label::Number(-1)) {
        return Ok(read(Vec::new()));
    }
    let places = match kept {
        Kept::InMemory => held(path, &table)?,
        Kept::Unpacked(folder) => folder.places(path, &table)?,
    };
    let class_names = table.class_names();
    let parts = parts(&table).map_err(|reason| fault(path, reason))?;
    let part = |row: usize| parts.get(row).copied();
    let found = places.into_iter().zip(labels).enumerate().map(|(row, ((name, place), label))| {
        let (label, class_name) = match label {
            Label::Text(text) => (text, None),
            Label::Number(number) => {
                let index = usize::try_from(number).ok();
                let name = class_names.zip(index).and_then(|(names, index)| names.get(index));
                (number.to_string(), name.cloned())
            }
        };
        Found { place, name, label, by_folder: false, class_name, part: part(row) }
    });
    Ok(read(found.collect()))
}

/// The part of every row; none where no column says that of all rows.
fn parts(table: &ImageTable) -> Result<Vec<PartName>, String> {
    let of = |text: Option<String>| text.and_then(|text| part_named(text.trim()));
    let parts: Option<Vec<PartName>> = table.parts()?.into_iter().map(of).collect();
    Ok(parts.unwrap_or_default())
}

/// Which columns are taken of the table at `path`.
pub(super) fn note(path: &Path) -> Option<String> {
    let table = open(path).ok()?;
    let (image, label) = table.column_names();
    let title = text_of(path);
    let parts = match table.part_column() {
        None => String::new(),
        Some(column) if parts(&table).is_ok_and(|parts| !parts.is_empty()) => {
            format!(", parts those of column {column}")
        }
        Some(column) => format!(
            "; column {column} is not looked at, for not all of its values are parts (train, val or validation, test)"
        ),
    };
    Some(format!(
        "images are those of column {image} of {title}, labels those of column {}{parts}",
        label?
    ))
}

/// What a row's image is called.
pub(super) fn called(file: &str, row: usize, path: Option<&str>) -> String {
    match path.filter(|path| !path.is_empty()) {
        Some(path) => path.to_owned(),
        None => format!("{file}#{row}"),
    }
}

fn held(path: &Path, table: &ImageTable) -> Result<Vec<(String, Place)>, DataError> {
    let (file, mut places) = (name_of(path), Vec::with_capacity(table.rows()));
    let read = table.for_each_image(|row, path, bytes| {
        places.push((called(&file, row, path), Place::At(Located::Held(bytes.into()))));
        Ok(())
    });
    read.map_err(|reason| fault(path, reason))?;
    Ok(places)
}
