use std::fmt;

use serde::{Deserialize, Serialize};

use super::EvalError;

/// How well a class is represented in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Many-shot: more than 100 training images by default.
    Many,
    /// Medium-shot: neither many nor few.
    Medium,
    /// Few-shot: fewer than 20 training images by default.
    Few,
}

impl Group {
    /// All groups, from head to tail.
    pub const ALL: [Self; 3] = [Self::Many, Self::Medium, Self::Few];

    /// `many`, `medium` or `few`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Many => "many",
            Self::Medium => "medium",
            Self::Few => "few",
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// Where many-shot ends and few-shot begins, in training images per class.
///
/// The default, many > 100 and few < 20, is the one of Liu et al. 2019 (OLTR) that the whole
/// long-tail literature reports.
///
/// ```
/// use longtail::eval::{Group, ShotThresholds};
///
/// let groups = [101, 100, 20, 19].map(|count| ShotThresholds::default().group(count));
/// assert_eq!(groups, [Group::Many, Group::Medium, Group::Medium, Group::Few]);
/// assert!(ShotThresholds::new(10, 20).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Thresholds", into = "Thresholds")]
pub struct ShotThresholds(Thresholds);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thresholds {
    many_above: usize,
    few_below: usize,
}

impl Default for ShotThresholds {
    fn default() -> Self {
        Self(Thresholds { many_above: 100, few_below: 20 })
    }
}

impl ShotThresholds {
    /// Many-shot above `many_above` images, few-shot below `few_below`.
    ///
    /// # Errors
    /// If a class could be both, that is if `few_below > many_above + 1`.
    pub fn new(many_above: usize, few_below: usize) -> Result<Self, EvalError> {
        if few_below > many_above.saturating_add(1) {
            return Err(EvalError::ShotThresholds { many_above, few_below });
        }
        Ok(Self(Thresholds { many_above, few_below }))
    }

    /// The group of a class with `train_count` training images.
    pub fn group(&self, train_count: usize) -> Group {
        if train_count > self.0.many_above {
            Group::Many
        } else if train_count < self.0.few_below {
            Group::Few
        } else {
            Group::Medium
        }
    }

    /// Classes with more training images than this are many-shot.
    pub fn many_above(&self) -> usize {
        self.0.many_above
    }

    /// Classes with fewer training images than this are few-shot.
    pub fn few_below(&self) -> usize {
        self.0.few_below
    }
}

impl TryFrom<Thresholds> for ShotThresholds {
    type Error = EvalError;

    fn try_from(raw: Thresholds) -> Result<Self, EvalError> {
        Self::new(raw.many_above, raw.few_below)
    }
}

impl From<ShotThresholds> for Thresholds {
    fn from(thresholds: ShotThresholds) -> Self {
        thresholds.0
    }
}
