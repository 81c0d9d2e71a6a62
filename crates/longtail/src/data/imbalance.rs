//! How many images of each class a long-tailed set keeps.

use super::DataError;
use crate::counted::counted;

/// n_c = ⌊n_max · μ^(c/(C−1))⌋ with μ = 1 / `factor`, for c in 0..C (kaidic's LDAM-DRW code).
///
/// # Errors
/// [`DataError::Imbalance`] for a factor below 1, not finite, or so large that a class vanishes.
///
/// `classes` are those with their images, from head to tail; they are named where one vanishes.
///
/// ```
/// use longtail::data::class_counts;
///
/// let animals = [("cat", 400), ("dog", 400), ("fox", 400)];
/// assert_eq!(class_counts(400, &animals, 100.0)?, [400, 40, 4]);
/// assert!(class_counts(40, &animals, 100.0).is_err());
/// # Ok::<(), longtail::data::DataError>(())
/// ```
pub fn class_counts(
    n_max: usize,
    classes: &[(&str, usize)],
    factor: f64,
) -> Result<Vec<usize>, DataError> {
    let wrong = |reason: String| DataError::Imbalance { factor, reason };
    if !factor.is_finite() || factor < 1.0 {
        return Err(wrong("it is n_max / n_min, a number of at least 1".into()));
    }
    // 1/100, 1/50 and 1/10 are the doubles nearest to the reference's literals .01, .02 and .1.
    let mu = 1.0 / factor;
    let last = classes.len().saturating_sub(1).max(1) as f64;
    let count = |class: usize| (n_max as f64 * mu.powf(class as f64 / last)) as usize;
    let counts: Vec<usize> = (0..classes.len()).map(count).collect();
    match counts.iter().zip(classes).find(|(count, _)| **count == 0) {
        Some((_, (name, images))) => Err(wrong(format!(
            "class \"{name}\" would keep none of its {}, for the largest has {n_max}; choose {n_max} or less",
            counted(*images, "image", "images")
        ))),
        None => Ok(counts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn counts_are_the_references() {
        let oracle: Value =
            serde_json::from_str(include_str!("../../tests/oracles/class_counts.json")).unwrap();
        for (name, expected) in oracle.as_object().unwrap() {
            let (data, factor) = name.split_once("_if").unwrap();
            let (n_max, classes) = if data == "cifar10" { (5000, 10) } else { (500, 100) };
            let pool = vec![("a class", n_max); classes];
            let counts = class_counts(n_max, &pool, factor.parse().unwrap()).unwrap();
            let expected_counts: Vec<usize> =
                serde_json::from_value(expected["counts"].clone()).unwrap();
            assert_eq!(counts, expected_counts, "{name}");
            assert_eq!(counts.iter().sum::<usize>() as u64, expected["total"].as_u64().unwrap());
            let many = counts.iter().filter(|&&n| n > 100).count() as u64;
            assert_eq!(many, expected["many"].as_u64().unwrap());
        }
    }

    #[test]
    fn factors_that_mean_nothing_are_refused() {
        for factor in [0.99, 0.0, -5.0, f64::NAN, f64::INFINITY] {
            assert!(class_counts(5000, &[("a class", 5000); 10], factor).is_err(), "{factor}");
        }
        let animals = [("cat", 24), ("dog", 12), ("fox", 8)];
        let message = class_counts(24, &animals, 1000.0).unwrap_err().to_string();
        assert!(message.contains("imbalance 1000"), "{message}");
        assert!(message.contains("class \"dog\" would keep none of its 12 images"), "{message}");
        let message = class_counts(24, &animals, 100.0).unwrap_err().to_string();
        assert!(message.contains("class \"fox\" would keep none of its 8 images"), "{message}");
        assert_eq!(class_counts(500, &[("a", 500); 3], 1.0).unwrap(), [500, 500, 500]);
        assert_eq!(class_counts(500, &[("a", 500)], 10.0).unwrap(), [500]);
    }
}
