//! The columns of a file, told by its schema.

use std::sync::Arc;

use polars_parquet_format::{ConvertedType, FieldRepetitionType, LogicalType, SchemaElement, Type};

use super::faults::{damaged, shown};

/// Columns at most: more are no table of images.
const MOST_COLUMNS: usize = 10_000;
/// Structs within structs at most.
const DEEPEST: usize = 64;

/// A column of values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaf {
    /// Names from the outermost struct to the column.
    pub path: Vec<Arc<str>>,
    pub kind: Type,
    /// What its values are.
    pub meaning: Meaning,
    /// How many of the structs around it, and it itself, may be null: a value is there at this level.
    pub level: u32,
    /// Whether a row has a list of values.
    pub is_list: bool,
    /// Its place among all columns.
    pub index: usize,
}

/// What values are, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Meaning {
    /// Whole numbers.
    Whole,
    /// Bytes of which nothing is said.
    Binary,
    /// Bytes that are text.
    Text,
    /// All else: dates, numbers with a fraction, yes or no.
    Other(&'static str),
}

impl Leaf {
    /// Its name for a sentence, as `image.bytes`; within a list that of the outermost.
    pub fn name(&self) -> String {
        match self.path.first() {
            Some(first) if self.is_list => shown(first),
            _ => shown(&self.path.join(".")),
        }
    }

    /// Its innermost name and that of the struct around it; within a list, the name of the outermost.
    pub fn last_names(&self) -> (&str, Option<&str>) {
        let kept = if self.is_list { 1 } else { self.path.len() };
        let mut names = self.path.iter().take(kept).rev().map(|name| &**name);
        (names.next().unwrap_or_default(), names.next())
    }

    /// What it holds, for a sentence.
    pub fn holds(&self) -> &'static str {
        match self.meaning {
            _ if self.is_list => "a list in each row",
            Meaning::Whole => "whole numbers",
            Meaning::Binary => "bytes",
            Meaning::Text => "text",
            Meaning::Other(what) => what,
        }
    }
}

/// A struct that is being gone through.
struct Open {
    children: i32,
    path: Vec<Arc<str>>,
    level: u32,
    is_list: bool,
}

/// All columns, in the order in which they lie in a group of rows.
pub(super) fn leaves(schema: &[SchemaElement]) -> Result<Vec<Leaf>, String> {
    let wrong = || damaged("its schema has no end");
    let (root, elements) = schema.split_first().ok_or_else(wrong)?;
    let children = root.num_children.unwrap_or(0);
    let mut open = vec![Open { children, path: Vec::new(), level: 0, is_list: false }];
    let mut leaves = Vec::new();
    for element in elements {
        while open.last().is_some_and(|parent| parent.children <= 0) {
            open.pop();
        }
        let parent = open.last_mut().ok_or_else(wrong)?;
        parent.children -= 1;
        let mut path = parent.path.clone();
        path.push(element.name.as_str().into());
        let repetition = element.repetition_type.unwrap_or(FieldRepetitionType::REQUIRED);
        let level = parent.level + u32::from(repetition != FieldRepetitionType::REQUIRED);
        let is_list = parent.is_list || repetition == FieldRepetitionType::REPEATED;
        let index = leaves.len();
        match (element.type_, element.num_children.unwrap_or(0)) {
            (Some(kind), _) => {
                let meaning = meaning(kind, element);
                leaves.push(Leaf { path, kind, meaning, level, is_list, index });
            }
            (None, children) => open.push(Open { children, path, level, is_list }),
        }
        if leaves.len() > MOST_COLUMNS || open.len() > DEEPEST {
            return Err(format!(
                "it has more than {MOST_COLUMNS} columns or {DEEPEST} structs in one another"
            ));
        }
    }
    if open.iter().any(|parent| parent.children > 0) {
        return Err(wrong());
    }
    Ok(leaves)
}

fn meaning(kind: Type, element: &SchemaElement) -> Meaning {
    let (converted, logical) = (element.converted_type, &element.logical_type);
    match kind {
        Type::INT32 | Type::INT64 => {
            let is_whole = match logical {
                Some(logical) => matches!(logical, LogicalType::INTEGER(_)),
                // From UINT_8 to INT_64.
                None => converted.is_none_or(|ConvertedType(number)| (11..=18).contains(&number)),
            };
            if is_whole { Meaning::Whole } else { Meaning::Other("dates, times or decimals") }
        }
        Type::BYTE_ARRAY => {
            let is_text = matches!(
                converted,
                Some(ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON)
            ) || matches!(
                logical,
                Some(LogicalType::STRING(_) | LogicalType::ENUM(_) | LogicalType::JSON(_))
            );
            if is_text { Meaning::Text } else { Meaning::Binary }
        }
        Type::BOOLEAN => Meaning::Other("yes or no"),
        Type::FLOAT | Type::DOUBLE => Meaning::Other("numbers with a fraction"),
        _ => Meaning::Other("bytes of a fixed length"),
    }
}
