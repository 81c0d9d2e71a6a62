//! The comparison for spreadsheets and programs.

use super::{Comparison, Difference, Row};
use crate::report::{ReportError, predictions::guarded};

/// A CSV with a line for every row: `name,method,seeds,runs`; for every figure its mean under its key, and
/// `KEY_sd`, `KEY_min`, `KEY_max`; `difference,difference_low,difference_high,verdict,sentence`; `across`, which says
/// what the runs do not share though they would have to; and for every class `accuracy of NAME` and
/// `difference of NAME`.
///
/// Accuracies are in [0, 1]; what is not known is empty. A text that a spreadsheet would take for a formula begins
/// with `'`.
///
/// # Errors
/// [`ReportError::Predictions`] if a line cannot be written, which happens with no memory alone.
pub fn csv(comparison: &Comparison) -> Result<String, ReportError> {
    let mut out = csv::Writer::from_writer(Vec::new());
    let lines = std::iter::once(header(comparison));
    for line in lines.chain(comparison.rows.iter().map(|row| record(row, comparison))) {
        out.write_record(&line).map_err(|error| ReportError::Predictions(error.into()))?;
    }
    let bytes = out.into_inner().map_err(|error| ReportError::Predictions(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn header(comparison: &Comparison) -> Vec<String> {
    let mut header = ["name", "method", "seeds", "runs"].map(String::from).to_vec();
    for figure in &comparison.figures {
        header.extend(["", "_sd", "_min", "_max"].map(|ending| format!("{}{ending}", figure.key)));
    }
    let difference =
        ["difference", "difference_low", "difference_high", "verdict", "sentence", "across"];
    header.extend(difference.map(String::from));
    for class in &comparison.classes {
        header.extend(["accuracy", "difference"].map(|what| format!("{what} of {}", class.name)));
    }
    header
}

fn record(row: &Row, comparison: &Comparison) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let runs = row.run_names().join(" ");
    let mut record =
        vec![guarded(&row.name), guarded(&row.method), row.runs.len().to_string(), guarded(&runs)];
    for figure in &comparison.figures {
        let spread = row.figures.get(figure.key);
        let values =
            spread.map(|spread| [Some(spread.mean), spread.sd, Some(spread.min), Some(spread.max)]);
        record.extend(values.unwrap_or_default().map(number));
    }
    let against = row.against.as_ref();
    let interval = against.and_then(|against| against.interval);
    record.push(number(against.map(|against| against.difference)));
    record.extend([0, 1].map(|bound| number(interval.map(|interval| interval[bound]))));
    let verdict = row.verdict.name().to_owned();
    record.extend([
        verdict,
        guarded(&row.sentence),
        guarded(&Difference::list(&comparison.across)),
    ]);
    for (label, accuracy) in row.classes.iter().enumerate() {
        let difference = against.and_then(|against| against.classes.get(label).copied().flatten());
        record.extend([number(*accuracy), number(difference)]);
    }
    record
}
