use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Without control characters, which could move a terminal's cursor or break the line.
pub(super) fn printable(name: &str) -> String {
    name.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
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
