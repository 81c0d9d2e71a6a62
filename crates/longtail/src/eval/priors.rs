use std::cmp::Reverse;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{EvalError, Rows, round::significant};

/// Factors of the long tails.
const FACTORS: [f64; 3] = [10.0, 50.0, 100.0];
/// Images that a thread counts at a time.
const CHUNK: usize = 256;

/// Accuracies where the classes of the test images are as frequent as other priors say, of the same predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShiftedPriors {
    /// The prior that the logits are taken to hold, by label.
    pub model: Vec<f64>,
    /// One line per prior.
    pub shifts: Vec<Shift>,
}

/// Accuracy under one prior.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// The prior.
    pub prior: Prior,
    /// Of the most frequent class to the rarest, where the prior is made of a factor.
    pub factor: Option<f64>,
    /// Its share that lies on classes with images; accuracies are of these alone.
    pub covered: f64,
    /// Σ p(y) · accuracy of y; `None` where the prior lies on no class with an image.
    pub accuracy: Option<f64>,
    /// The same once logits are corrected for the prior.
    pub corrected: Option<f64>,
}

/// How frequent the classes of test images are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prior {
    /// All alike.
    Uniform,
    /// As in training.
    Training,
    /// As 1 / training images.
    Inverse,
    /// A long tail in the order of training.
    Forward,
    /// A long tail in the other order: the rarest class in training is the most frequent.
    Backward,
}

impl ShiftedPriors {
    /// Of the logits of images of the classes `labels`: under the uniform prior, the training's, its inverse, and long
    /// tails of the factors 10, 50 and 100 in the order of training and the other way round.
    ///
    /// `model`: the prior that the logits hold, by label, of any scale: what training images had of plain cross entropy,
    /// uniform where the loss makes up for it. Where it is not what they hold, `corrected` is off, `accuracy` is not.
    ///
    /// # Errors
    /// If rows, labels and counts do not belong together, if a logit is NaN or +∞, or if a prior is not above 0.
    ///
    /// ```
    /// use longtail::eval::{Prior, Rows, ShiftedPriors};
    ///
    /// // Of plain cross entropy on 90 and 10 images: the second class is 5 times as likely as its share.
    /// let logits = Rows::new(vec![1.0, 0.4], 2).ok_or("no rows")?;
    /// let priors = ShiftedPriors::of(&logits, &[1], &[90, 10], &[90.0, 10.0])?;
    /// let uniform = &priors.shifts[0];
    /// assert_eq!((uniform.prior, uniform.accuracy, uniform.corrected), (Prior::Uniform, Some(0.0), Some(1.0)));
    /// // Class 0 has no image, so that half of the prior is not measured.
    /// assert_eq!(uniform.covered, 0.5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of<T>(
        logits: &Rows<T>,
        labels: &[u32],
        train_counts: &[usize],
        model: &[f64],
    ) -> Result<Self, EvalError>
    where
        T: Copy + Into<f64> + Sync,
    {
        logits.check_logits(labels)?;
        check(train_counts, model, logits.width())?;
        let model = normalised(model.to_vec());
        let all = all(train_counts);
        let none = vec![0.0; model.len()];
        let corrections = all.iter().map(|(_, _, prior)| correction(prior, &model));
        let right =
            right(logits, labels, &std::iter::once(none).chain(corrections).collect::<Vec<_>>());
        let images = images(labels, model.len());
        let shift = |(index, (prior, factor, p)): (usize, &(Prior, Option<f64>, Vec<f64>))| Shift {
            prior: *prior,
            factor: *factor,
            covered: significant(
                p.iter().zip(&images).filter(|(_, n)| **n > 0).map(|(p, _)| p).sum(),
            ),
            accuracy: accuracy(p, &right[0], &images).map(significant),
            corrected: accuracy(p, &right[index + 1], &images).map(significant),
        };
        let shifts = all.iter().enumerate().map(shift).collect();
        Ok(Self { model: model.into_iter().map(significant).collect(), shifts })
    }
}

