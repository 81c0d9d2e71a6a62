//! The tables for people.

use std::collections::BTreeMap;

use super::cells::{Cell, Filled, Stance};
use crate::report::{Sheet, wrapped};

/// Columns of a terminal.
const WIDTH: usize = 80;
const NONE: &str = "–";

/// A figure with as many digits as the paper has.
fn shown(value: f64) -> String {
    match value.abs() {
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

impl Cell {
    fn paper(&self) -> String {
        self.paper.clone().unwrap_or_else(|| NONE.into())
    }

    /// Mean and standard deviation over seeds; a star marks other images than the column's.
    fn ours(&self) -> String {
        let Some(ours) = &self.ours else { return NONE.into() };
        let star = if ours.stand_in.is_some() { "*" } else { "" };
        let mean = shown(ours.spread.mean);
        match ours.spread.sd {
            Some(sd) => format!("{mean} ± {}{star}", shown(sd)),
            None => mean + star,
        }
    }

    fn difference(&self) -> String {
        self.difference.map_or_else(String::new, |difference| {
            let text = shown(difference);
            match text.starts_with('-') {
                true => text,
                false => format!("+{text}"),
            }
        })
    }

    fn stance(&self) -> String {
        self.stance.map_or_else(String::new, |stance| stance.to_string())
    }

    fn is_there(&self) -> bool {
        self.paper.is_some() || self.ours.is_some() || self.missing.is_some()
    }
}

impl Filled {
    /// In lines of at most 80 columns: a block for every column of the paper's, a line for every row.
    pub fn terminal(&self) -> String {
        let mut text = wrapped(&format!("{}.", self.caption), WIDTH);
        for (place, column) in self.columns.iter().enumerate() {
            let rows = self.rows.iter().filter(|row| row.cells[place].is_there());
            let row = |row: &super::FilledRow| {
                let cell = &row.cells[place];
                vec![row.title.clone(), cell.ours(), cell.paper(), cell.difference(), cell.stance()]
            };
            let head = ["", "ours", "paper", "difference", ""].map(String::from).to_vec();
            let sheet = Sheet { head, rows: rows.map(row).collect() };
            text += &format!("\n{}", wrapped(&column.title, WIDTH));
            text += sheet.terminal(WIDTH).trim_matches('\n');
            text.push('\n');
        }
        text.push('\n');
        self.notes().iter().for_each(|note| text += &wrapped(note, WIDTH));
        text
    }

    /// One table: `ours / paper (difference)` in every cell.
    pub fn markdown(&self) -> String {
        let mut head = vec![String::new()];
        head.extend(self.columns.iter().map(|column| column.title.clone()));
        let cell = |cell: &Cell| {
            let difference = cell.difference();
            let difference = match cell.stance {
                Some(Stance::Undecided) => format!(" ({difference}, undecided)"),
                Some(_) => format!(" ({difference})"),
                None => String::new(),
            };
            match cell.is_there() {
                true => format!("{} / {}{difference}", cell.ours(), cell.paper()),
                false => NONE.into(),
            }
        };
        let row = |row: &super::FilledRow| {
            let mut cells = vec![row.title.clone()];
            cells.extend(row.cells.iter().map(cell));
            cells
        };
        let sheet = Sheet { head, rows: self.rows.iter().map(row).collect() };
        let notes: String = self.notes().iter().map(|note| format!("- {note}\n")).collect();
        format!("## {}\n\nOurs / the paper's.\n\n{}\n{notes}", self.caption, sheet.markdown())
    }

    /// What has to be known to read it, in sentences.
    fn notes(&self) -> Vec<String> {
        let seeds = self.cells().filter_map(|cell| Some(cell.ours.as_ref()?.seeds)).max();
        let mut notes = vec![match seeds {
            None => format!("Ours: {}; nothing is finished.", self.length),
            Some(1) => {
                format!("Ours: {}, last epoch, one seed, which decides nothing.", self.length)
            }
            Some(seeds) => format!(
                "Ours: {}, last epoch, mean ± standard deviation over {seeds} seeds; undecided: the paper's figure, which \
                 says nothing of seeds, lies in their range.",
                self.length
            ),
        }];
        if !self.is_whole {
            notes.push("The paper's runs are longer than these: the difference is not one of methods alone.".into());
        }
        let stand_ins = self.cells().filter_map(|cell| cell.ours.as_ref()?.stand_in.as_ref());
        let mut stand_ins: Vec<_> = stand_ins.map(String::as_str).collect();
        stand_ins.sort_unstable();
        stand_ins.dedup();
        if !stand_ins.is_empty() {
            let names = stand_ins.join(", ");
            notes.push(format!("* measured on {names} in the place of the column's images: not comparable with the paper's figure."));
        }
        for row in self.rows.iter().filter(|row| !row.remark.is_empty()) {
            if row.cells.iter().any(|cell| cell.ours.is_some()) {
                notes.push(format!("{}: {}.", row.title, row.remark));
            }
        }
        notes.extend(self.missing());
        notes
    }

    /// Why cells are empty, with the rows that each reason holds for.
    fn missing(&self) -> Vec<String> {
        let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for row in &self.rows {
            for reason in row.cells.iter().filter_map(|cell| cell.missing.as_deref()) {
                let rows = reasons.entry(reason).or_default();
                if !rows.contains(&row.title.as_str()) {
                    rows.push(&row.title);
                }
            }
        }
        let all = |rows: &[&str]| match rows.len() == self.rows.len() {
            true => "all rows".to_owned(),
            false => rows.join(", "),
        };
        reasons.iter().map(|(reason, rows)| format!("{reason}: {}.", all(rows))).collect()
    }

    fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.rows.iter().flat_map(|row| &row.cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        report::compare::Spread,
        run::paper::{FilledRow, Ours},
    };

    fn cell(paper: &str, values: &[f64], missing: Option<&str>) -> Cell {
        let spread = Spread::of(values);
        Cell {
            recipe: "r".into(),
            paper: (paper != "-").then(|| paper.into()),
            ours: spread.map(|spread| Ours { spread, seeds: values.len(), stand_in: None }),
            difference: spread.and_then(|s| Some(s.mean - paper.parse::<f64>().ok()?)),
            stance: spread.map(|_| Stance::Undecided),
            missing: missing.map(Into::into),
        }
    }

    fn filled() -> Filled {
        let row =
            |title: &str, cells| FilledRow { title: title.into(), remark: String::new(), cells };
        let column = |title: &str| super::super::cells::FilledColumn {
            title: title.into(),
            figure: "arithmetic_mean".into(),
        };
        Filled {
            name: "table2".into(),
            caption: "Table 2".into(),
            length: "protocol short".into(),
            is_whole: false,
            columns: vec![column("CIFAR-10-LT, factor 100: balanced top-1"), column("other")],
            rows: vec![
                row("RCL", vec![cell("86.0", &[85.0, 86.0], None), cell("-", &[], None)]),
                row("ACE", vec![cell("81.4", &[], Some("no recipe")), cell("-", &[], None)]),
            ],
        }
    }

    #[test]
    fn ours_stands_beside_the_papers_with_what_is_missing_and_why() {
        let text = filled().terminal();
        let line = text.lines().find(|line| line.starts_with("RCL")).unwrap();
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words, ["RCL", "85.5", "±", "0.71", "86.0", "-0.50", "undecided"]);
        assert!(text.contains("no recipe: ACE.") && text.contains("longer than these"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let text = filled().markdown();
        assert!(text.contains("| RCL | 85.5 ± 0.71 / 86.0 (-0.50, undecided) | – |"), "{text}");
    }
}
