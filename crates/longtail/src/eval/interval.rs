use serde::{Deserialize, Serialize};

use super::Group;

/// The 97.5 % quantile of the normal distribution: of a 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// 95 % intervals of the figures of an evaluation, each `[low, high]` in [0, 1]: where the figures on
/// all images of the kind may lie, of which the set is a sample.
///
/// They say nothing about another training of the same recipe. Of one class and of `top1` they are
/// [Wilson's](wilson_interval), of means over classes they are the mean ± its [margin](mean_margin).
/// Bounds are rounded to 6 decimals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// Of correct images / all images.
    pub top1: [f64; 2],
    /// Of the mean of the per-class accuracies.
    pub arithmetic_mean: [f64; 2],
    /// Of the mean over the many-shot classes.
    pub many: Option<[f64; 2]>,
    /// Of the mean over the medium-shot classes.
    pub medium: Option<[f64; 2]>,
    /// Of the mean over the few-shot classes.
    pub few: Option<[f64; 2]>,
    /// Of each class, by label; `None` for a class without an image.
    pub per_class: Vec<Option<[f64; 2]>>,
}

impl Intervals {
    /// Of the mean over one group; `None` where no class of the group has an image.
    pub fn group(&self, group: Group) -> Option<[f64; 2]> {
        match group {
            Group::Many => self.many,
            Group::Medium => self.medium,
            Group::Few => self.few,
        }
    }
}

/// Wilson's 95 % score interval for `correct` of `images`, without continuity correction; `None` for
/// no image.
///
/// It is sound for few images and at 0 and 100 %, where the normal approximation has no width
/// (Wilson 1927; Brown, Cai, DasGupta 2001).
///
/// ```
/// use longtail::eval::wilson_interval;
///
/// // With none of n right it is 0 to z² / (n + z²), z being 1.96.
/// let [low, high] = wilson_interval(0, 4).unwrap_or_default();
/// assert_eq!(low, 0.0);
/// assert!((high - 3.8415 / 7.8415).abs() < 1e-4);
/// assert_eq!(wilson_interval(0, 0), None);
/// ```
pub fn wilson_interval(correct: usize, images: usize) -> Option<[f64; 2]> {
    if images == 0 {
        return None;
    }
    let (n, correct) = (images as f64, correct.min(images) as f64);
    let (share, z2) = (correct / n, Z * Z);
    let centre = share + z2 / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    let bound = |value: f64| (value / (1.0 + z2 / n)).clamp(0.0, 1.0);
    // At the ends the two terms are equal, and rounding must not part them.
    let low = if correct == 0.0 { 0.0 } else { bound(centre - half) };
    let high = if correct == n { 1.0 } else { bound(centre + half) };
    Some([low, high])
}

/// How far the mean of per-class accuracies may be off, as 95 % ± margin: the normal approximation over
/// independent classes, 1.96 · √(Σ q(1 − q)/n) / C with `(correct, n)` of each class; of one class, the
/// longer arm of [Wilson's](wilson_interval).
///
/// In the variance Agresti and Coull's q = (correct + 2)/(n + 4) stands for correct/n, so that a class
/// with its only image right counts as unsure and not as certain. Classes without an image are left
/// out; `None` where none is left.
///
/// ```
/// use longtail::eval::mean_margin;
///
/// // Half of the images of two classes: 1.96 · √(2 · ½ · ½ / 8) / 2 = 1.96 / 8.
/// let margin = mean_margin([(4, 8), (4, 8)]).unwrap_or_default();
/// assert!((margin - 1.96 / 8.0).abs() < 1e-4);
/// ```
pub fn mean_margin(classes: impl IntoIterator<Item = (usize, usize)>) -> Option<f64> {
    let classes: Vec<_> = classes.into_iter().filter(|&(_, images)| images > 0).collect();
    match classes[..] {
        [] => None,
        [(correct, images)] => {
            let [low, high] = wilson_interval(correct, images)?;
            let share = correct.min(images) as f64 / images as f64;
            Some((share - low).max(high - share))
        }
        _ => {
            let variances = classes.iter().map(|&(correct, images)| {
                let share = (correct.min(images) + 2) as f64 / (images + 4) as f64;
                share * (1.0 - share) / images as f64
            });
            Some(Z * variances.sum::<f64>().sqrt() / classes.len() as f64)
        }
    }
}

/// The interval of `mean`, which is that of `classes`, within [0, 1].
pub(super) fn mean_interval(
    mean: f64,
    classes: impl Iterator<Item = (usize, usize)>,
) -> Option<[f64; 2]> {
    let classes: Vec<_> = classes.filter(|&(_, images)| images > 0).collect();
    if let [(correct, images)] = classes[..] {
        return wilson_interval(correct, images).map(short);
    }
    let margin = mean_margin(classes)?;
    Some(short([(mean - margin).max(0.0), (mean + margin).min(1.0)]))
}

/// More digits would only make logs longer.
pub(super) fn short(interval: [f64; 2]) -> [f64; 2] {
    interval.map(|bound| (bound * 1e6).round() / 1e6)
}
