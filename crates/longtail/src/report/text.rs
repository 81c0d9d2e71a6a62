use serde::Serialize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `text`, such as the name of a file or a class, without characters that act on what shows it.
///
/// Control characters (C0, DEL and C1) may move a terminal's cursor or change its state, line and
/// paragraph separators break the line, and the embeddings, overrides and isolates of bidirectional text turn
/// around what follows. Each becomes U+FFFD; letters of every script stay as they are.
pub fn printable(text: &str) -> String {
    text.chars().map(|char| if acts(char) { '\u{fffd}' } else { char }).collect()
}

/// [`printable`] of a text of several lines, whose line breaks stay.
pub fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// A value as one line of JSON. Characters that act on a terminal stand there escaped, which is the same value.
///
/// # Errors
/// As [`serde_json::to_string`].
pub fn json_line(value: &impl Serialize) -> serde_json::Result<String> {
    let mut line = String::new();
    for char in serde_json::to_string(value)?.chars() {
        // They stand within strings alone, and have four hexadecimal digits at most.
        if acts(char) {
            line.push_str(&format!("\\u{:04x}", u32::from(char)));
        } else {
            line.push(char);
        }
    }
    line.push('\n');
    Ok(line)
}

/// Whether a character acts on its surroundings instead of being shown.
pub(super) fn acts(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}'..='\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` in exactly `width` columns: padded, or shortened with an ellipsis.
pub(super) fn fitted(text: &str, width: usize) -> String {
    let used = text.width();
    if used <= width {
        return format!("{text}{}", " ".repeat(width - used));
    }
    let mut short = String::new();
    let mut left = width.saturating_sub(1);
    for char in text.chars() {
        let Some(rest) = left.checked_sub(char.width().unwrap_or(0)) else { break };
        left = rest;
        short.push(char);
    }
    short + "…" + &" ".repeat(left)
}

/// `text` as lines of at most `width` columns, broken at spaces and, where a word is longer, within it.
pub(crate) fn wrapped(text: &str, width: usize) -> String {
    let (mut lines, mut used) = (String::new(), 0);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let columns = word.width();
        if used > 0 && used + 1 + columns > width {
            lines.push('\n');
            used = 0;
        } else if used > 0 {
            lines.push(' ');
            used += 1;
        }
        for char in word.chars() {
            let columns = char.width().unwrap_or(0);
            if used + columns > width {
                lines.push('\n');
                used = 0;
            }
            lines.push(char);
            used += columns;
        }
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_on_a_terminal_is_replaced_and_letters_stay() {
        for acting in ["\u{1b}[31m", "a\rb", "\u{7}", "\u{7f}", "\u{9b}2J", "\u{9d}0;t\u{9c}"] {
            let shown = printable(acting);
            assert!(
                shown.contains('\u{fffd}') && !shown.chars().any(char::is_control),
                "{shown:?}"
            );
        }
        let bidi = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        for char in bidi.chain(['\u{2028}', '\u{2029}', '\n', '\t']) {
            assert_eq!(printable(&format!("x{char}gpj.exe")), "x\u{fffd}gpj.exe");
        }
        // Letters, marks that write them, joiners of words and emoji, and the plain direction marks.
        for name in
            ["Müller (2).jpg", "חתול", "قط", "猫", "e\u{301}", "می\u{200c}خواهم", "a\u{200e}b"]
        {
            assert_eq!(printable(name), name);
        }
    }

    #[test]
    fn line_breaks_of_a_text_stay() {
        assert_eq!(printable_lines("a\nb\u{1b}c\r\n"), "a\nb\u{fffd}c\u{fffd}\n");
    }

    #[test]
    fn lines_are_broken_at_spaces_and_within_words_that_are_too_long() {
        assert_eq!(wrapped("one two three", 7), "one two\nthree\n");
        assert_eq!(wrapped("abcdefgh ij", 3), "abc\ndef\ngh\nij\n");
        assert_eq!(wrapped("猫猫猫", 4), "猫猫\n猫\n");
        assert_eq!(wrapped("", 5), "\n");
    }

    #[test]
    fn lists_of_names_end_with_how_many_there_are_more() {}
}
