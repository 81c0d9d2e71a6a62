//! Means over the figures of classes.

use super::WorstClasses;

/// The fewest classes that [`WorstClasses`] has, where there are so many.
const FEWEST: usize = 3;
/// It has one class in so many.
const ONE_IN: usize = 10;

/// The mean; `None` of nothing.
pub(super) fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, count) =
        values.into_iter().fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

/// (Π acc_c)^(1/C) over `accuracies` in [0, 1]: 0 where one of them is 0; `None` of nothing.
///
/// It is imbalanced-learn's `geometric_mean_score(average="multiclass")` with its default correction of 0.
///
/// ```
/// use longtail::eval::geometric_mean;
///
/// let mean = geometric_mean([0.9, 0.4]).unwrap_or_default();
/// assert!((mean - 0.6).abs() < 1e-12);
/// assert_eq!(geometric_mean([0.9, 0.0]), Some(0.0));
/// assert_eq!(geometric_mean([]), None);
/// ```
pub fn geometric_mean(accuracies: impl IntoIterator<Item = f64>) -> Option<f64> {
    // The product of 8,142 accuracies is no f64; the logarithm of 0 is -∞, of which the exponential is 0 again.
    mean(accuracies.into_iter().map(f64::ln)).map(f64::exp)
}

/// The mean of the lowest of `accuracies`: of a tenth of them, of 3 at least where there are so many; `None` of nothing.
///
/// ```
/// use longtail::eval::worst_classes;
///
/// let worst = worst_classes([0.9, 0.1, 0.5, 0.3]).ok_or("no class")?;
/// assert_eq!((worst.classes, worst.mean), (3, 0.3));
/// # Ok::<(), &str>(())
/// ```
pub fn worst_classes(accuracies: impl IntoIterator<Item = f64>) -> Option<WorstClasses> {
    let mut all: Vec<f64> = accuracies.into_iter().collect();
    all.sort_by(f64::total_cmp);
    let classes = (all.len() / ONE_IN).max(FEWEST).min(all.len());
    worst_mean(&all, classes).map(|mean| WorstClasses { classes, mean })
}

fn worst_mean(sorted: &[f64], classes: usize) -> Option<f64> {
    mean(sorted.iter().copied().take(classes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_many_classes_is_worst() {
        let worst = worst_classes((0..1000).map(|class| f64::from(class) / 1000.0)).unwrap();
        assert_eq!(worst.classes, 100);
        assert!((worst.mean - 0.0495).abs() < 1e-12);
        assert_eq!(worst_classes([0.5]), Some(WorstClasses { classes: 1, mean: 0.5 }));
        assert_eq!(worst_classes([]), None);
    }

    #[test]
    fn the_geometric_mean_of_thousands_of_classes_does_not_vanish() {
        let mean = geometric_mean(std::iter::repeat_n(0.1, 8142)).unwrap();
        assert!((mean - 0.1).abs() < 1e-12, "{mean}");
    }
}
