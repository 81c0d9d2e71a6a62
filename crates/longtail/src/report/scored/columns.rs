//! The columns of a table of predictions, of which each format makes its own.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{ScoredImages, ScoredOptions};
use crate::{
    eval::{Rows, Softmax},
    report::predictions::guarded,
};

/// A column with what it holds in each row.
pub(super) struct Column<'a> {
    pub name: String,
    pub values: Values<'a>,
}

/// Values of one type by row.
pub(super) enum Values<'a> {
    Whole(Box<dyn Fn(usize) -> u32 + 'a>),
    Text(Box<dyn Fn(usize) -> &'a str + 'a>),
    Double(Box<dyn Fn(usize) -> f64 + 'a>),
    Single(Box<dyn Fn(usize) -> f32 + 'a>),
}

/// One value; `None` where it is no number.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Field<'a> {
    Whole(u32),
    Text(Cow<'a, str>),
    Double(Option<f64>),
    Single(Option<f32>),
}

impl Field<'_> {
    /// The same, and a text no formula.
    pub fn guarded(self) -> Self {
        match self {
            Self::Text(text) => Self::Text(guarded(&text).into()),
            other => other,
        }
    }
}

impl<'a> Column<'a> {
    pub fn new(name: impl Into<String>, values: Values<'a>) -> Self {
        Self { name: name.into(), values }
    }

    pub fn field(&self, row: usize) -> Field<'a> {
        match &self.values {
            Values::Whole(of) => Field::Whole(of(row)),
            Values::Text(of) => Field::Text(of(row).into()),
            Values::Double(of) => Field::Double(Some(of(row)).filter(|value| !value.is_nan())),
            Values::Single(of) => Field::Single(Some(of(row)).filter(|value| !value.is_nan())),
        }
    }
}

/// A row as an object by the columns' names, in their order.
pub(super) struct Object<'a, 'b> {
    pub columns: &'a [Column<'b>],
    pub row: usize,
}

impl Serialize for Object<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for column in self.columns {
            map.serialize_entry(&column.name, &column.field(self.row))?;
        }
        map.end()
    }
}

impl ScoredImages {
    pub(super) fn columns(&self, options: ScoredOptions) -> Vec<Column<'_>> {
        let predictions = self.outputs.predictions();
        let mut columns = vec![
            Column::new("index", Values::Whole(Box::new(|row| self.indices[row]))),
            Column::new("path", Values::Text(Box::new(|row| &self.paths[row]))),
        ];
        columns.extend(self.classes("label", self.outputs.labels.clone()));
        columns.extend(self.classes("prediction", predictions));
        columns.extend(probabilities(&self.outputs.logits));
        if options.features {
            columns.extend(singles("feature", &self.outputs.features));
            let projections = self.outputs.projections.iter();
            columns.extend(projections.flat_map(|rows| singles("projection", rows)));
        }
        columns
    }

    /// One class of every image, by its name and by its index.
    fn classes(&self, name: &str, classes: Vec<u32>) -> [Column<'_>; 2] {
        let indices = classes.clone();
        let of = move |row: usize| self.class_names[classes[row] as usize].as_str();
        [
            Column::new(name, Values::Text(Box::new(of))),
            Column::new(format!("{name}_index"), Values::Whole(Box::new(move |row| indices[row]))),
        ]
    }
}

/// Softmax of every row, in f64, as the figures of calibration have it.
fn probabilities(logits: &Rows) -> impl Iterator<Item = Column<'_>> {
    let of_rows: std::rc::Rc<[Softmax]> = logits.iter().map(Softmax::of).collect();
    (0..logits.width()).map(move |class| {
        let of_rows = of_rows.clone();
        let of = move |row: usize| of_rows[row].probability(logits.row(row)[class]);
        Column::new(format!("p_{class}"), Values::Double(Box::new(of)))
    })
}

fn singles<'a>(name: &'a str, rows: &'a Rows) -> impl Iterator<Item = Column<'a>> {
    (0..rows.width()).map(move |at| {
        let of = move |row: usize| rows.row(row)[at];
        Column::new(format!("{name}_{at}"), Values::Single(Box::new(of)))
    })
}
