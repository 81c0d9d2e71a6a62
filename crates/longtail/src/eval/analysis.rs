use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Calibration, ConfusedPair, Confusion, EvalError, EvalOptions, Evaluation, Geometry, Outputs,
    ShiftedPriors,
    calibration::confidences,
    class_means::{geometric_mean, mean, worst_classes},
    confusion::Tally,
    round::significant,
    top_k_accuracy,
};

/// Confusions that are listed.
const CONFUSIONS: usize = 50;
/// Images of a confusion that are named.
const EXAMPLES: usize = 4;
/// Classes of the largest confusion matrix that is written.
const MATRIX: usize = 100;
/// k of top-k accuracy.
const TOP: usize = 5;

/// What a model's outputs on one set of images tell beyond accuracies (`docs/evaluation.md`).
///
/// What cannot be computed is `None`, and `not_computed` says why. Figures are rounded to 12 significant digits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Number of images.
    pub images: usize,
    /// Number of classes, with and without images.
    pub classes: usize,
    /// How far the probability of the predicted class is the share of right ones.
    pub calibration: Option<Calibration>,
    /// Accuracies where classes are as frequent as other priors say.
    pub priors: Option<ShiftedPriors>,
    /// Where the encoder's features of the classes lie.
    pub features: Option<Geometry>,
    /// Where the projections lie; `None` without a projection head, too.
    pub projections: Option<Geometry>,
    /// The pairs of classes that are confused most, the most frequent first.
    pub worst_confusions: Vec<ConfusedPair>,
    /// Images of every class (row) by the class that they are called (column); `None` of more than 100 classes.
    pub confusion: Option<Vec<Vec<usize>>>,
    /// [`Confusion::by_group`]; `None` from earlier versions.
    #[serde(default)]
    pub group_confusion: Option<[[usize; 3]; 3]>,
    /// Why figures are `None`, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_computed: Vec<String>,
}

/// Figures of one number each, `None` where they are undefined or were not computed. Means run over the classes that have an image in the set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Geometric mean of the per-class accuracies: 0 where one is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geometric_mean: Option<f64>,
    /// Mean of the per-class precisions, a class that nothing is called counting 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macro_precision: Option<f64>,
    /// Mean of the per-class recalls, which is that of the per-class accuracies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macro_recall: Option<f64>,
    /// Mean of the per-class F1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macro_f1: Option<f64>,
    /// Share of images whose class is among the five largest logits; `None` of 5 classes and fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top5: Option<f64>,
    /// The classes of the lowest accuracies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_classes: Option<WorstClasses>,
    /// Expected calibration error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ece: Option<f64>,
    /// Calinski–Harabasz index of the features: more is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calinski_harabasz: Option<f64>,
    /// Davies–Bouldin index of the features: less is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub davies_bouldin: Option<f64>,
}

/// The mean over the classes of the lowest accuracies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WorstClasses {
    /// How many: a tenth of those with images, 3 at least.
    pub classes: usize,
    /// The mean of their accuracies.
    pub mean: f64,
}

