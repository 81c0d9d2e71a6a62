//! What is to be known beside the figures of a comparison.

use std::collections::BTreeMap;

use super::{
    NAMED, Row,
    figures::Tested,
    fold::{Fold, Known},
    mixed, paired,
};
use crate::{
    counted::counted,
    data::names::listed,
    report::{ClassInfo, Weights},
};

/// The terms that a row and the baseline do not share, by name.
pub(super) fn besides(fold: &Fold, base: &Fold) -> Vec<String> {
    let both: Vec<Known> = fold.runs.iter().chain(&base.runs).copied().collect();
    mixed::differences(&both).into_iter().map(|difference| difference.what).collect()
}

/// What is to be said of the runs themselves.
pub(super) fn notes(folds: &[Fold], weights: Weights) -> Vec<String> {
    let mut notes = Vec::new();
    let mut unusable: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for fold in folds {
        for (place, (run, _)) in fold.runs.iter().enumerate() {
            if let Some(problem) = paired::problem(fold, place, weights) {
                unusable.entry(problem).or_default().push(&run.name);
            }
            let warnings = run.summary.warnings.iter().chain(&run.notes);
            notes.extend(warnings.map(|text| format!("{}: {text}", run.name)));
        }
    }
    for (problem, runs) in unusable {
        notes.push(format!(
            "{}: {problem}. `longtail evaluate RUN` writes what is needed to compare image by image.",
            listed(&runs, NAMED)
        ));
    }
    notes
}

/// Which classes no figure is about.
pub(super) fn gaps(row: &Row, classes: &[ClassInfo], set: &str) -> Option<String> {
    let untested = classes.iter().zip(&row.classes).filter(|(_, accuracy)| accuracy.is_none());
    let names: Vec<_> = untested.map(|(class, _)| class.name.as_str()).collect();
    let (tested, all) = (classes.len() - names.len(), classes.len());
    (!names.is_empty()).then(|| {
        let names = listed(&names, NAMED);
        format!("Figures are over {tested} of {all} classes: the {set} has no image of {names}.")
    })
}

/// How many classes have a single image, of which little is known.
pub(super) fn single(tested: &Tested) -> Option<String> {
    let single = tested.evaluation.per_class_images.iter().filter(|count| **count == 1).count();
    (single > 0).then(|| {
        let (classes, set) = (counted(single, "class has", "classes have"), tested.set.name());
        format!("{classes} one image in the {set}, of which an interval can say little.")
    })
}
