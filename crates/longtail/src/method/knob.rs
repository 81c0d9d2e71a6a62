use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::Method;

/// A setting that one method owns, in `[method]`: its default, what it may be, and where that comes from. Help, the
/// settings, its check and `docs/method.md` are made of this.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knob {
    /// The key in `[method]`.
    pub key: &'static str,
    /// What it may be.
    pub range: Range,
    /// What it is, as a line of help.
    pub about: &'static str,
    /// Where its default comes from.
    pub source: &'static str,
    /// Whether runs of the method were made before it had this setting, which are the same runs at its default.
    pub is_later: bool,
}

/// The values of a [`Knob`], and the one that it has by default.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// Yes or no.
    Flag(bool),
    /// A whole number from a least to a greatest one.
    Count {
        /// The default.
        default: u64,
        /// The least.
        least: u64,
        /// The greatest.
        most: u64,
    },
    /// A number from a least to a greatest one.
    Number {
        /// The default.
        default: f64,
        /// The least.
        least: f64,
        /// The greatest.
        most: f64,
    },
}

/// What a [`Knob`] is set to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a setting of a method is true, false or a number")]
pub enum KnobValue {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Count(u64),
    /// Any number.
    Number(f64),
}

/// The settings of a method by their keys.
pub type Knobs = BTreeMap<String, KnobValue>;

impl Knob {
    /// Yes or no, `default` if not said.
    pub const fn flag(
        key: &'static str,
        default: bool,
        about: &'static str,
        source: &'static str,
    ) -> Self {
        Self { key, range: Range::Flag(default), about, source, is_later: false }
    }

    /// A whole number: its default, the least, the greatest.
    pub const fn count(
        key: &'static str,
        [default, least, most]: [u64; 3],
        about: &'static str,
        source: &'static str,
    ) -> Self {
        Self { key, range: Range::Count { default, least, most }, about, source, is_later: false }
    }

    /// A number: its default, the least, the greatest.
    pub const fn number(
        key: &'static str,
        [default, least, most]: [f64; 3],
        about: &'static str,
        source: &'static str,
    ) -> Self {
        Self { key, range: Range::Number { default, least, most }, about, source, is_later: false }
    }

    /// The same, of which runs of the method were made before it had this setting.
    #[must_use]
    pub const fn later(self) -> Self {
        Self { is_later: true, ..self }
    }

    /// Its default.
    pub const fn default(&self) -> KnobValue {
        match self.range {
            Range::Flag(default) => KnobValue::Flag(default),
            Range::Count { default, .. } => KnobValue::Count(default),
            Range::Number { default, .. } => KnobValue::Number(default),
        }
    }

    /// What was typed, as a value of its kind; `None` for what it cannot be.
    fn value(&self, typed: KnobValue) -> Option<KnobValue> {
        match (self.range, typed) {
            (Range::Flag(_), KnobValue::Flag(_)) => Some(typed),
            (Range::Count { least, most, .. }, KnobValue::Count(count)) => {
                (least..=most).contains(&count).then_some(typed)
            }
            (Range::Number { least, most, .. }, KnobValue::Count(count)) => {
                let number = count as f64;
                (least..=most).contains(&number).then_some(KnobValue::Number(number))
            }
            (Range::Number { least, most, .. }, KnobValue::Number(number)) => {
                (least..=most).contains(&number).then_some(typed)
            }
            _ => None,
        }
    }

    fn of(&self, knobs: &Knobs) -> KnobValue {
        knobs.get(self.key).and_then(|typed| self.value(*typed)).unwrap_or(self.default())
    }

    /// As a flag, of checked settings.
    pub fn is_on(&self, knobs: &Knobs) -> bool {
        matches!(self.of(knobs), KnobValue::Flag(true))
    }

    /// As a whole number, of checked settings.
    pub fn whole(&self, knobs: &Knobs) -> usize {
        match self.of(knobs) {
            KnobValue::Count(count) => count as usize,
            _ => 0,
        }
    }

