use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{
    Confusion, EvalError, Group, HarmonicZero, Intervals, Scores, ShotThresholds, Tally,
    class_means::mean,
    interval::{mean_interval, mean_margin, short, wilson_interval},
};

/// How an [`Evaluation`] is made.
///
/// ```
/// use longtail::eval::{EvalOptions, HarmonicZero};
///
/// let options = EvalOptions {
///     harmonic_zero: HarmonicZero::Floor,
///     harmonic_floor: 0.0,
///     ..EvalOptions::default()
/// };
/// assert!(options.check().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvalOptions {
    /// What the harmonic mean does with classes of zero accuracy.
    pub harmonic_zero: HarmonicZero,
    /// The floor of [`HarmonicZero::Floor`].
    pub harmonic_floor: f64,
    /// Where many-shot ends and few-shot begins.
    pub shot_thresholds: ShotThresholds,
}

impl Default for EvalOptions {
    fn default() -> Self {
        let (harmonic_zero, shot_thresholds) = Default::default();
        Self { harmonic_zero, harmonic_floor: 1e-3, shot_thresholds }
    }
}

impl EvalOptions {
    /// Whether the options mean something, to be asked before any work.
    ///
    /// # Errors
    /// If the floor of the harmonic mean does not lie in (0, 1].
    pub fn check(&self) -> Result<(), EvalError> {
        match self.harmonic_zero {
            HarmonicZero::Floor if !(self.harmonic_floor > 0.0 && self.harmonic_floor <= 1.0) => {
                Err(EvalError::Floor(self.harmonic_floor))
            }
            _ => Ok(()),
        }
    }
}

/// Accuracies on one set of images, all in [0, 1].
///
/// A class without an image in the set has no accuracy: it is `None` in `per_class` and left out of
/// every mean, of `worst_class` and of `zero_classes`. A group without such a class is `None`.
/// `classes_tested` says how many classes the means run over.
///
/// Every figure is rounded to 12 decimals, so that it survives JSON exactly in any reader.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Evaluation {
    /// Correct images / all images.
    pub top1: f64,
    /// Mean of the per-class accuracies: the balanced top-1. On a balanced set it equals `top1`.
    pub arithmetic_mean: f64,
    /// Harmonic mean of the per-class accuracies, classes at zero treated as [`HarmonicZero`] says.
    pub harmonic_mean: f64,
    /// Number of classes with no correct image.
    pub zero_classes: usize,
    /// The lowest per-class accuracy.
    pub worst_class: f64,
    /// Mean over the many-shot classes.
    pub many: Option<f64>,
    /// Mean over the medium-shot classes.
    pub medium: Option<f64>,
    /// Mean over the few-shot classes.
    pub few: Option<f64>,
    /// Accuracy of each class, by label.
    pub per_class: Vec<Option<f64>>,
    /// Number of images.
    pub count: usize,
    /// Classes with an image: those that every mean runs over.
    #[serde(default)]
    pub classes_tested: usize,
    /// Images of each class, by label; empty in files of versions that did not count them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per_class_images: Vec<usize>,
    /// Correct images of each class, by label; empty where `per_class_images` is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per_class_correct: Vec<usize>,
    /// The class that most images are called; `None` in files of versions that did not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_predicted: Option<MostPredicted>,
    /// How far the figures may be off; `None` where images were not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Intervals>,
    /// Further figures; all `None` in the log and in files of versions that did not compute them.
    #[serde(flatten)]
    pub scores: Scores,
    /// Precision of each class, by label; `None` for a class without an image and for one that nothing is called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per_class_precision: Vec<Option<f64>>,
}

/// The class that most images of a set are called.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MostPredicted {
    /// Its label.
    pub class: u32,
    /// The share of images that are called so, in [0, 1].
    pub share: f64,
}

impl MostPredicted {
    /// Of the classes that some images are called; of equal ones the lowest.
    fn of(tallies: &[Tally]) -> Option<Self> {
        let all: usize = tallies.iter().map(|of| of.predicted).sum();
        let counts = tallies.iter().map(|of| of.predicted).enumerate();
        let (class, count) = counts.rev().max_by_key(|(_, count)| *count)?;
        let share = rounded(count as f64 / all.max(1) as f64);
        Some(Self { class: class as u32, share })
    }
}

impl Serialize for Evaluation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Evaluation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut read = Self::deserialize(deserializer)?;
        let classes = read.per_class.len();
        let lists = [read.per_class_images.len(), read.per_class_correct.len()];
        if lists != [0, 0] && lists != [classes, classes] {
            return Err(D::Error::custom(format!(
                "{classes} classes have {} numbers of images and {} of correct ones",
                lists[0], lists[1]
            )));
        }
        // Earlier versions did not write it.
        read.classes_tested = read.per_class.iter().flatten().count();
        Ok(read)
    }
}

