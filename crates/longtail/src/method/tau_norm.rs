//! Class vectors brought towards equal length (Kang et al. 2020: τ-normalisation).

use super::{
    ComputeClassifier, Definition, Features, Knob,
    decoupled::{computed, definition},
};
use crate::{
    loss::{Criterion, LossError},
    model::{ClassifierStart, Network},
};

/// Exponents that are tried (the public code's grid).
const STEPS: u32 = 21;
const STEPS_OF_ONE: f64 = 10.0;

const EXPONENT: Knob = Knob::number(
    "exponent",
    [-1.0, -1.0, 10.0],
    "p of w / ‖w‖^p; -1: the best of 0, .1, … 2 on validation images",
    "the public code's grid, there on test images",
);

pub(super) const DEFINITION: Definition =
    definition("tau-norm", &[EXPONENT], |settings, counts| {
        let exponent = EXPONENT.real(&settings.method.knobs);
        let normalise = TauNorm { exponent: (exponent >= 0.0).then_some(exponent) };
        computed(settings, counts, ClassifierStart::NoBias, normalise)
    });

#[derive(Debug)]
struct TauNorm {
    /// `None`: chosen.
    exponent: Option<f64>,
}

impl ComputeClassifier for TauNorm {
    fn compute(
        &self,
        network: Network,
        features: &mut dyn Features,
    ) -> Result<(Network, String), LossError> {
        if let Some(p) = self.exponent {
            return Ok((network.with_tau_normalised(p), format!("p = {p}")));
        }
        let of = features.of(&network, Criterion::Val)?;
        let accuracy = |p: f64| {
            let network = network.clone().with_tau_normalised(p);
            balanced_accuracy(&network.logits_of(&of.rows), &of.labels)
        };
        let tried = (0..STEPS).map(|step| f64::from(step) / STEPS_OF_ONE).map(|p| (p, accuracy(p)));
        // Of equals the first: the one that changes least.
        let best =
            tried.fold(
                (0.0, f64::NEG_INFINITY),
                |best, tried| {
                    if tried.1 > best.1 { tried } else { best }
                },
            );
        let said = format!("p = {:.1}, the best on {}", best.0, of.images);
        Ok((network.with_tau_normalised(best.0), said))
    }
}

/// The class of the largest logit, of equals the first.
fn largest(logits: &[f32]) -> u32 {
    let larger = |best: (usize, f32), now: (usize, &f32)| {
        if *now.1 > best.1 { (now.0, *now.1) } else { best }
    };
    logits.iter().enumerate().fold((0, f32::NEG_INFINITY), larger).0 as u32
}

/// The mean over classes of the share of their images that are classified right.
fn balanced_accuracy(logits: &[Vec<f32>], labels: &[u32]) -> f64 {
    let classes = logits.first().map_or(0, Vec::len);
    let mut seen = vec![[0_usize; 2]; classes];
    for (row, &label) in logits.iter().zip(labels) {
        let [all, right] = &mut seen[label as usize];
        *all += 1;
        *right += usize::from(largest(row) == label);
    }
    let tested: Vec<f64> = seen
        .iter()
        .filter(|[all, _]| *all > 0)
        .map(|&[all, right]| right as f64 / all as f64)
        .collect();
    tested.iter().sum::<f64>() / tested.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_counts_classes_alike() {
        let logits = [vec![1.0, 0.0], vec![1.0, 0.0], vec![0.0, 1.0], vec![1.0, 0.0]];
        assert_eq!(balanced_accuracy(&logits, &[0, 0, 0, 1]), 1.0 / 3.0);
        assert_eq!(balanced_accuracy(&logits[..3], &[0, 0, 1]), 1.0);
    }
}
