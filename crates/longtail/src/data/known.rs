//! The names of data sets.

use super::CifarName;

/// The built-in set's name.
pub const SYNTHETIC: &str = "synthetic";

fn names() -> impl Iterator<Item = &'static str> {
    std::iter::once(SYNTHETIC).chain(CifarName::ALL.iter().map(|name| name.name()))
}

/// Whether `name` is that of a data set, and no path.
pub fn is_known(name: &str) -> bool {
    names().any(|known| known == name)
}

/// The known name that a word is a spelling of: case, `_`, blanks and a missing or doubled hyphen do not count,
/// nor a letter or two.
pub fn nearest(word: &str) -> Option<&'static str> {
    let plain = |name: &str| -> String {
        name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect()
    };
    let typed = plain(word);
    let distance = |name: &&str| strsim::damerau_levenshtein(&plain(name), &typed);
    let near = names().min_by_key(distance)?;
    let most = if typed.len() < 6 { 1 } else { 2 };
    (!word.contains(['/', '\\', '.']) && distance(&near) <= most).then_some(near)
}
