//! The comparison for a paper.

use super::{Comparison, markdown::cells};
use crate::report::text::printable;

/// Points of a line in the `article` class, the narrowest of the usual ones.
const LINE: f32 = 345.0;
/// Points of a digit in its type of ten points; most letters are narrower.
const LETTER: f32 = 5.0;
/// Points to the left and right of a column together.
const GAP: f32 = 12.0;

/// A LaTeX table with the rules of `booktabs`, its caption, and what is decided of each row as remarks in the source.
///
/// Columns that find no room in a line of the `article` class stand below, in a part of the table with the names again.
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
    text += &format!("\\begin{{table}}\n\\centering\n\\caption{{{}}}\n", escaped(&caption));
    let parts = parts(&head, &rows);
    let parts: Vec<_> = parts.iter().map(|columns| part(&head, &rows, columns)).collect();
    text + &parts.join("\\par\\medskip\n") + "\\end{table}\n"
}

/// Columns that stand beside each other, by place; the first, of the names, is in every part.
fn parts(head: &[String], rows: &[Vec<String>]) -> Vec<Vec<usize>> {
    let texts = |column: usize| rows.iter().map(move |row| row[column].as_str());
    let width = |column: usize| {
        let widest = texts(column).chain(lines(&head[column])).map(|text| text.chars().count());
        LETTER * widest.max().unwrap_or(0) as f32 + GAP
    };
    let mut parts = vec![vec![0]];
    let mut left = LINE - width(0);
    for column in 1..head.len() {
        if width(column) > left && parts.last().is_some_and(|part| part.len() > 1) {
            parts.push(vec![0]);
            left = LINE - width(0);
        }
        left -= width(column);
        if let Some(part) = parts.last_mut() {
            part.push(column);
        }
    }
    parts
}

/// The lines of a title, which breaks at every blank.
fn lines(title: &str) -> impl Iterator<Item = &str> {
    title.split(' ')
}

/// Some columns of the table.
fn part(head: &[String], rows: &[Vec<String>], columns: &[usize]) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<_> = columns.iter().map(|&column| cells[column].as_str()).collect();
        format!("{} \\\\\n", cells.join(" & "))
    };
    let titles: Vec<_> = head.iter().map(|title| stacked(title)).collect();
    let rows = rows.iter().map(|row| row.iter().map(|cell| escaped(cell)).collect::<Vec<_>>());
    format!(
        "\\begin{{tabular}}{{l{}}}\n\\toprule\n{}\\midrule\n{}\\bottomrule\n\\end{{tabular}}\n",
        "r".repeat(columns.len() - 1),
        line(&titles),
        rows.map(|row| line(&row)).collect::<String>()
    )
}

/// A title with a line for every word.
fn stacked(title: &str) -> String {
    if lines(title).count() == 1 {
        return escaped(title);
    }
    // Lines are as high as each other, whatever letters they hold.
    let lines: Vec<_> = lines(title).map(|line| format!("\\strut {}", escaped(line))).collect();
    format!("\\shortstack[r]{{{}}}", lines.join("\\\\"))
}

/// Text that LaTeX sets as it is.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for char in printable(text).chars() {
        // A font would draw two of these as another sign.
        if matches!(char, '-' | '\'' | '`' | ',') && safe.ends_with(char) || char == '`' {
            safe += "\\kern0pt{}";
        }
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
        assert_eq!(escaped("a--b ''c ?`"), "a-\\kern0pt{}-b '\\kern0pt{}'c ?\\kern0pt{}`");
        assert_eq!(escaped("-0.4 to +1.9 ± 0.1, a-1"), "$-$0.4 to +1.9 $\\pm$ 0.1, a-1");
    }
    #[test]
    fn columns_without_room_stand_below_with_the_names_again() {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let head = texts(&["method", "seeds", "balanced top-1"]);
        let rows = [texts(&["la_x", "3", "80.1 ± 0.4"])];
        assert_eq!(parts(&head, &rows), [[0, 1, 2]]);
        assert_eq!(
            part(&head, &rows, &[0, 2]),
            "\\begin{tabular}{lr}\n\\toprule\nmethod & \\shortstack[r]{\\strut balanced\\\\\\strut top-1} \\\\\n\\midrule\n\
             la\\_x & 80.1 $\\pm$ 0.4 \\\\\n\\bottomrule\n\\end{tabular}\n"
        );
        let long = [vec!["x".repeat(60), "3".into(), "80.1 ± 0.4".into()]];
        assert_eq!(parts(&head, &long), [[0, 1], [0, 2]], "a name longer than the line");
        let wide = [texts(&["la", "3", &"9".repeat(58)])];
        assert_eq!(parts(&head, &wide), [vec![0, 1], vec![0, 2]]);
    }
}
