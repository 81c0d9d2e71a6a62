use serde::{Deserialize, Serialize};

use super::counted;
use crate::data::names::listed;

/// Images that a sentence names.
const NAMED: usize = 8;

/// Images that no figure is over, for they could not be read any more when it was computed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// How many validation images.
    pub val: usize,
    /// How many test images.
    pub test: usize,
    /// Which they are, each with the reason.
    pub files: Vec<String>,
}

impl LeftOut {
    /// That as a sentence.
    ///
    /// ```
    /// use longtail::report::LeftOut;
    ///
    /// let left_out = LeftOut { val: 0, test: 1, files: vec!["owl/3.jpg: it ends too soon".into()] };
    /// let said = "left out of the figures, for it cannot be read: 1 test image (owl/3.jpg: it ends too soon)";
    /// assert_eq!(left_out.to_sentence(), said);
    /// ```
    pub fn to_sentence(&self) -> String {
        let parts = [(self.val, "validation"), (self.test, "test")];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let of = |(count, part): (usize, &str)| {
            counted(count, &format!("{part} image"), &format!("{part} images"))
        };
        let what: Vec<String> = parts.map(of).collect();
        format!(
            "left out of the figures, for {} cannot be read: {} ({})",
            if self.files.len() == 1 { "it" } else { "they" },
            what.join(" and "),
            listed(&self.files, NAMED)
        )
    }
}
