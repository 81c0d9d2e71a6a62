//! The comparison for a terminal.

use unicode_width::UnicodeWidthStr;

use super::{
    Comparison, Row,
    figures::{MAIN, points},
};
use crate::{
    data::names::listed,
    report::text::{fitted, printable, wrapped},
};

/// Columns of a terminal.
const WIDTH: usize = 80;
/// Columns that the name of a row gets at most.
const NAME: usize = 26;
/// Between two columns.
const GAP: usize = 2;
/// Classes that are named as gaining or losing most, of each.
const EXTREMES: usize = 3;
/// Settings that are named.
const SETTINGS: usize = 6;

/// The comparison in lines of at most 80 columns: figures, what is decided of each row and why, and notes.
///
/// Columns that find no room beside the others stand in a table of their own below.
pub fn table(comparison: &Comparison) -> String {
    let mut text = String::new();
    if let Some(warning) = comparison.warning() {
        text += &wrapped(&format!("WARNING: {warning}"), WIDTH);
    }
    text += &wrapped(&comparison.caption(), WIDTH);
    text += &figures(comparison);
    for row in &comparison.rows {
        text += &decision(row, comparison);
    }
    for note in &comparison.notes {
        text += &wrapped(&printable(note), WIDTH);
    }
    text
}

/// A title and a text for every row.
pub(in crate::report) type Column = (String, Vec<String>);

fn figures(comparison: &Comparison) -> String {
    let names: Vec<_> = comparison.rows.iter().map(|row| printable(&row.name)).collect();
    let name = names.iter().map(|name| name.width()).max().unwrap_or(0).min(NAME);
    laid_out("", &names, name, columns(comparison), WIDTH)
}

/// Rows of names, which get `name` columns below `title`, and of right-aligned columns: in as many blocks as it takes for
/// lines of at most `most`, with an empty line before and behind them.
pub(in crate::report) fn laid_out(
    title: &str,
    names: &[String],
    name: usize,
    columns: Vec<Column>,
    most: usize,
) -> String {
    let widest = |(title, texts): &Column| {
        texts.iter().map(|text| text.width()).chain([title.width()]).max().unwrap_or(0)
    };
    let mut blocks: Vec<(usize, Vec<(usize, Column)>)> = Vec::new();
    for column in columns {
        let width = GAP + widest(&column);
        match blocks.last_mut() {
            Some((used, block)) if *used + width <= most => {
                *used += width;
                block.push((width, column));
            }
            _ => blocks.push((name + width, vec![(width, column)])),
        }
    }
    let draw = |(used, block): &(usize, Vec<(usize, Column)>)| {
        let line = |name: String, text: &dyn Fn(&Column) -> String| {
            let cells = block.iter().map(|(width, column)| right(&text(column), *width));
            let line = name + &cells.collect::<String>();
            line.trim_end().to_owned() + "\n"
        };
        let head = line(fitted(title, name), &|(title, _)| title.clone());
        let lines = names.iter().enumerate();
        let lines =
            lines.map(|(row, text)| line(fitted(text, name), &|(_, texts)| texts[row].clone()));
        format!("\n{head}{}\n{}", "-".repeat(*used), lines.collect::<String>())
    };
    blocks.iter().map(draw).collect::<String>() + "\n"
}

fn columns(comparison: &Comparison) -> Vec<Column> {
    let rows = &comparison.rows;
    let column = |title: &str, text: &dyn Fn(&Row) -> String| {
        (title.to_owned(), rows.iter().map(text).collect())
    };
    let mut columns = vec![column("seeds", &|row| row.runs.len().to_string())];
    for figure in &comparison.figures {
        let spread = |row: &Row| row.figures.get(figure.key).copied();
        columns.push(column(figure.short, &|row| {
            spread(row).map_or_else(|| "–".into(), |spread| spread.shown(figure, "±"))
        }));
        if figure.key == MAIN && rows.iter().any(|row| row.runs.len() > 1) {
            columns.push(column("range", &|row| {
                spread(row).and_then(|spread| spread.range(figure)).unwrap_or_else(|| "–".into())
            }));
        }
    }
    columns
}

fn right(text: &str, width: usize) -> String {
    " ".repeat(width.saturating_sub(text.width())) + text
}

/// What is decided of a row, which classes gained and lost most, and what else differs.
fn decision(row: &Row, comparison: &Comparison) -> String {
    if row.against.is_none() {
        return String::new();
    }
    let mut text = wrapped(&printable(&format!("{}: {}.", row.name, row.sentence)), WIDTH);
    let of = |changes: &[(usize, f64)]| {
        let named = changes.iter().map(|&(label, difference)| {
            format!("{} {}", comparison.classes[label].name, points(difference))
        });
        named.collect::<Vec<_>>().join(", ")
    };
    let [gained, lost] = row.extremes(EXTREMES);
    for (what, changes) in [("most gained", gained), ("most lost", lost)] {
        if !changes.is_empty() {
            text += &indented(&format!("{what}: {}", of(&changes)));
        }
    }
    let base = comparison.base();
    let settings: Vec<_> =
        row.other_settings(base).into_iter().map(super::Setting::shown).collect();
    if !settings.is_empty() {
        let what = if row.method == base.method { "other settings" } else { "beside the method" };
        text += &indented(&format!("{what}: {}", listed(&settings, SETTINGS)));
    }
    text
}

fn indented(text: &str) -> String {
    let lines = wrapped(&printable(text), WIDTH - 2);
    lines.lines().map(|line| format!("  {line}\n")).collect()
}