    /// As a number, of checked settings.
    pub fn real(&self, knobs: &Knobs) -> f64 {
        match self.of(knobs) {
            KnobValue::Number(number) => number,
            KnobValue::Count(count) => count as f64,
            KnobValue::Flag(_) => f64::NAN,
        }
    }
}

/// Why a setting cannot be used: its key, its value, and the remedy.
#[derive(Debug, Clone, PartialEq)]
pub struct KnobError {
    /// The key in `[method]`.
    pub key: String,
    /// What it was set to.
    pub value: KnobValue,
    /// What it has to be.
    pub mend: String,
}

/// The settings that tell a run of `method` from others: without later ones at their defaults.
pub fn identifying(method: Method, knobs: &Knobs) -> Knobs {
    let is_silent = |(key, value): (&String, &KnobValue)| {
        let of_key = |knob: &&Knob| knob.key == *key && knob.is_later;
        method.definition().knobs.iter().find(of_key).is_some_and(|knob| knob.default() == *value)
    };
    let telling = knobs.iter().filter(|knob| !is_silent(*knob));
    telling.map(|(key, value)| (key.clone(), *value)).collect()
}

/// All settings of `method`, those of `typed` first.
///
/// # Errors
/// [`KnobError`] for a key that the method does not have, and for a value that its knob cannot have.
pub fn checked(method: Method, typed: &Knobs) -> Result<Knobs, KnobError> {
    let own = method.definition().knobs;
    for (key, value) in typed {
        let error = |mend: String| KnobError { key: key.clone(), value: *value, mend };
        let Some(knob) = own.iter().find(|knob| knob.key == key) else {
            let keys: Vec<&str> = own.iter().map(|knob| knob.key).collect();
            return Err(error(match keys[..] {
                [] => format!("method {method} has no settings of its own"),
                _ => format!("method {method} has the settings {}", keys.join(", ")),
            }));
        };
        if knob.value(*value).is_none() {
            return Err(error(format!("it is {}", knob.range)));
        }
    }
    Ok(own.iter().map(|knob| (knob.key.to_owned(), knob.of(typed))).collect())
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(_) => f.write_str("true or false"),
            Self::Count { least, most, .. } => {
                write!(f, "a whole number from {least} to {most}")
            }
            Self::Number { least, most, .. } => write!(f, "a number from {least} to {most}"),
        }
    }
}

impl fmt::Display for KnobValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(value) => value.fmt(f),
            Self::Count(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(method: Method, key: &str, value: KnobValue) -> Option<String> {
        let typed = Knobs::from([(key.to_owned(), value)]);
        checked(method, &typed).err().map(|error| format!("{}: {}", error.key, error.mend))
    }

    #[test]
    fn settings_that_a_method_does_not_have_and_values_out_of_range_are_refused_by_name() {
        for (method, key, value, mend) in [
            (Method::Ce, "scale", KnobValue::Count(3), "method ce has no settings of its own"),
            (Method::CbFocal, "scale", KnobValue::Count(3), "the settings beta, gamma, softmax"),
            (Method::CbFocal, "gamma", KnobValue::Number(-0.5), "a number from 0 to 10"),
            (Method::CbFocal, "gamma", KnobValue::Number(f64::NAN), "a number from 0 to 10"),
            (Method::CbFocal, "softmax", KnobValue::Count(1), "true or false"),
            (Method::Ride, "experts", KnobValue::Count(1), "a whole number from 2 to 16"),
            (Method::Ride, "experts", KnobValue::Number(2.5), "a whole number from 2 to 16"),
        ] {
            let said = said(method, key, value).unwrap();
            assert!(said.starts_with(key) && said.ends_with(mend), "{said}");
        }
        assert_eq!(said(Method::CbFocal, "gamma", KnobValue::Count(2)), None);
    }

    #[test]
    fn what_is_not_typed_has_its_default_and_every_default_is_in_its_range() {
        for method in Method::ALL {
            let all = checked(method, &Knobs::new()).unwrap();
            assert_eq!(all.len(), method.definition().knobs.len(), "{method}");
            assert_eq!(checked(method, &all), Ok(all), "{method}");
        }
    }
}
