use std::{
    io::{self, Write},
    str::FromStr,
};

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::{
    ReportError,
    text::{json_line, printable},
};

/// Columns of a table that a path gets at most; a longer one moves the rest of its row.
const WIDEST_PATH: usize = 60;
/// Columns that a class gets at most.
const WIDEST_CLASS: usize = 32;

/// What a model says about one image, or why it can say nothing.
pub type Answer = Result<Prediction, Unanswered>;

/// What a model says about one image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// The image file, as it was given.
    pub path: String,
    /// The most probable class.
    pub class: String,
    /// Its probability in [0, 1].
    pub probability: f32,
    /// The most probable classes in descending order; the first is `class`.
    pub top: Vec<Candidate>,
}

/// A class with its probability.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// The class.
    pub class: String,
    /// Its probability in [0, 1].
    pub probability: f32,
}

/// Something given that cannot be read as an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{path} cannot be read: {reason}")]
pub struct Unanswered {
    /// The file or folder, as it was given.
    pub path: String,
    /// Why.
    #[serde(rename = "error")]
    pub reason: String,
}

/// How predictions are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PredictionFormat {
    /// Aligned columns for people.
    #[default]
    Table,
    /// Comma-separated values with a header: `path,class,probability`, then `class_2,probability_2`
    /// and so on, and last `error`, which alone is filled where an image cannot be read. A text that a
    /// spreadsheet would take for a formula begins with `'` ([`PredictionWriter::with_raw_names`]).
    Csv,
    /// One JSON object per line; one of an image that cannot be read has `path` and `error` alone.
    Jsonl,
}

impl FromStr for PredictionFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "table" => Ok(Self::Table),
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::Jsonl),
            _ => Err(format!("`{name}` is no output format; use table, csv or jsonl")),
        }
    }
}

impl Prediction {
    /// The `k` most probable classes for the image at `path`, at least one; `probabilities` holds
    /// one value per class. Equal ones are ordered by label, NaN comes last.
    ///
    /// `None` where there is no class.
    pub fn of(
        path: impl Into<String>,
        probabilities: &[f32],
        class_names: &[String],
        k: usize,
    ) -> Option<Self> {
        let mut ranked: Vec<_> = class_names.iter().zip(probabilities.iter().copied()).collect();
        let key = |probability: f32| if probability.is_nan() { f32::MIN } else { probability };
        ranked.sort_by(|a, b| key(b.1).total_cmp(&key(a.1)));
        ranked.truncate(k.max(1));
        let candidate =
            |(class, probability): (&String, f32)| Candidate { class: class.clone(), probability };
        let top: Vec<_> = ranked.into_iter().map(candidate).collect();
        let Candidate { class, probability } = top.first()?.clone();
        Some(Self { path: path.into(), class, probability, top })
    }
}

/// Writes answers as they come, so that what it holds does not depend on their number.
pub struct PredictionWriter<W: Write>(Inner<W>);

enum Inner<W: Write> {
    Table(Table<W>),
    Csv(Box<Csv<W>>),
    Jsonl(W),
}

impl<W: Write> PredictionWriter<W> {
    /// Writes to `out` the `k` most probable of `class_names`, at least one, for every image.
    ///
    /// # Errors
    /// [`ReportError::Predictions`] if `out` does not take it.
    pub fn new(
        format: PredictionFormat,
        class_names: &[String],
        k: usize,
        out: W,
    ) -> Result<Self, ReportError> {
        Ok(Self(match format {
            PredictionFormat::Table => Inner::Table(Table::new(class_names, out)),
            PredictionFormat::Csv => {
                Inner::Csv(Box::new(Csv::new(k.clamp(1, class_names.len().max(1)), out)))
            }
            PredictionFormat::Jsonl => Inner::Jsonl(out),
        }))
    }

    /// The same with names in a CSV as they are, even those that a spreadsheet would take for formulas.
    pub fn with_raw_names(mut self) -> Self {
        if let Inner::Csv(csv) = &mut self.0 {
            csv.raw_names = true;
        }
        self
    }

    /// Writes one row for each of `answers`, through to `out`.
    ///
    /// # Errors
    /// [`ReportError::Predictions`] if `out` does not take them.
    pub fn write(&mut self, answers: &[Answer]) -> Result<(), ReportError> {
        match &mut self.0 {
            Inner::Table(table) => table.write(answers),
            Inner::Csv(csv) => csv.write(answers),
            Inner::Jsonl(out) => write_jsonl(answers, out),
        }
        .map_err(ReportError::Predictions)
    }
}

impl<W: Write> PredictionWriter<W> {
    /// Ends the table. A CSV that holds no prediction, only images that could not be read, is not begun: it would be
    /// taken for an answer; one of no image at all has its header.
    ///
    /// # Errors
    /// [`ReportError::Predictions`] if `out` does not take it.
    pub fn finish(self) -> Result<(), ReportError> {
        match self.0 {
            Inner::Csv(csv) => csv.finish().map_err(ReportError::Predictions),
            Inner::Table(_) | Inner::Jsonl(_) => Ok(()),
        }
    }
}

