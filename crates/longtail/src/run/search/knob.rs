//! What a search turns: keys of a recipe, each with the values that it may have.

use rand::RngExt as _;

use crate::{
    data::names::listed,
    recipe::{RecipeFile, keys},
    rng::{Purpose, stream},
    run::RunError,
};

/// Sections that are not turned: what candidates are trained and measured on, and where.
const FIXED: [&str; 2] = ["data.", "eval."];
/// Keys that are not turned either.
const FIXED_KEYS: [&str; 4] =
    ["train.seed", "train.checkpoint_steps", "method.teacher_digest", "model.weights_digest"];
/// Draws of a range have so many digits: more are not told apart.
const DIGITS: usize = 3;

/// A key of a recipe with the values that it may have.
#[derive(Debug, Clone, PartialEq)]
pub struct Knob {
    /// `section.key`.
    pub key: String,
    /// Its values.
    pub values: Values,
}

/// The values of a [`Knob`].
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// These, as a recipe file has them.
    List(Vec<String>),
    /// Numbers from `low` to `high`.
    Range {
        /// The least.
        low: f64,
        /// The greatest.
        high: f64,
        /// Whether equal factors have equal room, else equal differences.
        is_log: bool,
        /// Whether they are whole numbers.
        is_whole: bool,
    },
}

impl Knob {
    /// `KEY=VALUE,VALUE,…` or `KEY=LOW..HIGH`, with `:log` for equal factors and `:int` for whole numbers. A key needs no
    /// section where its name is that of one key alone.
    ///
    /// # Errors
    /// [`RunError::Knob`], with the nearest key where there is none of that name.
    ///
    /// ```
    /// use longtail::run::search::{Knob, Values};
    ///
    /// let tau = Knob::parse("tau=1.0,1.3")?;
    /// assert_eq!(tau.key, "loss.tau");
    /// assert_eq!(tau.values, Values::List(vec!["1.0".into(), "1.3".into()]));
    /// assert!(matches!(Knob::parse("lr=0.01..0.3:log")?.values, Values::Range { is_log: true, .. }));
    /// assert!(Knob::parse("tua=1").unwrap_err().to_string().contains("loss.tau"));
    /// # Ok::<(), longtail::run::RunError>(())
    /// ```
    pub fn parse(typed: &str) -> Result<Self, RunError> {
        let wrong = |mend: String| RunError::Knob { typed: typed.to_owned(), mend };
        let form =
            "write KEY=VALUE,VALUE or KEY=LOW..HIGH, such as tau=1.0,1.3 or lr=0.01..0.3:log";
        let (key, values) = typed.split_once('=').ok_or_else(|| wrong(form.into()))?;
        let key = key_of(key.trim()).map_err(wrong)?;
        let values = Values::parse(values.trim()).map_err(wrong)?;
        let knob = Self { key, values };
        // What no recipe can have is said before anything is trained.
        let first = knob.some_values();
        let first = first.iter().map(|value| knob.layer(value)).collect::<Result<Vec<_>, _>>()?;
        drop(first);
        Ok(knob)
    }

    /// The part of the key behind its section.
    pub fn name(&self) -> &str {
        self.key.rsplit('.').next().unwrap_or(&self.key)
    }

    /// The layer of a recipe that sets it.
    ///
    /// # Errors
    /// [`RunError::Knob`] for a value that the key cannot have.
    pub fn layer(&self, value: &str) -> Result<RecipeFile, RunError> {
        let typed = format!("{}={value}", self.key);
        RecipeFile::of_value(&self.key, value, "--knob")
            .map_err(|error| RunError::Knob { typed, mend: error.to_string() })
    }

    /// All values of a list; `None` of a range, which has no end of them.
    pub(super) fn list(&self) -> Option<&[String]> {
        match &self.values {
            Values::List(values) => Some(values),
            Values::Range { .. } => None,
        }
    }

    fn some_values(&self) -> Vec<String> {
        match &self.values {
            Values::List(values) => values.clone(),
            Values::Range { low, high, is_whole, .. } => {
                [low, high].map(|&end| written(end, *is_whole)).into()
            }
        }
    }

    /// The value of draw `draw` of the knob at `place`, a function of these and `seed`.
    pub(super) fn draw(&self, seed: u64, draw: u64, place: u64) -> String {
        let mut rng = stream(seed, Purpose::Search, draw, place, 0);
        match &self.values {
            Values::List(values) => values[rng.random_range(0..values.len())].clone(),
            &Values::Range { low, high, is_log, is_whole } => {
                let share: f64 = rng.random();
                let within = |low: f64, high: f64| match is_log {
                    true => low * (high / low).powf(share),
                    false => low + (high - low) * share,
                };
                match is_whole {
                    // Every whole number has a stretch of its own, of the same length.
                    true => written((within(low, high + 1.0).floor()).clamp(low, high), true),
                    false => written_within(within(low, high), low, high),
                }
            }
        }
    }
}

impl Values {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it has no value".into());
        }
        let (range, kinds) = text.split_once(':').unwrap_or((text, ""));
        if let Some((low, high)) = range.split_once("..") {
            return Self::range(low, high, kinds);
        }
        let values = split(text);
        match values.iter().enumerate().find(|(place, value)| values[..*place].contains(value)) {
            Some((_, twice)) => Err(format!("{twice} is there twice")),
            None if values.iter().any(String::is_empty) => Err("a value is empty".into()),
            None => Ok(Self::List(values)),
        }
    }

    fn range(low: &str, high: &str, kinds: &str) -> Result<Self, String> {
        let number = |text: &str| match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(format!("\"{text}\" is no number")),
        };
        let (low, high) = (number(low)?, number(high)?);
        let (mut is_log, mut is_whole) = (false, false);
        for kind in kinds.split(':').filter(|kind| !kind.is_empty()) {
            match kind {
                "log" => is_log = true,
                "int" => is_whole = true,
                other => return Err(format!("\":{other}\" is neither :log nor :int")),
            }
        }
        if low >= high {
            return Err(format!("{low} is not less than {high}"));
        }
        if !(high - low).is_finite() {
            return Err("its ends are too far apart".into());
        }
        if is_whole && (low.fract() != 0.0 || high.fract() != 0.0) {
            return Err("a range with :int has whole numbers for its ends".into());
        }
        if is_log && low <= 0.0 {
            return Err("a range with :log begins above 0".into());
        }
        Ok(Self::Range { low, high, is_log, is_whole })
    }
}

