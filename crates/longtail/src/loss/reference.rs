//! The losses as plain loops in f64 with their gradients: what the fast ones are tested against.

use super::{ClassAverage, ClassCounts, Compression, Contrastive, Normaliser, Prior};

/// A contrastive loss with its gradients.
#[derive(Debug, Clone, PartialEq)]
pub struct ContrastiveGradients {
    /// The loss.
    pub loss: f64,
    /// Gradient of the embeddings, `[rows][features]`.
    pub z: Vec<Vec<f64>>,
    /// Gradient of the prototypes, `[classes][features]`; empty without prototypes.
    pub prototypes: Vec<Vec<f64>>,
}

/// [`Contrastive::loss`], computed weight by weight as the equations read. The arguments must fit
/// each other.
///
/// ```
/// use longtail::loss::{ClassCounts, Contrastive, reference};
///
/// let z = vec![vec![1.0]; 4];
/// let counts = ClassCounts::new(vec![30, 10])?;
/// let scl = reference::contrastive(&Contrastive::scl(0.1), &z, &[0, 0, 1, 1], &[], &counts, None);
/// assert!((scl.loss - 3_f64.ln()).abs() < 1e-12);
/// # Ok::<(), longtail::loss::LossError>(())
/// ```
pub fn contrastive(
    config: &Contrastive,
    z: &[Vec<f64>],
    labels: &[u32],
    prototypes: &[Vec<f64>],
    class_counts: &ClassCounts,
    compression: Option<&Compression>,
) -> ContrastiveGradients {
    let rows = z.len();
    let columns = z.iter().chain(prototypes).collect::<Vec<_>>();
    let mut column_labels = labels.to_vec();
    column_labels.extend(0..prototypes.len() as u32);
    let n = |y: u32| match config.prior {
        Prior::Off => 1.0,
        Prior::Counts => (class_counts.counts()[y as usize] as f64).powf(config.prior_exponent),
    };
    let in_batch = |y: u32| labels.iter().filter(|&&label| label == y).count() as f64;
    let terms = |y: u32, own: bool| {
        let present = column_labels.iter().filter(|&&label| label == y).count() as f64;
        let without_self = present - f64::from(own && !config.include_self);
        match config.class_average {
            ClassAverage::None => 1.0,
            ClassAverage::TermsPresent => without_self,
            ClassAverage::Printed => in_batch(y) + 1.0,
        }
    };
    let factors = |i: usize, k: usize| {
        let of = |c: &Compression| c.anchor(labels[i]) * c.contrast(column_labels[k], k >= rows);
        compression.map_or(1.0, of) / config.temperature
    };

    let mut gradients = vec![vec![0.0; z[0].len()]; columns.len()];
    let mut total = 0.0;
    for i in 0..rows {
        let y = labels[i];
        let s = (0..columns.len())
            .map(|k| factors(i, k) * dot(&z[i], columns[k]))
            .collect::<Vec<f64>>();
        let counted = (0..columns.len()).filter(|&k| k != i || config.include_self);
        let max = counted.clone().map(|k| s[k]).fold(f64::NEG_INFINITY, f64::max);
        let mut share = vec![0.0; columns.len()];
        for k in counted {
            let j = column_labels[k];
            share[k] = n(j) / terms(j, j == y) * (s[k] - max).exp();
        }
        let sum = share.iter().sum::<f64>();
        let positives =
            (0..columns.len()).filter(|&k| k != i && column_labels[k] == y).collect::<Vec<_>>();
        if positives.is_empty() {
            continue;
        }
        let norm = match config.normaliser {
            Normaliser::MeanOverPositives => positives.len() as f64,
            Normaliser::BatchCount => in_batch(y),
        };
        let log_z = sum.ln() + max;
        total += positives.iter().map(|&p| log_z - n(y).ln() - s[p]).sum::<f64>() / norm;

        for k in 0..columns.len() {
            let positive = f64::from(positives.contains(&k));
            let slope = (positives.len() as f64 * share[k] / sum - positive) / norm;
            let scale = slope * factors(i, k) / rows as f64;
            for d in 0..z[i].len() {
                gradients[i][d] += scale * columns[k][d];
                gradients[k][d] += scale * z[i][d];
            }
        }
    }
    let prototypes = gradients.split_off(rows);
    ContrastiveGradients { loss: total / rows as f64, z: gradients, prototypes }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
