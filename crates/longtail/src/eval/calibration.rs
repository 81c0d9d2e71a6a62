use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    EvalError, Group, Rows, ShotThresholds, class_means::mean, round::significant, softmax::Softmax,
};

/// Bins of equal width.
const BINS: usize = 15;

/// Calibration of all images and of those of each group; `None` where there is no such image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Of all images.
    pub all: Reliability,
    /// Of images of many-shot classes.
    pub many: Option<Reliability>,
    /// Of images of medium-shot classes.
    pub medium: Option<Reliability>,
    /// Of images of few-shot classes.
    pub few: Option<Reliability>,
}

/// A reliability diagram and its summary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// Number of images.
    pub images: usize,
    /// Expected calibration error: mean over images of |accuracy − confidence| of their bin.
    pub ece: f64,
    /// The largest |accuracy − confidence| of a bin.
    pub max_error: f64,
    /// Mean confidence.
    pub confidence: f64,
    /// Share of right images.
    pub accuracy: f64,
    /// 15 bins of equal width, and one of the confidence 1 alone.
    pub bins: Vec<ReliabilityBin>,
}

/// Images whose confidence lies in `[low, high)`; in the last bin it is 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// The lowest confidence.
    pub low: f64,
    /// The first confidence above; 1 in the last bin, where `low` is 1 too.
    pub high: f64,
    /// Number of images.
    pub images: usize,
    /// Their mean confidence; `None` without one.
    pub confidence: Option<f64>,
    /// The share of right ones; `None` without one.
    pub accuracy: Option<f64>,
}

/// Predicted class and its probability of every row of logits, which softmax makes in f64.
///
/// # Errors
/// If rows and labels do not belong together, if a logit is NaN or +∞, or if all of a row are −∞.
pub fn confidences<T: Copy + Into<f64> + Sync>(
    logits: &Rows<T>,
    labels: &[u32],
) -> Result<Vec<(u32, f64)>, EvalError> {
    logits.check_logits(labels)?;
    let rows = 0..logits.len();
    Ok(rows.into_par_iter().map(|image| confidence(logits.row(image))).collect())
}

/// Of equal logits the lowest label, as [`argmax`](super::argmax) has it.
fn confidence<T: Copy + Into<f64>>(logits: &[T]) -> (u32, f64) {
    let larger = |best: (usize, f64), (class, &logit): (usize, &T)| {
        let logit = logit.into();
        if logit > best.1 { (class, logit) } else { best }
    };
    let (class, max) = logits.iter().enumerate().fold((0, f64::NEG_INFINITY), larger);
    (class as u32, Softmax::of(logits).probability(max))
}

impl Calibration {
    /// Of images of the classes `labels` with what [`confidences`] gave, by the groups of `train_counts`; `None` without
    /// an image.
    ///
    /// # Errors
    /// If the lengths differ, or if a label has no training count.
    ///
    /// ```
    /// use longtail::eval::{Calibration, ShotThresholds};
    ///
    /// // Three images of a class of 500 training images, one of a class of 5, called right with these confidences.
    /// let confidences = [(0, 0.9), (0, 0.9), (1, 0.9), (1, 0.6)];
    /// let of = Calibration::of(&[0, 0, 0, 1], &confidences, &[500, 5], &ShotThresholds::default())?;
    /// let of = of.ok_or("no image")?;
    /// // Two of three right where .9 was said: .2333 too few; .4 too many of one.
    /// assert!((of.all.ece - (3.0 * (0.9 - 2.0 / 3.0) + 0.4) / 4.0).abs() < 1e-9);
    /// assert_eq!(of.medium, None);
    /// assert_eq!(of.few.map(|few| few.ece), Some(0.4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(
        labels: &[u32],
        confidences: &[(u32, f64)],
        train_counts: &[usize],
        shots: &ShotThresholds,
    ) -> Result<Option<Self>, EvalError> {
        let predictions = confidences.len();
        if labels.len() != predictions {
            return Err(EvalError::Lengths { labels: labels.len(), predictions });
        }
        EvalError::check_classes("label", labels, train_counts.len())?;
        let said = |group: Option<Group>| {
            let images = labels.iter().zip(confidences);
            images
                .filter(|(label, _)| {
                    group.is_none_or(|g| shots.group(train_counts[**label as usize]) == g)
                })
                .map(|(label, (class, confidence))| (*confidence, label == class))
                .collect::<Vec<_>>()
        };
        let of = |group| Reliability::of(&said(Some(group)));
        let all = Reliability::of(&said(None));
        Ok(all.map(|all| Self {
            all,
            many: of(Group::Many),
            medium: of(Group::Medium),
            few: of(Group::Few),
        }))
    }
}