impl Evaluation {
    /// Evaluates `predictions` against `labels`, both one class index per image.
    ///
    /// `train_counts` holds the training images of every class; it gives the number of classes and
    /// their groups.
    ///
    /// # Errors
    /// If there is no image, if the lengths differ, or if a class index is out of range.
    ///
    /// ```
    /// use longtail::eval::{EvalOptions, Evaluation};
    ///
    /// // One of two images of class 0 is right, and the one of class 1.
    /// let (labels, predictions) = ([0, 0, 1], [0, 1, 1]);
    /// let figures = Evaluation::of(&labels, &predictions, &[500, 5], &EvalOptions::default())?;
    /// assert_eq!(figures.per_class, [Some(0.5), Some(1.0)]);
    /// assert_eq!((figures.arithmetic_mean, figures.worst_class), (0.75, 0.5));
    /// assert_eq!((figures.many, figures.medium, figures.few), (Some(0.5), None, Some(1.0)));
    /// // 2 / (1/0.5 + 1/1), and two of three images.
    /// assert_eq!((figures.harmonic_mean, figures.top1), (0.666_666_666_667, 0.666_666_666_667));
    /// # Ok::<(), longtail::eval::EvalError>(())
    /// ```
    pub fn of(
        labels: &[u32],
        predictions: &[u32],
        train_counts: &[usize],
        options: &EvalOptions,
    ) -> Result<Self, EvalError> {
        let confusion = Confusion::of(labels, predictions, train_counts.len())?;
        Ok(Self::of_tallies(&confusion.tallies(), train_counts, options))
    }

    /// Of what every class counts, by label.
    pub(super) fn of_tallies(
        tallies: &[Tally],
        train_counts: &[usize],
        options: &EvalOptions,
    ) -> Self {
        let images: usize = tallies.iter().map(|of| of.images).sum();
        let correct: usize = tallies.iter().map(|of| of.correct).sum();
        let per_class: Vec<_> = tallies.iter().map(Tally::recall).collect();
        let group_mean = |group| {
            mean(per_class.iter().zip(train_counts).filter_map(|(&accuracy, &count)| {
                accuracy.filter(|_| options.shot_thresholds.group(count) == group)
            }))
        };
        let present = || per_class.iter().copied().flatten();
        let mut figures = Self {
            top1: rounded(correct as f64 / images as f64),
            arithmetic_mean: mean(present()).map_or(0.0, rounded),
            harmonic_mean: rounded(options.harmonic_zero.mean(options.harmonic_floor, present())),
            zero_classes: present().filter(|&accuracy| accuracy == 0.0).count(),
            worst_class: rounded(present().fold(1.0, f64::min)),
            many: group_mean(Group::Many).map(rounded),
            medium: group_mean(Group::Medium).map(rounded),
            few: group_mean(Group::Few).map(rounded),
            per_class: per_class.iter().map(|accuracy| accuracy.map(rounded)).collect(),
            count: images,
            classes_tested: present().count(),
            per_class_images: tallies.iter().map(|of| of.images).collect(),
            per_class_correct: tallies.iter().map(|of| of.correct).collect(),
            most_predicted: MostPredicted::of(tallies),
            ..Self::default()
        };
        figures.interval = figures.intervals(train_counts, &options.shot_thresholds);
        figures
    }

    fn intervals(&self, train_counts: &[usize], shots: &ShotThresholds) -> Option<Intervals> {
        let classes = || self.counts().zip(train_counts);
        let of_group = |group| {
            let members = classes().filter(|(_, count)| shots.group(**count) == group);
            mean_interval(self.group(group)?, members.map(|(class, _)| class))
        };
        let per_class = |(correct, images)| wilson_interval(correct, images).map(short);
        Some(Intervals {
            top1: wilson_interval(self.per_class_correct.iter().sum(), self.count).map(short)?,
            arithmetic_mean: mean_interval(self.arithmetic_mean, self.counts())?,
            many: of_group(Group::Many),
            medium: of_group(Group::Medium),
            few: of_group(Group::Few),
            per_class: self.counts().map(per_class).collect(),
        })
    }

    /// Correct images and images of each class, by label; nothing where they were not counted.
    pub fn counts(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.per_class_correct.iter().copied().zip(self.per_class_images.iter().copied())
    }

    /// How far `arithmetic_mean` may be off, as 95 % ± [margin](mean_margin); `None` where images were
    /// not counted.
    pub fn margin(&self) -> Option<f64> {
        mean_margin(self.counts())
    }

    /// The mean over one group; `None` where no class of the group has an image.
    pub fn group(&self, group: Group) -> Option<f64> {
        match group {
            Group::Many => self.many,
            Group::Medium => self.medium,
            Group::Few => self.few,
        }
    }
}

/// At most 12 decimals: such a number is read back exactly even by JSON parsers that round twice.
fn rounded(accuracy: f64) -> f64 {
    (accuracy * 1e12).round() / 1e12
}

/// The index of the largest of `logits`; of equal ones the lowest.
///
/// NaN never wins against a number; where every value is NaN, and for an empty slice, it is 0.
///
/// ```
/// use longtail::eval::argmax;
///
/// assert_eq!(argmax(&[0.1, 0.7, 0.7]), 1);
/// assert_eq!(argmax(&[f32::NAN, -1.0]), 1);
/// ```
pub fn argmax(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (index, &logit) in logits.iter().enumerate() {
        if logit > logits[best] || (logits[best].is_nan() && !logit.is_nan()) {
            best = index;
        }
    }
    best as u32
}
