//! What tables and drawings show of a summary: its figures by set and model.

use super::summary::Summary;
use crate::eval::{Evaluation, Group};

/// With fewer images than this a share in percent says more than is known: `1 of 1` is no 100 %.
pub(super) const FEW_IMAGES: usize = 10;

/// The images that figures are measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    Test,
    Val,
}

impl Set {
    pub fn name(self) -> &'static str {
        match self {
            Self::Test => "test set",
            Self::Val => "validation set",
        }
    }

    /// What stands above a column.
    pub fn short(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Val => "val",
        }
    }
}

/// The model that figures are measured of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model {
    Last,
    Best,
}

impl Model {
    pub fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Best => "best",
        }
    }
}

/// One column of figures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column<'a> {
    pub set: Set,
    pub model: Model,
    pub evaluation: &'a Evaluation,
}

impl Column<'_> {
    /// What stands above it, such as `val best`.
    pub fn title(&self) -> String {
        format!("{} {}", self.set.short(), self.model.name())
    }

    /// The accuracy of one class; `None` where the set has no image of it.
    pub fn class(&self, label: usize) -> Option<f64> {
        self.evaluation.per_class.get(label).copied().flatten()
    }

    /// Images of one class; `None` where they were not counted.
    pub fn images(&self, label: usize) -> Option<usize> {
        self.evaluation.per_class_images.get(label).copied()
    }

    /// The 95 % interval of one class, where there is one.
    pub fn interval(&self, label: usize) -> Option<[f64; 2]> {
        self.evaluation.interval.as_ref()?.per_class.get(label).copied().flatten()
    }

    /// Correct images of one class; `None` where they were not counted.
    pub fn correct(&self, label: usize) -> Option<usize> {
        self.evaluation.per_class_correct.get(label).copied()
    }

    /// The accuracy of one class for people: in percent, of few images as `1 of 1`, or a dash.
    pub fn accuracy(&self, label: usize) -> String {
        match (self.correct(label), self.images(label)) {
            (Some(correct), Some(images @ 1..FEW_IMAGES)) => format!("{correct} of {images}"),
            _ => percent(self.class(label)),
        }
    }

    /// The same with its images, such as `62.5% of 40`.
    pub fn accuracy_of(&self, label: usize) -> String {
        let accuracy = self.accuracy(label);
        match self.images(label) {
            Some(images @ FEW_IMAGES..) => format!("{accuracy} of {images}"),
            _ => accuracy,
        }
    }

    /// The labels of the classes that share the lowest accuracy.
    pub fn worst(&self) -> Vec<usize> {
        let worst = Some(self.evaluation.worst_class);
        (0..self.evaluation.per_class.len()).filter(|&label| self.class(label) == worst).collect()
    }

    /// The lowest accuracy for people: as that class has it, where there is one such class.
    pub fn worst_accuracy(&self) -> String {
        match self.worst()[..] {
            [label] => self.accuracy(label),
            _ => percent(Some(self.evaluation.worst_class)),
        }
    }

    /// Whether some class has no image, so that no mean holds for all of them.
    pub fn is_partial(&self) -> bool {
        self.evaluation.classes_tested < self.evaluation.per_class.len()
    }
}

impl Summary {
    /// The columns of every table: each set that the run has, with its last and its best figures.
    pub(super) fn columns(&self) -> Vec<Column<'_>> {
        let best = self.best.as_ref().map(|best| &best.outcome);
        let columns = [
            (Set::Test, Model::Last, self.last.test.as_ref()),
            (Set::Test, Model::Best, best.and_then(|best| best.test.as_ref())),
            (Set::Val, Model::Last, self.last.val.as_ref()),
            (Set::Val, Model::Best, best.and_then(|best| best.val.as_ref())),
        ];
        let known = columns.into_iter().filter_map(|(set, model, evaluation)| {
            Some(Column { set, model, evaluation: evaluation? })
        });
        known.collect()
    }

    /// The last and the best figures of each set that the run has.
    pub(super) fn sets(&self) -> Vec<(Column<'_>, Option<Column<'_>>)> {
        let columns = self.columns();
        let of = |set, model| {
            columns.iter().copied().find(|column| (column.set, column.model) == (set, model))
        };
        let sets = [Set::Test, Set::Val].into_iter();
        sets.filter_map(|set| Some((of(set, Model::Last)?, of(set, Model::Best)))).collect()
    }

    /// The labels of the classes of `group` that have an image in the column's set.
    fn labels(&self, group: Group, column: &Column) -> Vec<usize> {
        let labels = 0..self.classes.len();
        labels
            .filter(|&label| self.classes[label].group == group && column.class(label).is_some())
            .collect()
    }

    /// How many classes of `group` have an image in the column's set.
    pub(super) fn tested(&self, group: Group, column: &Column) -> usize {
        self.labels(group, column).len()
    }

    /// The mean over `group` for people: of one class, as that class has it.
    pub(super) fn group_accuracy(&self, group: Group, column: &Column) -> String {
        match self.labels(group, column)[..] {
            [label] => column.accuracy(label),
            _ => percent(column.evaluation.group(group)),
        }
    }

    /// The names of the classes, from head to tail, of which `which` holds by label.
    pub(super) fn names(&self, which: impl Fn(usize) -> bool) -> Vec<&str> {
        let labels = self.head_to_tail().into_iter().filter(|&label| which(label));
        labels.map(|label| self.classes[label].name.as_str()).collect()
    }

    /// The names of the classes without an image in the column's set.
    pub(super) fn untested(&self, column: &Column) -> Vec<&str> {
        self.names(|label| column.class(label).is_none())
    }
}

/// The name of a figure, and how it is shown.
type Figure = (&'static str, fn(&Column) -> String);

/// The figures over the classes, in the order in which every table shows them.
pub(super) const OVER_CLASSES: [Figure; 3] = [
    ("arithmetic mean", |column| percent(Some(column.evaluation.arithmetic_mean))),
    ("harmonic mean", |column| percent(Some(column.evaluation.harmonic_mean))),
    ("worst class", |column| column.worst_accuracy()),
];

/// The name of a figure, and how it is shown where it is known.
type Known = (&'static str, fn(&Evaluation) -> Option<String>);

/// Figures of the outputs, which earlier versions did not compute, in the order in which every table shows them.
pub(super) const OF_OUTPUTS: [Known; 6] = [
    ("geometric mean", |of| of.scores.geometric_mean.map(|mean| percent(Some(mean)))),
    ("macro F1", |of| of.scores.macro_f1.map(|f1| percent(Some(f1)))),
    ("top-5", |of| of.scores.top5.map(|top5| percent(Some(top5)))),
    ("calibration error", |of| of.scores.ece.map(|ece| percent(Some(ece)))),
    ("Calinski–Harabasz", |of| of.scores.calinski_harabasz.map(|index| format!("{index:.1}"))),
    ("Davies–Bouldin", |of| of.scores.davies_bouldin.map(|index| format!("{index:.2}"))),
];

/// An accuracy in percent with one decimal, or a dash.
pub(super) fn percent(accuracy: Option<f64>) -> String {
    accuracy.map_or_else(|| "–".to_owned(), |accuracy| format!("{:.1}%", accuracy * 100.0))
}
