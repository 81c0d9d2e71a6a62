//! The comparison for a README or an issue.

use super::{
    Comparison, Row,
    figures::{MAIN, points},
};
use crate::report::text::printable;

/// A Markdown table (GitHub's), and below it what is decided of each row, and notes. Names are text, whatever they hold.
pub fn markdown(comparison: &Comparison) -> String {
    let mut text = String::new();
    if let Some(warning) = comparison.warning() {
        text += &format!("**Warning:** {}\n\n", escaped(&warning));
    }
    text += &format!("{}\n\n", escaped(&comparison.caption()));
    let (head, rows) = cells(comparison, "±");
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    text += &line(&head.iter().map(|title| escaped(title)).collect::<Vec<_>>());
    let rules: Vec<String> =
        (0..head.len()).map(|place| if place == 0 { "---" } else { "---:" }.into()).collect();
    text += &line(&rules);
    for row in rows {
        text += &line(&row.iter().map(|cell| escaped(cell)).collect::<Vec<_>>());
    }
    let others = comparison.rows.iter().filter(|row| row.against.is_some());
    let decisions =
        others.map(|row| format!("- {}\n", escaped(&format!("{}: {}.", row.name, row.sentence))));
    let decisions: String = decisions.collect();
    let notes: String =
        comparison.notes.iter().map(|note| format!("- {}\n", escaped(note))).collect();
    for list in [decisions, notes] {
        if !list.is_empty() {
            text += &format!("\n{list}");
        }
    }
    text
}

/// The titles of a table's columns and the cells of its rows, as plain text.
pub(super) fn cells(comparison: &Comparison, sign: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let rows = &comparison.rows;
    let (several, compared) = (rows.iter().any(|row| row.runs.len() > 1), rows.len() > 1);
    let mut head: Vec<String> = ["method", "seeds"].map(String::from).into();
    for figure in &comparison.figures {
        head.push(figure.name.to_owned());
        if several && figure.key == MAIN {
            head.push("range".into());
        }
    }
    if compared {
        head.extend(["difference", "95% interval", "decided"].map(String::from));
    }
    let row = |row: &Row| {
        let mut cells = vec![row.name.clone(), row.runs.len().to_string()];
        for figure in &comparison.figures {
            let spread = row.figures.get(figure.key);
            let shown = |text: Option<String>| text.unwrap_or_else(|| "–".into());
            cells.push(shown(spread.map(|spread| spread.shown(figure, sign))));
            if several && figure.key == MAIN {
                cells.push(shown(spread.and_then(|spread| spread.range(figure))));
            }
        }
        if compared {
            cells.extend(against(row));
        }
        cells
    };
    (head, rows.iter().map(row).collect())
}

/// The difference, its interval and what it decides.
fn against(row: &Row) -> [String; 3] {
    let difference = row.against.as_ref().map(|against| points(against.difference));
    let interval = row.against.as_ref().and_then(|against| against.interval);
    let interval = interval.map(|[low, high]| format!("{} to {}", points(low), points(high)));
    let shown = |text: Option<String>| text.unwrap_or_else(|| "–".into());
    [shown(difference), shown(interval), row.verdict.name().to_owned()]
}

/// Text that Markdown shows as it is.
pub(in crate::report) fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for char in printable(text).chars() {
        if "\\`*_[]<>#|~$&!".contains(char) {
            safe.push('\\');
        }
        safe.push(char);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_text() {
        assert_eq!(
            escaped("<b>*a*</b> | [x](y) `c` $d$"),
            "\\<b\\>\\*a\\*\\</b\\> \\| \\[x\\](y) \\`c\\` \\$d\\$"
        );
        assert_eq!(escaped("a\nb\u{202e}c"), "a\u{fffd}b\u{fffd}c");
        assert_eq!(escaped("bcl+rcl (τ 1.0)"), "bcl+rcl (τ 1.0)");
    }
}
