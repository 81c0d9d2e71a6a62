//! Names of files as text, one and several.

use std::{borrow::Borrow, ffi::OsStr};

/// `a, b and 3 more`: the first `most` of `names`.
pub fn listed<T: Borrow<str>>(names: &[T], most: usize) -> String {
    match names.len().saturating_sub(most) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..most].join(", ")),
    }
}

/// A path or name as text. Bytes that are no Unicode stand there as `\xE9`, so that two names that differ in them
/// stay apart.
#[cfg(unix)]
pub fn text_of(name: impl AsRef<OsStr>) -> String {
    use std::{fmt::Write, os::unix::ffi::OsStrExt};
    let mut text = String::new();
    for chunk in name.as_ref().as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
    text
}

/// A path or name as text.
#[cfg(not(unix))]
pub fn text_of(name: impl AsRef<OsStr>) -> String {
    name.as_ref().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(listed(&["a", "b", "c"], 3), "a, b, c");
        assert_eq!(listed(&["a", "b", "c"], 1), "a and 2 more");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_unicode_stay_apart() {
        use std::os::unix::ffi::OsStrExt;
        let text = |bytes: &[u8]| text_of(OsStr::from_bytes(bytes));
        assert_eq!(text("a/caf\u{e9}.png".as_bytes()), "a/caf\u{e9}.png");
        assert_eq!(text(b"caf\xe9.png"), "caf\\xE9.png");
        assert_eq!(text(b"\xff\xfe"), "\\xFF\\xFE");
        assert_ne!(text(b"caf\xe8"), text(b"caf\xe9"));
    }
}
