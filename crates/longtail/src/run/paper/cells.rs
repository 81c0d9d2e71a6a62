//! Ours beside the paper's, cell by cell.

use serde::Serialize;

use super::{
    plan::{Reproduction, Source, Target, columns_of_rows, printed_of_row},
    read::{Read, SPACES, named},
    tables::{CHI, Column, OVERLAP},
};
use crate::{choice::choice, report::compare::Spread, run::queue::Job};

choice! {
    /// Where the paper's figure lies against ours.
    Stance {
        /// In the range of our seeds, or there is but one.
        Undecided = "undecided",
        /// Ours is above it, with all seeds.
        Above = "above",
        /// Ours is below it, with all seeds.
        Below = "below",
    }
}

/// Our figure over the seeds, in the paper's unit: percent for accuracies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ours {
    /// Over seeds.
    pub spread: Spread,
    /// How many there are.
    pub seeds: usize,
    /// The set that it was measured on in the place of the column's.
    pub stand_in: Option<String>,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// The recipe behind it.
    pub recipe: String,
    /// What the paper prints.
    pub paper: Option<String>,
    /// Ours.
    pub ours: Option<Ours>,
    /// Ours less the paper's; `None` of other images.
    pub difference: Option<f64>,
    /// What that says.
    pub stance: Option<Stance>,
    /// Why there is none of ours.
    pub missing: Option<String>,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FilledRow {
    /// What it is called.
    pub title: String,
    /// What is to be known of it.
    pub remark: String,
    /// A cell for every column.
    pub cells: Vec<Cell>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FilledColumn {
    /// What it is of, for people.
    pub title: String,
    /// The key of its figure.
    pub figure: String,
}

/// A table of the paper with ours beside it. Its JSON is a contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Filled {
    /// Its name.
    pub name: String,
    /// What it is.
    pub caption: String,
    /// How long our runs are.
    pub length: String,
    /// Whether that is as long as the paper's.
    pub is_whole: bool,
    /// The columns.
    pub columns: Vec<FilledColumn>,
    /// The rows.
    pub rows: Vec<FilledRow>,
}

impl Reproduction<'_> {
    /// The tables of the targets, of the runs that are finished. Rows that were named one by one are a table of their own,
    /// the last.
    pub fn tables(&self, targets: &[Target]) -> Vec<Filled> {
        let (mut filled, mut rows) = (Vec::new(), Vec::new());
        let read = Read::default();
        for target in targets {
            match target {
                Target::Table(table) => {
                    let caption = table.caption;
                    let rows = table.rows.iter().flat_map(|row| {
                        let recipes =
                            table.columns.iter().map(|c| format!("{}-{}", c.data, row.system));
                        let recipes = recipes.collect();
                        self.rows(&read, row.title, row.remark, recipes, table.columns, row.cells)
                    });
                    filled.push(self.table(table.name, caption, table.columns, rows.collect()));
                }
                Target::Row(recipe) => {
                    let columns = columns_of_rows();
                    let printed = columns.map(|column| printed_of_row(recipe, column.figure));
                    let recipes = vec![recipe.clone(); columns.len()];
                    rows.extend(self.rows(&read, recipe, "", recipes, &columns, &printed));
                }
                Target::Figure1 | Target::Figure3 => {}
            }
        }
        if !rows.is_empty() {
            filled.push(self.table("rows", "Rows by their recipes", &columns_of_rows(), rows));
        }
        filled
    }

    fn table(&self, name: &str, caption: &str, columns: &[Column], rows: Vec<FilledRow>) -> Filled {
        let column = |column: &Column| {
            let figure = named(column.figure);
            let title = match column.data {
                "" => figure,
                _ => format!("{}: {figure}", column.title()),
            };
            FilledColumn { title, figure: column.figure.to_owned() }
        };
        Filled {
            name: name.to_owned(),
            caption: caption.to_owned(),
            length: self.length(),
            is_whole: self.is_whole(),
            columns: columns.iter().map(column).collect(),
            rows,
        }
    }

    /// A row; of features one for every space.
    fn rows(
        &self,
        read: &Read,
        title: &str,
        remark: &str,
        recipes: Vec<String>,
        columns: &[Column],
        printed: &[&str],
    ) -> Vec<FilledRow> {
        let is_of_features = columns.iter().any(|column| column.figure == CHI);
        let spaces: Vec<Option<(&str, &str)>> =
            if is_of_features { SPACES.map(Some).into() } else { vec![None] };
        let row = |space: Option<(&str, &str)>| {
            let cells = recipes.iter().zip(columns).zip(printed);
            let cells = cells.map(|((recipe, column), printed)| {
                let space = space.map(|(key, _)| key);
                let recipe = (recipe.as_str(), column.data.is_empty());
                self.cell(read, recipe, column.figure, space, printed)
            });
            let title = space.map_or(title.to_owned(), |(_, name)| format!("{title}, {name}"));
            FilledRow { title, remark: remark.to_owned(), cells: cells.collect() }
        };
        spaces.into_iter().map(row).collect()
    }

    /// A cell; one of which the paper prints nothing is made where its recipe was named.
    fn cell(
        &self,
        read: &Read,
        (recipe, is_named): (&str, bool),
        figure: &str,
        space: Option<&str>,
        printed: &str,
    ) -> Cell {
        let paper = (printed != "-").then(|| printed.to_owned());
        let is_asked = paper.is_some() || figure == OVERLAP || is_named;
        let empty = Cell {
            recipe: recipe.to_owned(),
            paper,
            ours: None,
            difference: None,
            stance: None,
            missing: None,
        };
        if !is_asked {
            return empty;
        }
        match self.source(recipe) {
            Err(reason) => Cell { missing: Some(reason.to_string()), ..empty },
            Ok(source) => match ours(read, &source, figure, space) {
                Err(reason) => Cell { missing: Some(reason), ..empty },
                Ok(ours) => empty.with(ours),
            },
        }
    }
}

