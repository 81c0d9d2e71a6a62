//! The comparison for a paper.

use super::{Comparison, markdown::cells};
use crate::report::text::printable;

/// A LaTeX table with the rules of `booktabs`, its caption, and what is decided of each row as remarks in the source.
///
/// Names are text, whatever they hold. Letters beyond Latin need XeLaTeX or LuaLaTeX and a font that has them.
pub fn latex(comparison: &Comparison) -> String {
    let (head, rows) = cells(comparison, "±");
    let mut text = String::from("% \\usepackage{booktabs}\n");
    let remarks = comparison.rows.iter().map(|row| format!("{}: {}.", row.name, row.sentence));
    for remark in remarks.chain(comparison.notes.iter().cloned()) {
        text += &format!("% {}\n", printable(&remark));
    }
    let caption = [Some(comparison.caption()), comparison.warning()];
    let caption = caption.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let columns = "r".repeat(head.len() - 1);
    text += "\\begin{table}\n\\centering\n";
    text += &format!(
        "\\caption{{{}}}\n\\begin{{tabular}}{{l{columns}}}\n\\toprule\n",
        escaped(&caption)
    );
    let line = |cells: &[String]| {
        let cells: Vec<_> = cells.iter().map(|cell| escaped(cell)).collect();
        format!("{} \\\\\n", cells.join(" & "))
    };
    text += &format!("{}\\midrule\n", line(&head));
    text += &rows.iter().map(|row| line(row)).collect::<String>();
    text + "\\bottomrule\n\\end{tabular}\n\\end{table}\n"
}

/// Text that LaTeX sets as it is.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for char in printable(text).chars() {
        match char {
            '\\' => safe += "\\textbackslash{}",
            '~' => safe += "\\textasciitilde{}",
            '^' => safe += "\\textasciicircum{}",
            '<' => safe += "\\textless{}",
            '>' => safe += "\\textgreater{}",
            '|' => safe += "\\textbar{}",
            '"' => safe += "\\char34{}",
            '{' | '}' | '#' | '$' | '%' | '&' | '_' => {
                safe.push('\\');
                safe.push(char);
            }
            // After the end of a row these would be read as an argument of it.
            '[' | ']' | '*' => safe += &format!("{{{char}}}"),
            '±' => safe += "$\\pm$",
            '–' => safe += "--",
            _ => safe.push(char),
        }
    }
    signed(&safe)
}

/// A number with a minus and not with a hyphen.
fn signed(text: &str) -> String {
    let words = text.split(' ').map(|word| match word.strip_prefix('-') {
        Some(rest) if rest.starts_with(|first: char| first.is_ascii_digit()) => {
            format!("$-${rest}")
        }
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_text() {
        assert_eq!(escaped("50% & a_b {x} #1 $"), "50\\% \\& a\\_b \\{x\\} \\#1 \\$");
        assert_eq!(escaped("\\input{x}"), "\\textbackslash{}input\\{x\\}");
        assert_eq!(
            escaped("[2pt]* ~^<>|\""),
            "{[}2pt{]}{*} \\textasciitilde{}\\textasciicircum{}\\textless{}\\textgreater{}\\textbar{}\\char34{}"
        );
        assert_eq!(escaped("-0.4 to +1.9 ± 0.1, a-1"), "$-$0.4 to +1.9 $\\pm$ 0.1, a-1");
    }
}