struct Table<W> {
    out: W,
    class: usize,
    /// Told by the first answers, for the last are not known yet.
    path: Option<usize>,
}

impl<W: Write> Table<W> {
    fn new(class_names: &[String], out: W) -> Self {
        let widest = class_names.iter().map(|name| printable(name).width()).max();
        Self { out, class: widest.unwrap_or(0).min(WIDEST_CLASS), path: None }
    }

    fn write(&mut self, answers: &[Answer]) -> io::Result<()> {
        let paths = answers.iter().map(|answer| printable(path_of(answer)).width());
        let path = *self.path.get_or_insert(paths.max().unwrap_or(0).min(WIDEST_PATH));
        for answer in answers {
            write!(self.out, "{}  ", padded(path_of(answer), path))?;
            match answer {
                Ok(prediction) => self.write_classes(prediction)?,
                Err(Unanswered { reason, .. }) => {
                    writeln!(self.out, "cannot be read: {}", printable(reason))?;
                }
            }
        }
        self.out.flush()
    }

    fn write_classes(&mut self, prediction: &Prediction) -> io::Result<()> {
        let Prediction { class, probability, top, .. } = prediction;
        write!(self.out, "{}  {:>6.1}%", padded(class, self.class), probability * 100.0)?;
        let others = top
            .iter()
            .skip(1)
            .map(|other| format!("{} {:.1}%", printable(&other.class), other.probability * 100.0));
        let others = others.collect::<Vec<_>>().join(", ");
        let gap = if others.is_empty() { "" } else { "  " };
        writeln!(self.out, "{gap}{others}")
    }
}

fn path_of(answer: &Answer) -> &str {
    answer.as_ref().map_or_else(|unanswered| &unanswered.path, |prediction| &prediction.path)
}

/// `text` in at least `width` columns.
fn padded(text: &str, width: usize) -> String {
    let text = printable(text);
    let gap = width.saturating_sub(text.width());
    text + &" ".repeat(gap)
}

/// A table that begins with its first prediction: one without any would be taken for an answer.
struct Csv<W: Write> {
    out: csv::Writer<W>,
    header: Vec<String>,
    /// Records before the first prediction; `None` once there was one.
    held_back: Option<Vec<Vec<String>>>,
    raw_names: bool,
}

/// A text as a spreadsheet shows it and does not compute it: `'` stands before what begins as a formula, and before
/// another `'`, so that the text is what follows the first one.
pub(super) fn guarded(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

impl<W: Write> Csv<W> {
    fn new(classes: usize, out: W) -> Self {
        let mut header = ["path", "class", "probability"].map(String::from).to_vec();
        header.extend(
            (2..=classes).flat_map(|rank| [format!("class_{rank}"), format!("probability_{rank}")]),
        );
        header.push("error".into());
        let (out, held_back) = (csv::Writer::from_writer(out), Some(Vec::new()));
        Self { out, header, held_back, raw_names: false }
    }

    fn write(&mut self, answers: &[Answer]) -> io::Result<()> {
        for answer in answers {
            let record = self.record(answer);
            match &mut self.held_back {
                Some(records) if answer.is_err() => {
                    records.push(record);
                    continue;
                }
                held_back => {
                    if let Some(records) = held_back.take() {
                        self.out.write_record(&self.header)?;
                        records.iter().try_for_each(|record| self.out.write_record(record))?;
                    }
                }
            }
            self.out.write_record(&record)?;
        }
        self.out.flush()
    }

    fn finish(mut self) -> io::Result<()> {
        if self.held_back.is_some_and(|records| records.is_empty()) {
            self.out.write_record(&self.header)?;
        }
        self.out.flush()
    }

    fn record(&self, answer: &Answer) -> Vec<String> {
        let text = |text: &str| if self.raw_names { text.to_owned() } else { guarded(text) };
        let mut record = vec![text(path_of(answer))];
        for Candidate { class, probability } in answer.iter().flat_map(|row| &row.top) {
            record.extend([text(class), probability.to_string()]);
        }
        record.resize(self.header.len() - 1, String::new());
        record.push(answer.as_ref().err().map_or_else(String::new, |row| text(&row.reason)));
        record
    }
}

fn write_jsonl(answers: &[Answer], mut out: impl Write) -> io::Result<()> {
    for answer in answers {
        let line = match answer {
            Ok(prediction) => json_line(prediction)?,
            Err(unanswered) => json_line(unanswered)?,
        };
        out.write_all(line.as_bytes())?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_begins_as_a_formula_and_each_can_be_had_back() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'quoted", "''"] {
            let shown = guarded(text);
            assert!(shown.starts_with('\''), "{shown}");
            assert_eq!(&shown[1..], text);
        }
        for text in ["", "a=1", " =1", "cat", "1-2", "\u{201c}=1"] {
            assert_eq!(guarded(text), text);
        }
    }
}
