//! Names of files as text.

use std::ffi::OsStr;

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

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn names_that_are_no_unicode_stay_apart() {
        let text = |bytes: &[u8]| text_of(OsStr::from_bytes(bytes));
        assert_eq!(text("a/caf\u{e9}.png".as_bytes()), "a/caf\u{e9}.png");
        assert_eq!(text(b"caf\xe9.png"), "caf\\xE9.png");
        assert_eq!(text(b"\xff\xfe"), "\\xFF\\xFE");
        assert_ne!(text(b"caf\xe8"), text(b"caf\xe9"));
    }
}
