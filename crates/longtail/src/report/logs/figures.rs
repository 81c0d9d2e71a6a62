//! The figures of a log under the names that every program shows them by.

use super::LoggedEnd;
use crate::{eval::Evaluation, report::EpochRecord};

/// What is logged of one epoch.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Moment {
    /// From 0.
    pub epoch: usize,
    /// Optimizer steps since the start of the run.
    pub step: u64,
    /// Of this epoch and all before.
    pub seconds: f64,
    pub note: Option<String>,
    /// By name, `GROUP/NAME`; a part of the loss may have any name.
    pub figures: Vec<(String, f64)>,
}

impl Moment {
    /// Of a record after so many seconds.
    pub fn of(record: &EpochRecord, before: f64) -> Self {
        let optional = record.train_accuracy.map(|value| ("accuracy", value));
        let train = [("lr", record.lr), ("loss", record.loss)].into_iter().chain(optional).chain([
            ("images_per_second", record.images_per_second),
            ("seconds", record.seconds),
            ("waited", record.waited),
        ]);
        let mut figures: Vec<_> =
            train.map(|(name, value)| (format!("train/{name}"), value)).collect();
        let parts = record.loss_parts.iter();
        figures.extend(parts.map(|(name, value)| (format!("loss_parts/{name}"), value)));
        figures.extend(record.val.iter().flat_map(|val| named("val", val)));
        Self {
            epoch: record.epoch,
            step: record.step,
            seconds: before + record.seconds,
            note: record.note.clone(),
            figures,
        }
    }
}

/// The final figures, `last_test/NAME` and so on: of the last and of the best model, on test and validation images.
pub(super) fn final_figures(end: &LoggedEnd) -> Vec<(String, f64)> {
    let best = end.summary.best.as_ref().map(|best| ("best", &best.outcome));
    let models = [("last", &end.summary.last)].into_iter().chain(best);
    let sets = models.flat_map(|(model, outcome)| {
        [("test", &outcome.test), ("val", &outcome.val)].map(|(set, of)| (model, set, of))
    });
    let of_set = sets.filter_map(|(model, set, of)| Some((format!("{model}_{set}"), of.as_ref()?)));
    of_set.flat_map(|(group, of)| named(&group, of)).collect()
}

/// The figures over classes of an evaluation, by the names that `summary.json` has for them.
fn named(group: &str, of: &Evaluation) -> Vec<(String, f64)> {
    let scores = &of.scores;
    let all = [
        ("top1", Some(of.top1)),
        ("arithmetic_mean", Some(of.arithmetic_mean)),
        ("harmonic_mean", Some(of.harmonic_mean)),
        ("zero_classes", Some(of.zero_classes as f64)),
        ("worst_class", Some(of.worst_class)),
        ("many", of.many),
        ("medium", of.medium),
        ("few", of.few),
        ("geometric_mean", scores.geometric_mean),
        ("macro_precision", scores.macro_precision),
        ("macro_recall", scores.macro_recall),
        ("macro_f1", scores.macro_f1),
        ("top5", scores.top5),
        ("worst_classes", scores.worst_classes.map(|worst| worst.mean)),
        ("ece", scores.ece),
        ("calinski_harabasz", scores.calinski_harabasz),
        ("davies_bouldin", scores.davies_bouldin),
    ];
    let present = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
    present
        .filter(|(_, value)| value.is_finite())
        .map(|(name, value)| (format!("{group}/{name}"), value))
        .collect()
}
