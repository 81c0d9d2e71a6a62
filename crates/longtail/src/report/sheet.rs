//! Tables of text, in the three forms in which they are read.

use unicode_width::UnicodeWidthStr;

use super::{
    ReportError,
    compare::{escaped, laid_out},
    predictions::guarded,
    text::printable,
};

/// A table of text: the first column names the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sheet {
    /// The titles of the columns.
    pub head: Vec<String>,
    /// The rows, each as long as the head.
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
    /// Lines of at most `width` columns; columns without room stand in a block of their own below.
    pub fn terminal(&self, width: usize) -> String {
        let names: Vec<String> = self.column(0);
        let columns = self.head.iter().enumerate().skip(1);
        let columns = columns.map(|(place, title)| (printable(title), self.column(place)));
        let title = self.head.first().map_or(String::new(), |title| printable(title));
        let longest = names.iter().chain([&title]).map(|name| name.width()).max().unwrap_or(0);
        laid_out(&title, &names, longest.min(width / 2), columns.collect(), width)
    }

    fn column(&self, place: usize) -> Vec<String> {
        let cell = |row: &Vec<String>| row.get(place).map_or(String::new(), |text| printable(text));
        self.rows.iter().map(cell).collect()
    }

    /// GitHub's table.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<_> = cells.iter().map(|cell| escaped(cell)).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rules: Vec<_> =
            (0..self.head.len()).map(|place| if place == 0 { "---" } else { "---:" }).collect();
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}| {} |\n{rows}", line(&self.head), rules.join(" | "))
    }

    /// Comma-separated values; a text that a spreadsheet would take for a formula begins with `'`.
    ///
    /// # Errors
    /// [`ReportError::Predictions`] if a line cannot be written, which happens with no memory alone.
    pub fn csv(&self) -> Result<String, ReportError> {
        let mut out = csv::Writer::from_writer(Vec::new());
        for line in std::iter::once(&self.head).chain(&self.rows) {
            let cells = line.iter().map(|cell| match cell.parse::<f64>() {
                Ok(_) => cell.clone(),
                Err(_) => guarded(cell),
            });
            out.write_record(cells).map_err(|error| ReportError::Predictions(error.into()))?;
        }
        let bytes =
            out.into_inner().map_err(|error| ReportError::Predictions(error.into_error()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        let row = |cells: [&str; 3]| cells.map(String::from).to_vec();
        Sheet {
            head: row(["", "a|b", "x"]),
            rows: vec![row(["=one", "-1.5", "long words"]), row(["two\u{1b}", "2", ""])],
        }
    }

    #[test]
    fn a_table_is_text_in_every_form() {
        let text = sheet().terminal(80);
        assert!(
            text.contains("=one  -1.5  long words\n") && text.contains("two\u{fffd}"),
            "{text}"
        );
        let narrow = sheet().terminal(16);
        assert!(narrow.lines().all(|line| line.chars().count() <= 16), "{narrow}");
        assert_eq!(narrow.matches("=one").count(), 2);
        assert!(
            sheet().markdown().starts_with("|  | a\\|b | x |\n| --- | ---: | ---: |\n| =one |")
        );
        let csv = sheet().csv().unwrap();
        assert!(csv.contains("'=one,-1.5,long words\n"), "{csv}");
    }
}