fn check(train_counts: &[usize], model: &[f64], classes: usize) -> Result<(), EvalError> {
    for given in [train_counts.len(), model.len()] {
        if given != classes {
            let reason = format!("{given} classes have one, of {classes}");
            return Err(EvalError::Prior { reason });
        }
    }
    match model.iter().position(|p| !(p.is_finite() && *p > 0.0)) {
        Some(class) => {
            Err(EvalError::Prior { reason: format!("that of class {class} is {}", model[class]) })
        }
        None => Ok(()),
    }
}

/// Σ p · right / images over the classes with images, as a share of their p; `None` where that is nothing.
fn accuracy(p: &[f64], right: &[usize], images: &[usize]) -> Option<f64> {
    let tested = || (0..p.len()).filter(|&class| images[class] > 0);
    let covered: f64 = tested().map(|class| p[class]).sum();
    let sum: f64 =
        tested().map(|class| p[class] * right[class] as f64 / images[class] as f64).sum();
    (covered > 0.0).then(|| sum / covered)
}

/// The priors with their factors, each by label.
fn all(train_counts: &[usize]) -> Vec<(Prior, Option<f64>, Vec<f64>)> {
    let counts = || train_counts.iter().map(|&count| count as f64);
    let mut all = vec![
        (Prior::Uniform, None, normalised(vec![1.0; train_counts.len()])),
        (Prior::Training, None, normalised(counts().collect())),
    ];
    // A class without a training image has no inverse.
    if train_counts.iter().all(|&count| count > 0) {
        all.push((Prior::Inverse, None, normalised(counts().map(f64::recip).collect())));
    }
    for prior in [Prior::Forward, Prior::Backward] {
        all.extend(
            FACTORS.map(|factor| (prior, Some(factor), long_tail(train_counts, prior, factor))),
        );
    }
    all
}

/// p ∝ factor^(−r/(C − 1)), r being the rank by training images; of equal ones the lower label comes first.
fn long_tail(train_counts: &[usize], prior: Prior, factor: f64) -> Vec<f64> {
    let classes = train_counts.len();
    let mut order: Vec<usize> = (0..classes).collect();
    order.sort_by_key(|&class| Reverse(train_counts[class]));
    if prior == Prior::Backward {
        order.reverse();
    }
    let mut p = vec![0.0; classes];
    for (rank, class) in order.into_iter().enumerate() {
        p[class] = factor.powf(-(rank as f64) / classes.saturating_sub(1).max(1) as f64);
    }
    normalised(p)
}

/// log p_test − log p_model.
fn correction(test: &[f64], model: &[f64]) -> Vec<f64> {
    test.iter().zip(model).map(|(test, model)| test.ln() - model.ln()).collect()
}

/// Right images of each class, by label, under each correction of the logits.
fn right<T: Copy + Into<f64> + Sync>(
    logits: &Rows<T>,
    labels: &[u32],
    corrections: &[Vec<f64>],
) -> Vec<Vec<usize>> {
    let classes = logits.width();
    let of_chunk = |chunk: usize| {
        let rows = chunk * CHUNK..labels.len().min((chunk + 1) * CHUNK);
        rows.map(|image| {
            let row = logits.row(image);
            let is_right = |by: &Vec<f64>| largest(row, by) == labels[image] as usize;
            corrections.iter().map(is_right).collect::<Vec<_>>()
        })
        .collect::<Vec<_>>()
    };
    let chunks: Vec<_> = (0..labels.len().div_ceil(CHUNK)).into_par_iter().map(of_chunk).collect();
    let mut right = vec![vec![0; classes]; corrections.len()];
    for (of_image, &label) in chunks.iter().flatten().zip(labels) {
        for (right, is_right) in right.iter_mut().zip(of_image) {
            right[label as usize] += usize::from(*is_right);
        }
    }
    right
}

fn largest<T: Copy + Into<f64>>(logits: &[T], correction: &[f64]) -> usize {
    let (mut best, mut largest) = (0, f64::NEG_INFINITY);
    for (class, (&logit, by)) in logits.iter().zip(correction).enumerate() {
        let logit = logit.into() + by;
        if logit > largest {
            (best, largest) = (class, logit);
        }
    }
    best
}

fn images(labels: &[u32], classes: usize) -> Vec<usize> {
    let mut images = vec![0; classes];
    labels.iter().for_each(|&label| images[label as usize] += 1);
    images
}

fn normalised(weights: Vec<f64>) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}
