//! Rows against the baseline, image by image.

use super::{Predictions, Run, Weights, fold::Fold, mixed::share_classes, verdict::Doubt};
use crate::eval::{Bootstrap, EvalError, paired_intervals};

/// Which images a run has right, run by run of a row.
type Right = Vec<Vec<bool>>;

/// The 95 % interval of every row's difference from the baseline, or why there is none; the baseline's own is not
/// looked at.
///
/// # Errors
/// As [`paired_intervals`].
pub(super) fn intervals(
    folds: &[Fold],
    baseline: usize,
    weights: Weights,
    bootstrap: &Bootstrap,
) -> Result<Vec<Result<[f64; 2], Doubt>>, EvalError> {
    let base = &folds[baseline];
    let own = right(base, weights);
    let known: Vec<Result<Right, Doubt>> = (0..folds.len())
        .map(|place| {
            let fold = &folds[place];
            if place == baseline {
                return Err(Doubt::HoldsZero);
            }
            if !share_classes(fold.first(), base.first()) {
                return Err(Doubt::OtherClasses);
            }
            own.as_ref().map_err(Clone::clone)?;
            same_images(base, base)?;
            let right = right(fold, weights)?;
            same_images(fold, base)?;
            Ok(right)
        })
        .collect();
    let rows = known.iter().flatten().map(slices).collect::<Vec<_>>();
    let drawn = match (&own, predictions(base.first())) {
        (Ok(own), Some(images)) if !rows.is_empty() => {
            let labels: Vec<u32> = images.images().iter().map(|image| image.label).collect();
            paired_intervals(&labels, &slices(own), &rows, bootstrap)?
        }
        _ => Vec::new(),
    };
    let mut drawn = drawn.into_iter();
    Ok(known.into_iter().map(|row| row.map(|_| drawn.next().unwrap_or_default())).collect())
}

fn slices(row: &Right) -> Vec<&[bool]> {
    row.iter().map(Vec::as_slice).collect()
}

fn predictions(run: &Run) -> Option<&Predictions> {
    run.predictions.as_ref().ok()
}

/// Why a run's predictions cannot be used; `None` where they can.
pub(super) fn problem(fold: &Fold, run: usize, weights: Weights) -> Option<String> {
    let (run, tested) = &fold.runs[run];
    match &run.predictions {
        Err(problem) => Some(problem.clone()),
        Ok(predictions) => predictions.right(weights, tested.evaluation).err(),
    }
}

fn right(fold: &Fold, weights: Weights) -> Result<Right, Doubt> {
    let of = |(run, tested): &super::fold::Known| {
        let right = predictions(run).and_then(|known| known.right(weights, tested.evaluation).ok());
        right.ok_or_else(|| Doubt::NoPredictions(run.name.clone()))
    };
    fold.runs.iter().map(of).collect()
}

/// Refuses a row of which a run was tested on other images than the baseline's first run.
fn same_images(fold: &Fold, baseline: &Fold) -> Result<(), Doubt> {
    let base = baseline.first();
    let Some(known) = predictions(base) else { return Ok(()) };
    for (run, _) in &fold.runs {
        let Some(own) = predictions(run) else { continue };
        if let Some(what) = other_images(run, own, base, known) {
            return Err(Doubt::OtherImages(what));
        }
    }
    Ok(())
}

fn other_images(run: &Run, own: &Predictions, base: &Run, known: &Predictions) -> Option<String> {
    let (names, counts) = ((&run.name, &base.name), (own.images().len(), known.images().len()));
    if counts.0 != counts.1 {
        let ((own, base), (images, others)) = (names, counts);
        return Some(format!("{own} has {images} and {base} has {others}"));
    }
    // Of another split the same place may hold another image.
    let compares_paths = run.summary.split_hash != base.summary.split_hash;
    own.images().iter().zip(known.images()).find_map(|(own, known)| {
        if own.index != known.index {
            let name = if own.index > known.index { names.0 } else { names.1 };
            return Some(format!("{name} has no image {}", own.index.min(known.index)));
        }
        if own.label != known.label {
            return Some(format!(
                "image {} is of class {} in {} and of class {} in {}",
                own.index, own.label, names.0, known.label, names.1
            ));
        }
        (compares_paths && own.path != known.path).then(|| {
            format!(
                "image {} is {} in {} and {} in {}",
                own.index, own.path, names.0, known.path, names.1
            )
        })
    })
}
