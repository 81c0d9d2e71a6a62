//! What a comparison with the baseline decides, in a sentence.

use serde::Serialize;

use super::figures::points;
use crate::counted::counted;

/// With fewer seeds of either side nothing is decided.
pub(super) const LEAST_SEEDS: usize = 5;

/// What the figures of a row say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is what the others are compared with.
    Baseline,
    /// Its balanced top-1 is higher, by more than images and seeds explain.
    Better,
    /// Its balanced top-1 is lower, by more than images and seeds explain.
    Worse,
    /// The runs at hand do not say.
    Undecided,
}

impl Verdict {
    /// `baseline`, `better`, `worse` or `undecided`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Undecided => "undecided",
        }
    }
}

/// Why nothing is decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// One side has fewer than five seeds.
    #[error("{} against {base}, where {LEAST_SEEDS} of each are the least", counted(*.own, "seed", "seeds"))]
    FewSeeds {
        /// Seeds of the row.
        own: usize,
        /// Seeds of the baseline.
        base: usize,
    },
    /// The interval of the difference holds 0.
    #[error("the interval holds 0")]
    HoldsZero,
    /// It is not known what the runs say of each image.
    #[error("it is not known what {0} says of each image")]
    NoPredictions(String),
    /// Not all runs were tested on the same images.
    #[error("the images are not the same: {0}")]
    OtherImages(String),
    /// The runs tell other classes apart.
    #[error("the classes are not the same")]
    OtherClasses,
}

impl Serialize for Doubt {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a difference decides of which `interval` is known, or why that is not; `[own, base]` seeds are behind it.
pub(super) fn decide(
    difference: f64,
    interval: Result<[f64; 2], Doubt>,
    [own, base]: [usize; 2],
) -> (Verdict, Vec<Doubt>) {
    let mut doubts = Vec::new();
    match interval {
        Err(doubt) => doubts.push(doubt),
        Ok([low, high]) if low <= 0.0 && high >= 0.0 => doubts.push(Doubt::HoldsZero),
        Ok(_) => {}
    }
    if own.min(base) < LEAST_SEEDS {
        doubts.push(Doubt::FewSeeds { own, base });
    }
    match doubts.is_empty() {
        false => (Verdict::Undecided, doubts),
        true if difference > 0.0 => (Verdict::Better, doubts),
        true => (Verdict::Worse, doubts),
    }
}

/// The decision in words, without the name of the row before it.
pub(super) fn sentence(
    (verdict, doubts): &(Verdict, Vec<Doubt>),
    difference: f64,
    interval: Option<[f64; 2]>,
    baseline: &str,
    besides: &[String],
) -> String {
    let by = format!("{} points of balanced top-1", points(difference));
    let by = match interval {
        None => by,
        Some([low, high]) => format!("{by}, 95% interval {} to {}", points(low), points(high)),
    };
    let doubts: Vec<_> = doubts.iter().map(ToString::to_string).collect();
    let text = match verdict {
        Verdict::Baseline => return "the baseline".into(),
        Verdict::Better => format!("better than {baseline}: {by}"),
        Verdict::Worse => format!("worse than {baseline}: {by}"),
        Verdict::Undecided => {
            format!("undecided against {baseline}: {by}; {}", doubts.join("; "))
        }
    };
    match besides.is_empty() {
        true => text,
        false => {
            format!("{text}; not by the method alone, for this differs too: {}", besides.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_enough_seeds_and_an_interval_without_zero_decide() {
        let verdict = |difference, interval, seeds| decide(difference, Ok(interval), seeds);
        assert_eq!(verdict(0.02, [0.01, 0.03], [5, 5]), (Verdict::Better, vec![]));
        assert_eq!(verdict(-0.02, [-0.03, -0.01], [5, 6]), (Verdict::Worse, vec![]));
        for interval in [[-0.01, 0.03], [0.0, 0.03], [-0.02, 0.0]] {
            assert_eq!(
                verdict(0.01, interval, [9, 9]),
                (Verdict::Undecided, vec![Doubt::HoldsZero])
            );
        }
        for (own, base) in [(1, 1), (4, 5), (5, 4), (1, 9)] {
            let doubts = vec![Doubt::FewSeeds { own, base }];
            assert_eq!(verdict(0.02, [0.01, 0.03], [own, base]), (Verdict::Undecided, doubts));
        }
        let none = Doubt::NoPredictions("runs/a".into());
        let decided = decide(0.5, Err(none.clone()), [5, 5]);
        assert_eq!(decided, (Verdict::Undecided, vec![none]));
    }

    #[test]
    fn sentences_say_what_is_decided_and_why_not() {
        let say = |interval, seeds, besides: &[String]| {
            let decided = decide(0.019, Ok(interval), seeds);
            sentence(&decided, 0.019, Some(interval), "la", besides)
        };
        assert_eq!(
            say([0.008, 0.03], [5, 5], &[]),
            "better than la: +1.9 points of balanced top-1, 95% interval +0.8 to +3.0"
        );
        assert_eq!(
            say([-0.002, 0.03], [1, 5], &[]),
            "undecided against la: +1.9 points of balanced top-1, 95% interval -0.2 to +3.0; the \
             interval holds 0; 1 seed against 5, where 5 of each are the least"
        );
        let besides = say([0.008, 0.03], [5, 5], &["train.epochs".into()]);
        assert!(besides.ends_with("; not by the method alone, for this differs too: train.epochs"));
    }
}