/// A number as a recipe has it.
fn written(value: f64, is_whole: bool) -> String {
    if is_whole {
        return format!("{value:.0}");
    }
    let rounded: f64 = format!("{value:.*e}", DIGITS - 1).parse().unwrap_or(value);
    format!("{rounded:?}")
}

/// The same within a range, whose ends may have more digits than are written.
fn written_within(value: f64, low: f64, high: f64) -> String {
    let rounded = written(value, false);
    let is_within = rounded.parse().is_ok_and(|number: f64| (low..=high).contains(&number));
    if is_within { rounded } else { format!("{value:?}") }
}

/// At commas that stand in no bracket.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0_usize);
    for char in text.chars() {
        match char {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(char);
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

/// The key that was meant.
fn key_of(typed: &str) -> Result<String, String> {
    let known: Vec<&str> = keys().map(|key| key.key).collect();
    let is_of_method = typed.starts_with("method.") && typed != "method.teacher";
    let key = if known.contains(&typed) || is_of_method {
        typed.to_owned()
    } else {
        let named: Vec<_> = known.iter().copied().filter(|key| short(key) == typed).collect();
        match named[..] {
            [key] => key.to_owned(),
            [] => return Err(nearest(typed, &known)),
            _ => return Err(format!("{typed} is one of {}", listed(&named, 8))),
        }
    };
    let is_fixed =
        FIXED.iter().any(|section| key.starts_with(section)) || FIXED_KEYS.contains(&key.as_str());
    match is_fixed {
        true => {
            Err(format!("{key} says what candidates are compared on, and is one for all of them"))
        }
        false => Ok(key),
    }
}

fn short(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn nearest(typed: &str, known: &[&str]) -> String {
    let to = |key: &&&str| match typed.contains('.') {
        true => strsim::damerau_levenshtein(key, typed),
        false => strsim::damerau_levenshtein(short(key), typed),
    };
    let nearest = known.iter().min_by_key(to);
    let nearest = nearest.map_or(String::new(), |key| format!("; the nearest is {key}"));
    format!("there is no key {typed}{nearest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(typed: &str) -> String {
        Knob::parse(typed).unwrap_err().to_string()
    }

    #[test]
    fn lists_and_ranges_are_read_and_others_refused() {
        let list = |typed: &str| Knob::parse(typed).unwrap().list().map(<[String]>::to_vec);
        assert_eq!(list("backbone=resnet8,resnet20").unwrap(), ["resnet8", "resnet20"]);
        assert_eq!(list("milestones=[1, 2],[3]").unwrap(), ["[1, 2]", "[3]"]);
        assert_eq!(list("lr=0.1..0.2"), None);
        assert_eq!(Knob::parse("method.name=la,ce").unwrap().key, "method.name");
        for (typed, says) in [
            ("tau", "KEY=VALUE"),
            ("tau=", "no value"),
            ("tau=1,1", "twice"),
            ("tau=1,,2", "empty"),
            ("tau=high", "expected literal string"),
            ("lr=0.3..0.1", "not less"),
            ("lr=0..1:log", "above 0"),
            ("lr=1..2:cubic", ":cubic"),
            ("lr=a..2", "no number"),
            ("lr=-1e308..1e308", "too far apart"),
            ("batch_size=64.2..64.4:int", "whole numbers"),
            ("imbalance=10,100", "one for all"),
            ("train.seed=0,1", "one for all"),
            ("temprature=0.1", "contrastive.temperature"),
        ] {
            let said = refused(typed);
            assert!(said.contains(says) && said.contains(typed), "{typed}: {said}");
        }
    }

    #[test]
    fn draws_are_a_function_of_their_number_and_lie_in_the_range() {
        let knob = Knob::parse("lr=0.001..1.0:log").unwrap();
        let drawn: Vec<f64> = (0..200).map(|i| knob.draw(3, i, 0).parse().unwrap()).collect();
        assert!(drawn.iter().all(|value| (0.001..=1.0).contains(value)));
        // Half of them below the geometric middle.
        let low = drawn.iter().filter(|value| **value < 0.0316).count();
        assert!((80..=120).contains(&low), "{low}");
        assert_eq!(knob.draw(3, 7, 0), knob.draw(3, 7, 0));
        assert_ne!(knob.draw(3, 7, 0), knob.draw(4, 7, 0));
        let whole = Knob::parse("batch_size=8..64:int").unwrap();
        assert!((0..50).all(|i| (8..=64).contains(&whole.draw(0, i, 1).parse::<i32>().unwrap())));
        let few = Knob::parse("batch_size=1..3:int").unwrap();
        let count = |number: &str| (0..300).filter(|&i| few.draw(0, i, 0) == number).count();
        assert!(["1", "2", "3"].iter().all(|number| (70..=130).contains(&count(number))));
        let narrow = Knob::parse("tau=0.9991..0.9992").unwrap();
        let is_within = |text: String| (0.9991..=0.9992).contains(&text.parse::<f64>().unwrap());
        assert!((0..50).all(|i| is_within(narrow.draw(0, i, 0))));
    }
}
