use std::{
    io::{self, Write},
    str::FromStr,
};

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::{
    ReportError,
    text::{fitted, printable},
};

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

/// How predictions are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PredictionFormat {
    /// Aligned columns for people.
    #[default]
    Table,
    /// Comma-separated values with a header: `path,class,probability`, then `class_2,probability_2`
    /// and so on.
    Csv,
    /// One JSON object per line.
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

impl PredictionFormat {
    /// Writes all `predictions` to `out`.
    ///
    /// # Errors
    /// If `out` does not take them.
    pub fn write(self, predictions: &[Prediction], out: impl Write) -> Result<(), ReportError> {
        match self {
            Self::Table => write_table(predictions, out),
            Self::Csv => write_csv(predictions, out),
            Self::Jsonl => write_jsonl(predictions, out),
        }
        .map_err(ReportError::Predictions)
    }
}

fn write_table(predictions: &[Prediction], mut out: impl Write) -> io::Result<()> {
    let columns: [fn(&Prediction) -> String; 2] =
        [|row| printable(&row.path), |row| printable(&row.class)];
    let widths = columns.map(|cell| predictions.iter().map(|row| cell(row).width()).max());
    for row in predictions {
        for (cell, width) in columns.iter().zip(widths) {
            write!(out, "{}  ", fitted(&cell(row), width.unwrap_or(0)))?;
        }
        write!(out, "{:>6.1}%", row.probability * 100.0)?;
        let others =
            row.top.iter().skip(1).map(|other| {
                format!("{} {:.1}%", printable(&other.class), other.probability * 100.0)
            });
        let others = others.collect::<Vec<_>>().join(", ");
        let gap = if others.is_empty() { "" } else { "  " };
        writeln!(out, "{gap}{others}")?;
    }
    out.flush()
}

fn write_csv(predictions: &[Prediction], out: impl Write) -> io::Result<()> {
    let most = predictions.iter().map(|row| row.top.len()).max().unwrap_or(0).max(1);
    let mut writer = csv::Writer::from_writer(out);
    let mut header = ["path", "class", "probability"].map(String::from).to_vec();
    header.extend(
        (2..=most).flat_map(|rank| [format!("class_{rank}"), format!("probability_{rank}")]),
    );
    writer.write_record(&header)?;
    for row in predictions {
        let mut record = vec![row.path.clone(), row.class.clone(), row.probability.to_string()];
        for other in row.top.iter().skip(1) {
            record.extend([other.class.clone(), other.probability.to_string()]);
        }
        record.resize(header.len(), String::new());
        writer.write_record(&record)?;
    }
    writer.flush()
}

fn write_jsonl(predictions: &[Prediction], mut out: impl Write) -> io::Result<()> {
    for row in predictions {
        serde_json::to_writer(&mut out, row)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