impl Analysis {
    /// Of a model's outputs with the figures that belong to them, which get the new ones too.
    ///
    /// `train_counts`: training images of every class; `model_prior`: the prior that the logits hold
    /// ([`ShiftedPriors::of`]).
    ///
    /// Outputs that are no finite numbers are no error here: what would be computed of them is `None`.
    ///
    /// # Errors
    /// If there is no image, or if labels, rows and counts do not belong together.
    ///
    /// ```
    /// use longtail::eval::{Analysis, EvalOptions, Outputs, Rows};
    ///
    /// let rows = |values| Rows::new(values, 2).ok_or("no rows");
    /// let outputs = Outputs {
    ///     labels: vec![0, 0, 1, 1],
    ///     logits: rows(vec![2.0, 0.0, 2.0, 0.0, 1.0, 0.0, 0.0, 1.0])?,
    ///     features: rows(vec![1.0, 0.0, 1.0, 0.2, 0.0, 1.0, 0.2, 1.0])?,
    ///     projections: None,
    /// };
    /// let options = EvalOptions::default();
    /// let (figures, analysis) = Analysis::of(&outputs, &[500, 5], &[1.0, 1.0], &options)?;
    /// assert_eq!((figures.top1, figures.per_class_precision[1]), (0.75, Some(1.0)));
    /// assert_eq!(figures.scores.ece, analysis.calibration.map(|calibration| calibration.all.ece));
    /// assert_eq!((analysis.worst_confusions[0].label, &analysis.worst_confusions[0].images[..]), (1, &[2][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(
        outputs: &Outputs,
        train_counts: &[usize],
        model_prior: &[f64],
        options: &EvalOptions,
    ) -> Result<(Evaluation, Self), EvalError> {
        let (labels, predictions) = (&outputs.labels, outputs.predictions());
        let confusion = Confusion::of(labels, &predictions, train_counts.len())?;
        let tallies = confusion.tallies();
        let mut evaluation = Evaluation::of_tallies(&tallies, train_counts, options);
        let shots = &options.shot_thresholds;
        let mut missing = Missing::default();
        let confidences = missing.or_none(confidences(&outputs.logits, labels))?;
        let said = confidences.as_deref();
        let calibration = said.map(|said| Calibration::of(labels, said, train_counts, shots));
        let calibration = calibration.transpose()?.flatten();
        let priors = ShiftedPriors::of(&outputs.logits, labels, train_counts, model_prior);
        let mut geometry =
            |rows, what| missing.or_none(Geometry::of(rows, labels, train_counts, shots, what));
        let features = geometry(&outputs.features, "features")?;
        let projections = outputs.projections.as_ref().map(|rows| geometry(rows, "projections"));
        let projections = projections.transpose()?.flatten();
        let top5 = missing.or_none(top_k_accuracy(&outputs.logits, labels, TOP))?.flatten();
        evaluation.scores = Scores::of(&tallies, top5, calibration.as_ref(), features.as_ref());
        evaluation.per_class_precision =
            tallies.iter().map(|of| of.precision().map(significant)).collect();
        let analysis = Self {
            images: labels.len(),
            classes: train_counts.len(),
            calibration,
            priors: missing.or_none(priors)?,
            features,
            projections,
            worst_confusions: ConfusedPair::worst(&confusion, &tallies, labels, &predictions, said),
            confusion: (train_counts.len() <= MATRIX).then(|| confusion.matrix()),
            group_confusion: Some(confusion.by_group(train_counts, shots)),
            not_computed: missing.0,
        };
        Ok((evaluation, analysis))
    }
}

/// Why figures are `None`.
#[derive(Default)]
struct Missing(Vec<String>);

impl Missing {
    /// Outputs that are no numbers are a fact about the model; everything else is a mistake.
    fn or_none<T>(&mut self, found: Result<T, EvalError>) -> Result<Option<T>, EvalError> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error @ EvalError::NotFinite { .. }) => {
                let reason = error.to_string();
                if !self.0.contains(&reason) {
                    self.0.push(reason);
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl Scores {
    /// Those that follow from what is called what, how sure the model is, and where the features lie.
    fn of(
        tallies: &[Tally],
        top5: Option<f64>,
        sure: Option<&Calibration>,
        features: Option<&Geometry>,
    ) -> Self {
        Self {
            top5: top5.map(significant),
            ece: sure.map(|of| of.all.ece),
            calinski_harabasz: features.and_then(|of| of.calinski_harabasz),
            davies_bouldin: features.and_then(|of| of.davies_bouldin),
            ..Self::of_classes(tallies)
        }
    }

    /// Those that follow from what is called what.
    fn of_classes(tallies: &[Tally]) -> Self {
        let tested = || tallies.iter().filter(|tally| tally.images > 0);
        let recalls = || tested().filter_map(Tally::recall);
        Self {
            geometric_mean: geometric_mean(recalls()).map(significant),
            macro_precision: mean(tested().map(|of| of.precision().unwrap_or(0.0)))
                .map(significant),
            macro_recall: mean(recalls()).map(significant),
            macro_f1: mean(tested().filter_map(Tally::f1)).map(significant),
            worst_classes: worst_classes(recalls())
                .map(|worst| WorstClasses { mean: significant(worst.mean), ..worst }),
            ..Self::default()
        }
    }
}

impl ConfusedPair {
    fn worst(
        confusion: &Confusion,
        tallies: &[Tally],
        labels: &[u32],
        predictions: &[u32],
        confidences: Option<&[(u32, f64)]>,
    ) -> Vec<Self> {
        let worst = confusion.worst(CONFUSIONS);
        let mut images: BTreeMap<(u32, u32), Vec<usize>> =
            worst.iter().map(|&(label, prediction, _)| ((label, prediction), Vec::new())).collect();
        for (image, pair) in labels.iter().copied().zip(predictions.iter().copied()).enumerate() {
            images.entry(pair).and_modify(|images| images.push(image));
        }
        let confidence = |image: usize| confidences.map_or(0.0, |of| of[image].1);
        let of = |(label, prediction, count): (u32, u32, usize)| {
            let mut images = images.remove(&(label, prediction)).unwrap_or_default();
            images.sort_by(|&a, &b| confidence(b).total_cmp(&confidence(a)));
            images.truncate(EXAMPLES);
            let share = significant(count as f64 / tallies[label as usize].images as f64);
            Self { label, prediction, count, share, images }
        };
        worst.into_iter().map(of).collect()
    }
}