impl Cell {
    fn with(self, ours: Ours) -> Self {
        let paper = self.paper.as_ref().filter(|_| ours.stand_in.is_none());
        let paper = paper.and_then(|printed| Some((printed.parse::<f64>().ok()?, half(printed))));
        let difference = paper.map(|(paper, _)| ours.spread.mean - paper);
        let stance = paper.map(|(paper, half)| stance(&ours, paper, half));
        Self { difference, stance, ours: Some(ours), ..self }
    }
}

/// Half a unit of the last digit that is printed.
fn half(printed: &str) -> f64 {
    let digits = printed.split_once('.').map_or(0, |(_, digits)| digits.len());
    0.5 * 10_f64.powi(-(digits as i32))
}

fn stance(ours: &Ours, paper: f64, half: f64) -> Stance {
    let Spread { min, max, .. } = ours.spread;
    match ours.seeds {
        ..2 => Stance::Undecided,
        _ if min > paper + half => Stance::Above,
        _ if max < paper - half => Stance::Below,
        _ => Stance::Undecided,
    }
}

/// The figure over the runs of a source, which have to be finished.
fn ours(read: &Read, source: &Source, figure: &str, space: Option<&str>) -> Result<Ours, String> {
    let value = |job: &Job| match space {
        None => read.of_summary(job, figure),
        Some(space) => read.of_analysis(job, figure, space),
    };
    let values: Result<Vec<f64>, String> = source.jobs.iter().map(value).collect();
    let values = values?;
    let spread = Spread::of(&values).ok_or("there is no seed")?;
    Ok(Ours { spread, seeds: values.len(), stand_in: source.stand_in.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(values: &[f64], stand_in: Option<&str>) -> Cell {
        let empty = Cell {
            recipe: "a".into(),
            paper: Some("86.0".into()),
            ours: None,
            difference: None,
            stance: None,
            missing: None,
        };
        let spread = Spread::of(values).unwrap();
        empty.with(Ours { spread, seeds: values.len(), stand_in: stand_in.map(Into::into) })
    }

    #[test]
    fn what_the_seeds_range_holds_is_undecided_and_so_is_one_seed() {
        for (values, stance) in [
            (&[85.9, 86.3][..], Stance::Undecided),
            // 86.04 is printed as 86.0.
            (&[86.04, 86.5], Stance::Undecided),
            (&[86.2, 86.5], Stance::Above),
            (&[84.0, 85.9], Stance::Below),
            (&[70.0], Stance::Undecided),
        ] {
            assert_eq!(cell(values, None).stance, Some(stance), "{values:?}");
        }
        assert!((cell(&[85.0, 86.0], None).difference.unwrap() + 0.5).abs() < 1e-9);
        let other = cell(&[40.0, 41.0], Some("tiny"));
        assert_eq!((other.difference, other.stance), (None, None), "other images decide nothing");
    }
}