impl Reliability {
    /// Of the confidence in every image's predicted class, in [0, 1], and whether that is right; `None` without an image.
    ///
    /// ```
    /// use longtail::eval::Reliability;
    ///
    /// let of = Reliability::of(&[(0.7, true), (0.7, false), (1.0, true)]).ok_or("no image")?;
    /// assert_eq!(of.bins.iter().filter(|bin| bin.images > 0).count(), 2);
    /// assert!((of.ece - 2.0 / 3.0 * 0.2).abs() < 1e-9);
    /// # Ok::<(), &str>(())
    /// ```
    pub fn of(images: &[(f64, bool)]) -> Option<Self> {
        let (edges, mut of_bin) = (edges(), vec![Vec::new(); BINS + 1]);
        images.iter().for_each(|image| of_bin[bin(&edges, image.0)].push(*image));
        let figures = |of: &[(f64, bool)]| {
            let confidence = mean(of.iter().map(|(confidence, _)| *confidence))?;
            let accuracy = mean(of.iter().map(|(_, right)| f64::from(u8::from(*right))))?;
            Some((confidence, accuracy))
        };
        let (confidence, accuracy) = figures(images)?;
        let (mut ece, mut max_error, mut bins) = (0.0, 0.0_f64, Vec::with_capacity(BINS + 1));
        for (index, of) in of_bin.iter().enumerate() {
            let figures = figures(of);
            if let Some((confidence, accuracy)) = figures {
                let error = (accuracy - confidence).abs();
                ece += error * of.len() as f64 / images.len() as f64;
                max_error = max_error.max(error);
            }
            bins.push(ReliabilityBin {
                low: significant(edges[index]),
                high: significant(edges[(index + 1).min(BINS)]),
                images: of.len(),
                confidence: figures.map(|(confidence, _)| significant(confidence)),
                accuracy: figures.map(|(_, accuracy)| significant(accuracy)),
            });
        }
        Some(Self {
            images: images.len(),
            ece: significant(ece),
            max_error: significant(max_error),
            confidence: significant(confidence),
            accuracy: significant(accuracy),
            bins,
        })
    }
}

/// The bin of a confidence: an edge belongs to the bin above it.
fn bin(edges: &[f64; BINS + 1], confidence: f64) -> usize {
    edges.partition_point(|edge| *edge <= confidence).saturating_sub(1)
}

/// As `torch.linspace(0, 1, 16)` has them in f64, which counts from both ends and rounds once.
fn edges() -> [f64; BINS + 1] {
    let step = 1.0 / BINS as f64;
    std::array::from_fn(|index| match index {
        low if low < BINS.div_ceil(2) => step * low as f64,
        high => (-step).mul_add((BINS - high) as f64, 1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edge_belongs_to_the_bin_above() {
        let edges = edges();
        for (index, edge) in edges.into_iter().enumerate() {
            assert_eq!(bin(&edges, edge), index);
            if index > 0 {
                assert_eq!(bin(&edges, edge.next_down()), index - 1);
            }
        }
    }

    #[test]
    fn a_logit_that_is_no_number_is_an_error_and_one_that_rules_a_class_out_is_none() {
        let of = |logits: Vec<f32>| confidences(&Rows::new(logits, 2).unwrap(), &[0, 1]);
        let (nan, infinite) = (f32::NAN, f32::INFINITY);
        let broken = Err(EvalError::NotFinite { what: "logits", image: 1 });
        for row in [[nan, 1.0], [1.0, nan], [infinite, 1.0], [-infinite, -infinite]] {
            assert_eq!(of([vec![1.0, 1.0], row.to_vec()].concat()), broken, "{row:?}");
        }
        assert_eq!(of(vec![1.0, 1.0, -infinite, 3.0]), Ok(vec![(0, 0.5), (1, 1.0)]));
    }
}
