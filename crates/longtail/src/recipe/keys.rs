//! Every key of a recipe, with its default.

use std::sync::LazyLock;

use super::{
    CompressionSection, Data, Eval, Loss, Model, Optimizer, ScheduleSection, Sections, Train, Views,
};
use crate::{loss::Contrastive, method::Method, section::Key};

/// The data sets whose defaults are said, and the method that they have.
const SETS: [&str; 2] = ["cifar10-lt", "synthetic"];

/// The recipes of those sets in which nothing is typed.
static DEFAULTS: LazyLock<[toml::Table; 2]> = LazyLock::new(|| {
    SETS.map(|set| {
        toml::Table::try_from(Sections::defaults(set, Method::BclRcl)).unwrap_or_default()
    })
});

/// Every key of a recipe but the method's name and what one method alone has ([`Method::definition`]), in the order of the
/// sections.
///
/// ```
/// use longtail::recipe::keys;
///
/// let tau = keys().find(|key| key.key == "loss.tau").unwrap();
/// assert_eq!(tau.about(), "τ of the logit adjustment.");
/// assert_eq!(tau.defaults(), ["1.3", "1.3"]);
/// assert_eq!(tau.default_in_words(), "1.3 (paper §4.3); 1 in folders and lists");
/// ```
pub fn keys() -> impl Iterator<Item = &'static Key> {
    let sections = [
        Data::KEYS,
        Model::KEYS,
        Loss::KEYS,
        Contrastive::KEYS,
        CompressionSection::KEYS,
        Views::KEYS,
        Optimizer::KEYS,
        ScheduleSection::KEYS,
        Train::KEYS,
        Eval::KEYS,
    ];
    sections.into_iter().flatten()
}

impl Key {
    /// What it is, in a sentence or two.
    pub fn about(&self) -> &'static str {
        self.doc.trim()
    }

    /// Its default on CIFAR and on the synthetic set, as TOML writes them.
    pub fn defaults(&self) -> [String; 2] {
        [0, 1].map(|set| {
            let (section, key) = self.key.split_once('.').unwrap_or_default();
            let value = DEFAULTS[set].get(section).and_then(|section| section.get(key));
            value.map(short).unwrap_or_default()
        })
    }

    /// Its default for people: what it is, where it comes from, and where it is another.
    pub fn default_in_words(&self) -> String {
        if let Some(default) = self.default {
            return default.to_owned();
        }
        let [cifar, synthetic] = self.defaults();
        let source = self.source.split("; ").next().unwrap_or_default();
        let from = if matches!(source, "–" | "Longtail") {
            String::new()
        } else {
            format!(" ({source})")
        };
        let mut words = format!("{}{from}", in_words(&cifar));
        if synthetic != cifar {
            words += &format!("; {} on the synthetic set", in_words(&synthetic));
        }
        self.elsewhere.iter().for_each(|other| words += &format!("; {other}"));
        words
    }
}

/// A value as TOML writes it; what has been an f32 has its digits.
fn short(value: &toml::Value) -> String {
    match value {
        toml::Value::Float(number) if f64::from(*number as f32) == *number => {
            format!("{:?}", *number as f32)
        }
        toml::Value::Array(values) => {
            format!("[{}]", values.iter().map(short).collect::<Vec<_>>().join(", "))
        }
        value => value.to_string(),
    }
}

/// A value of TOML without what only TOML needs.
fn in_words(value: &str) -> &str {
    let value = value.trim_matches('"');
    value.strip_suffix(".0").unwrap_or(value)
}
