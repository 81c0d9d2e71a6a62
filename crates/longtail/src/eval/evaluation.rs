use serde::{Deserialize, Serialize};

use super::{EvalError, Group, HarmonicZero, ShotThresholds};

/// How an [`Evaluation`] is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvalOptions {
    /// What the harmonic mean does with classes of zero accuracy.
    pub harmonic_zero: HarmonicZero,
    /// Where many-shot ends and few-shot begins.
    pub shot_thresholds: ShotThresholds,
}

impl EvalOptions {
    /// Whether the options mean something, to be asked before any work.
    ///
    /// # Errors
    /// If the floor of the harmonic mean does not lie in (0, 1].
    pub fn check(&self) -> Result<(), EvalError> {
        match self.harmonic_zero {
            HarmonicZero::Floor(floor) if !(floor > 0.0 && floor <= 1.0) => {
                Err(EvalError::Floor(floor))
            }
            _ => Ok(()),
        }
    }
}

/// Accuracies on one set of images, all in [0, 1].
///
/// A class without an image in the set has no accuracy: it is `None` in `per_class` and left out of
/// every mean, of `worst_class` and of `zero_classes`. A group without such a class is `None`.
///
/// Every figure is rounded to 12 decimals, so that it survives JSON exactly in any reader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
}

impl Evaluation {
    /// Evaluates `predictions` against `labels`, both one class index per image.
    ///
    /// `train_counts` holds the training images of every class; it gives the number of classes and
    /// their groups.
    ///
    /// # Errors
    /// If there is no image, if the lengths differ, or if a class index is out of range.
    pub fn of(
        labels: &[u32],
        predictions: &[u32],
        train_counts: &[usize],
        options: &EvalOptions,
    ) -> Result<Self, EvalError> {
        let tally = tally(labels, predictions, train_counts.len())?;
        let correct: usize = tally.iter().map(|&(correct, _)| correct).sum();
        let per_class: Vec<_> = tally
            .iter()
            .map(|&(correct, images)| (images > 0).then(|| correct as f64 / images as f64))
            .collect();
        let group_mean = |group| {
            mean(per_class.iter().zip(train_counts).filter_map(|(&accuracy, &count)| {
                accuracy.filter(|_| options.shot_thresholds.group(count) == group)
            }))
        };
        let present = || per_class.iter().copied().flatten();
        Ok(Self {
            top1: rounded(correct as f64 / labels.len() as f64),
            arithmetic_mean: mean(present()).map_or(0.0, rounded),
            harmonic_mean: rounded(options.harmonic_zero.mean(present())),
            zero_classes: present().filter(|&accuracy| accuracy == 0.0).count(),
            worst_class: rounded(present().fold(1.0, f64::min)),
            many: group_mean(Group::Many).map(rounded),
            medium: group_mean(Group::Medium).map(rounded),
            few: group_mean(Group::Few).map(rounded),
            per_class: per_class.iter().map(|accuracy| accuracy.map(rounded)).collect(),
            count: labels.len(),
        })
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

/// Correct images and images of each class.
fn tally(
    labels: &[u32],
    predictions: &[u32],
    classes: usize,
) -> Result<Vec<(usize, usize)>, EvalError> {
    if labels.len() != predictions.len() {
        return Err(EvalError::Lengths { labels: labels.len(), predictions: predictions.len() });
    }
    if labels.is_empty() {
        return Err(EvalError::Empty);
    }
    let mut tally = vec![(0, 0); classes];
    for (image, (&label, &prediction)) in labels.iter().zip(predictions).enumerate() {
        for (what, class) in [("label", label), ("prediction", prediction)] {
            if class as usize >= classes {
                return Err(EvalError::Class { image, what, class, classes });
            }
        }
        let (correct, images) = &mut tally[label as usize];
        *correct += usize::from(label == prediction);
        *images += 1;
    }
    Ok(tally)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

/// At most 12 decimals: such a number is read back exactly even by JSON parsers that round twice.
fn rounded(accuracy: f64) -> f64 {
    (accuracy * 1e12).round() / 1e12
}

/// The index of the largest of `logits`; of equal ones the lowest.
///
/// NaN never wins against a number; where every value is NaN, and for an empty slice, it is 0.
pub fn argmax(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (index, &logit) in logits.iter().enumerate() {
        if logit > logits[best] || (logits[best].is_nan() && !logit.is_nan()) {
            best = index;
        }
    }
    best as u32
}
