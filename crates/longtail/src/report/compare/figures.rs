//! The columns of a comparison.

use serde::Serialize;

use crate::{
    eval::Evaluation,
    report::{
        Summary, Weights,
        columns::{Set, percent},
    },
};

/// What a run came to on one set of images.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tested<'a> {
    pub set: Set,
    pub evaluation: &'a Evaluation,
}

impl<'a> Tested<'a> {
    /// On the test set, or on the validation set of a run that has none; `None` where it was not evaluated.
    pub fn of(summary: &'a Summary, weights: Weights) -> Option<Self> {
        let outcome = summary.outcome(weights)?;
        let of = |set, evaluation| Self { set, evaluation };
        let test = outcome.test.as_ref().map(|evaluation| of(Set::Test, evaluation));
        test.or_else(|| outcome.val.as_ref().map(|evaluation| of(Set::Val, evaluation)))
    }
}

/// A figure of runs: a column.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Figure {
    /// Its key in `summary.json`.
    pub key: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// The same in the little room above a column.
    #[serde(skip)]
    pub short: &'static str,
    /// Whether it is a share in [0, 1], shown in percent.
    pub is_share: bool,
    /// Whether it means the same whatever the classes are.
    #[serde(skip)]
    pub is_balanced: bool,
    #[serde(skip)]
    pub(super) read: fn(&Tested) -> Option<f64>,
}

impl Figure {
    const fn share(
        key: &'static str,
        name: &'static str,
        short: &'static str,
        read: fn(&Tested) -> Option<f64>,
    ) -> Self {
        Self { key, name, short, is_share: true, is_balanced: false, read }
    }

    const fn index(
        key: &'static str,
        name: &'static str,
        short: &'static str,
        read: fn(&Tested) -> Option<f64>,
    ) -> Self {
        Self { is_share: false, ..Self::share(key, name, short, read) }
    }

    /// Of any classes.
    const fn balanced(self) -> Self {
        Self { is_balanced: true, ..self }
    }

    /// A value for people, such as `83.1` for 0.831.
    pub fn shown(&self, value: f64) -> String {
        match self.is_share {
            true => format!("{:.1}", value * 100.0),
            false if value.abs() < 100.0 => format!("{value:.2}"),
            false => format!("{value:.0}"),
        }
    }
}

/// The key of the figure that differences and sentences are about.
pub(super) const MAIN: &str = "arithmetic_mean";

/// Every column, in their order; those that no run has are left out.
pub(super) const FIGURES: &[Figure] = &[
    Figure::share(MAIN, "balanced top-1", "balanced", |t| Some(t.evaluation.arithmetic_mean))
        .balanced(),
    Figure::share("harmonic_mean", "harmonic mean", "harmonic", |t| {
        Some(t.evaluation.harmonic_mean)
    })
    .balanced(),
    Figure::share("worst_class", "worst class", "worst", |t| Some(t.evaluation.worst_class)),
    Figure::share("top1", "top-1", "top-1", |t| Some(t.evaluation.top1)),
    Figure::share("many", "many", "many", |t| t.evaluation.many),
    Figure::share("medium", "medium", "medium", |t| t.evaluation.medium),
    Figure::share("few", "few", "few", |t| t.evaluation.few),
    Figure::share("geometric_mean", "geometric mean", "geometric", |t| {
        t.evaluation.scores.geometric_mean
    }),
    Figure::share("macro_f1", "macro F1", "F1", |t| t.evaluation.scores.macro_f1),
    Figure::share("top5", "top-5", "top-5", |t| t.evaluation.scores.top5),
    Figure::share("ece", "calibration error", "ECE", |t| t.evaluation.scores.ece),
    Figure::index("calinski_harabasz", "Calinski–Harabasz", "CHI", |t| {
        t.evaluation.scores.calinski_harabasz
    }),
    Figure::index("davies_bouldin", "Davies–Bouldin", "DBI", |t| {
        t.evaluation.scores.davies_bouldin
    }),
];

/// The column of that key.
pub(crate) fn figure(key: &str) -> Option<&'static Figure> {
    FIGURES.iter().find(|figure| figure.key == key)
}

/// The figure of that key of a run's model.
pub(crate) fn figure_of(summary: &Summary, weights: Weights, key: &str) -> Option<f64> {
    (figure(key)?.read)(&Tested::of(summary, weights)?)
}

/// One figure over the seeds of a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Mean over seeds.
    pub mean: f64,
    /// Standard deviation from seed to seed, with n - 1; `None` of one seed.
    pub sd: Option<f64>,
    /// The lowest of a seed.
    pub min: f64,
    /// The highest of a seed.
    pub max: f64,
}

impl Spread {
    /// Of one value a seed; `None` of no value.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        let (min, max) =
            (values.iter().copied().reduce(f64::min)?, values.iter().copied().reduce(f64::max)?);
        // Equal values have no deviation, whatever rounding makes of their mean.
        let mean = if min == max { min } else { values.iter().sum::<f64>() / count };
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let sd = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
        Some(Self { mean, sd, min, max })
    }

    /// For people, such as `83.1 ± 0.4`.
    pub fn shown(&self, figure: &Figure, sign: &str) -> String {
        let mean = figure.shown(self.mean);
        self.sd.map_or(mean.clone(), |sd| format!("{mean} {sign} {}", figure.shown(sd)))
    }

    /// The range for people, such as `82.6–83.5`; `None` of one seed.
    pub fn range(&self, figure: &Figure) -> Option<String> {
        self.sd?;
        Some(format!("{}–{}", figure.shown(self.min), figure.shown(self.max)))
    }
}

/// A difference of shares in points, such as `+1.9`.
pub(crate) fn points(difference: f64) -> String {
    let text = format!("{:+.1}", difference * 100.0);
    if text == "-0.0" { "+0.0".into() } else { text }
}

/// An accuracy of a class in percent, or a dash.
pub(in crate::report) fn accuracy(value: Option<f64>) -> String {
    percent(value).trim_end_matches('%').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_have_a_mean_a_deviation_and_a_range_and_one_seed_has_none() {
        let three = Spread::of(&[0.5, 0.6, 0.7]).unwrap();
        assert!((three.mean - 0.6).abs() < 1e-12 && (three.sd.unwrap() - 0.1).abs() < 1e-12);
        assert_eq!((three.min, three.max), (0.5, 0.7));
        let figure = &FIGURES[0];
        assert_eq!(three.shown(figure, "±"), "60.0 ± 10.0");
        assert_eq!(three.range(figure).unwrap(), "50.0–70.0");
        let one = Spread::of(&[0.831]).unwrap();
        assert_eq!((one.sd, one.range(figure)), (None, None));
        assert_eq!(one.shown(figure, "±"), "83.1");
        assert_eq!(
            Spread::of(&[0.1; 3]).unwrap(),
            Spread { mean: 0.1, sd: Some(0.0), min: 0.1, max: 0.1 }
        );
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn shares_are_in_percent_and_indices_have_few_digits() {
        let shown = |key, value| {
            FIGURES.iter().find(|figure| figure.key == key).map(|figure| figure.shown(value))
        };
        assert_eq!(shown("ece", 0.0456).unwrap(), "4.6");
        assert_eq!(shown("davies_bouldin", 1.2345).unwrap(), "1.23");
        assert_eq!(shown("calinski_harabasz", 1537.68).unwrap(), "1538");
    }

    #[test]
    fn a_difference_of_nothing_has_no_minus() {
        assert_eq!([0.019, -0.019, -0.0001, 0.0].map(points), ["+1.9", "-1.9", "+0.0", "+0.0"]);
    }
}
