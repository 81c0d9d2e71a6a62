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
    let columns = z.iter().chain(prototypes).collect::<Vec<_>>();
    let mut of_columns = labels.to_vec();
    of_columns.extend(0..prototypes.len() as u32);
    let batch = Batch { config, labels, of_columns, class_counts, compression };
    let mut gradients = vec![vec![0.0; z[0].len()]; columns.len()];
    let mut total = 0.0;
    for i in 0..z.len() {
        let similarities = columns.iter().enumerate();
        let s = similarities.map(|(k, column)| batch.factor(i, k) * dot(&z[i], column)).collect();
        let Some((loss, slopes)) = batch.anchor(i, s) else { continue };
        total += loss;
        for (k, slope) in slopes.iter().enumerate() {
            let scale = slope * batch.factor(i, k) / z.len() as f64;
            for d in 0..z[i].len() {
                gradients[i][d] += scale * columns[k][d];
                gradients[k][d] += scale * z[i][d];
            }
        }
    }
    let prototypes = gradients.split_off(z.len());
    ContrastiveGradients { loss: total / z.len() as f64, z: gradients, prototypes }
}

/// What a loss depends on beside the embeddings.
struct Batch<'a> {
    config: &'a Contrastive,
    labels: &'a [u32],
    /// Classes of all columns: of the embeddings, then of the prototypes.
    of_columns: Vec<u32>,
    class_counts: &'a ClassCounts,
    compression: Option<&'a Compression>,
}

impl Batch<'_> {
    /// ℓ_i and its derivatives by the similarities `s` of all columns; `None` without a positive.
    fn anchor(&self, i: usize, s: Vec<f64>) -> Option<(f64, Vec<f64>)> {
        let y = self.labels[i];
        let counted = (0..s.len()).filter(|&k| k != i || self.config.include_self);
        let max = counted.clone().map(|k| s[k]).fold(f64::NEG_INFINITY, f64::max);
        let mut share = vec![0.0; s.len()];
        for k in counted {
            let j = self.of_columns[k];
            share[k] = self.n(j) / self.terms(j, j == y) * (s[k] - max).exp();
        }
        let sum = share.iter().sum::<f64>();
        let is_positive = |&k: &usize| k != i && self.of_columns[k] == y;
        let positives = (0..s.len()).filter(is_positive).collect::<Vec<_>>();
        if positives.is_empty() {
            return None;
        }
        let norm = match self.config.normaliser {
            Normaliser::MeanOverPositives => positives.len() as f64,
            Normaliser::BatchCount => self.in_batch(y),
        };
        let log_z = sum.ln() + max;
        let loss = positives.iter().map(|&p| log_z - self.n(y).ln() - s[p]).sum::<f64>() / norm;
        let slope = |k: usize| {
            let positive = f64::from(is_positive(&k));
            (positives.len() as f64 * share[k] / sum - positive) / norm
        };
        Some((loss, (0..s.len()).map(slope).collect()))
    }

    /// n_y^ρ, or 1 without a prior.
    fn n(&self, y: u32) -> f64 {
        match self.config.prior {
            Prior::Off => 1.0,
            Prior::Counts => {
                (self.class_counts.counts()[y as usize] as f64).powf(self.config.prior_exponent)
            }
        }
    }

    /// |B_y|.
    fn in_batch(&self, y: u32) -> f64 {
        self.labels.iter().filter(|&&label| label == y).count() as f64
    }

    /// What the columns of class `y` are averaged by, for an anchor of that class (`own`) or of another.
    fn terms(&self, y: u32, own: bool) -> f64 {
        let present = self.of_columns.iter().filter(|&&label| label == y).count() as f64;
        let without_self = present - f64::from(own && !self.config.include_self);
        match self.config.class_average {
            ClassAverage::None => 1.0,
            ClassAverage::TermsPresent => without_self,
            ClassAverage::Printed => self.in_batch(y) + 1.0,
        }
    }

    /// What z_i·z_k is multiplied with: τ_y τ_j / T.
    fn factor(&self, i: usize, k: usize) -> f64 {
        let is_prototype = k >= self.labels.len();
        let of = |c: &Compression| {
            c.anchor(self.labels[i]) * c.contrast(self.of_columns[k], is_prototype)
        };
        self.compression.map_or(1.0, of) / self.config.temperature
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
