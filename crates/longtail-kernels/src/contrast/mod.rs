//! Supervised contrastive losses as one operator: a log-sum-exp over biased similarities.

pub mod composed;

use burn::{backend::Dispatch, tensor::Tensor};

use crate::{
    Path,
    fused::{self, ContrastOps},
};

/// Classes whose numbers f32 holds exactly.
const MOST_CLASSES: u32 = 1 << 24;

/// What rows and columns of the similarity matrix carry beside the similarities, for N anchors and
/// K columns: the N embeddings, then the prototypes.
#[derive(Debug, Clone, PartialEq)]
pub struct ContrastTerms {
    /// T > 0, dividing the similarities. In f32 the loss is finite from 10⁻⁶ on; its gradients, in units of 1 / (T·N), are
    /// off by about 10⁻⁷ / T.
    pub temperature: f64,
    /// Whether the log-sum-exp of an anchor includes its similarity to itself.
    pub include_self: bool,
    /// Class of every column, length K.
    pub labels: Vec<u32>,
    /// Natural logarithm of a column's weight for anchors of its own class, length K.
    pub bias_own: Vec<f64>,
    /// The same for anchors of other classes, length K.
    pub bias_other: Vec<f64>,
    /// What is subtracted from an anchor's log-sum-exp, length N.
    pub prior: Vec<f64>,
    /// What an anchor's sum over its positives is multiplied with, length N.
    pub inverse_norm: Vec<f64>,
    /// Factors of the vectors; `None`: all 1.
    pub factors: Option<ContrastFactors>,
}

/// Positive factors that scale similarities.
#[derive(Debug, Clone, PartialEq)]
pub struct ContrastFactors {
    /// Of every embedding as an anchor, length N.
    pub anchors: Vec<f64>,
    /// Of every column as a contrast, length K.
    pub contrasts: Vec<f64>,
}

/// The mean over the anchors i of
///
/// norm⁻¹_i · Σ_{p∈P_i} \[ log Σ_k e^{s_ik + b_ik} − prior_i − s_ip \],
/// s_ik = α_i β_k z_i·x_k / T
///
/// with the columns x (the embeddings z, then the prototypes), α and β their factors as anchors and
/// as contrasts, b the column's bias for its own class or for others, and the positives P_i: all
/// columns of the anchor's class but itself. The sum over k includes the anchor itself if
/// [`ContrastTerms::include_self`]. An anchor without positives gives 0. NaN gives NaN.
///
/// # Shapes
/// - `z`: `[N, features]`, `prototypes`: `[K − N, features]`; `terms`: see there
/// - output: `[1]`
///
/// # Cost
/// O(N·K·D) time for D features, with gradients on a GPU O(K²·D) for every 128
/// features begun. In f32 the memory is O(K·D); elsewhere
/// it is O(N·K).
///
/// # Panics
/// If a length of `terms` does not fit, or a label is 2²⁴ or more.
pub fn contrast(z: Tensor<2>, prototypes: Option<Tensor<2>>, terms: ContrastTerms) -> Tensor<1> {
    terms.check(&z, prototypes.as_ref());
    if contrast_path(&z, prototypes.as_ref()) == ContrastPath::Composed {
        return composed::contrast(z, prototypes, terms);
    }
    let has_prototypes = prototypes.is_some();
    // What stands in for no prototypes is not looked at.
    let prototypes = prototypes.unwrap_or_else(|| z.clone().detach()).into_dispatch();
    Tensor::from_dispatch(Dispatch::contrast(z.into_dispatch(), prototypes, has_prototypes, terms))
}

/// An implementation of [`contrast`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContrastPath {
    /// Burn's own operators, one after the other.
    Composed,
    /// One operator on this path of the CPU.
    Cpu(Path),
    /// One operator on a GPU.
    Gpu,
}

/// Which implementation [`contrast`] runs on such tensors.
pub fn contrast_path(z: &Tensor<2>, prototypes: Option<&Tensor<2>>) -> ContrastPath {
    fused::contrast_path(z, prototypes)
}

impl ContrastTerms {
    /// N.
    pub(crate) fn anchors(&self) -> usize {
        self.prior.len()
    }

    /// α of an anchor.
    pub(crate) fn anchor_factor(&self, row: usize) -> f64 {
        self.factors.as_ref().map_or(1.0, |factors| factors.anchors[row])
    }

    /// β of a column.
    pub(crate) fn contrast_factor(&self, column: usize) -> f64 {
        self.factors.as_ref().map_or(1.0, |factors| factors.contrasts[column])
    }

    /// Number of positives of every anchor.
    pub(crate) fn positives(&self) -> Vec<u32> {
        let classes = self.labels.iter().max().map_or(0, |&y| y as usize + 1);
        let mut columns = vec![0_u32; classes];
        self.labels.iter().for_each(|&y| columns[y as usize] += 1);
        self.labels[..self.anchors()].iter().map(|&y| columns[y as usize] - 1).collect()
    }

    pub(crate) fn check(&self, z: &Tensor<2>, prototypes: Option<&Tensor<2>>) {
        let [rows, features] = z.dims();
        let [more, same] = prototypes.map_or([0, features], |prototypes| prototypes.dims());
        assert_eq!(features, same, "features of embeddings and prototypes");
        let (of_anchors, of_columns) = match &self.factors {
            Some(factors) => (factors.anchors.len(), factors.contrasts.len()),
            None => (rows, rows + more),
        };
        for length in [self.prior.len(), self.inverse_norm.len(), of_anchors] {
            assert_eq!(length, rows, "terms of anchors");
        }
        for length in [self.labels.len(), self.bias_own.len(), self.bias_other.len(), of_columns] {
            assert_eq!(length, rows + more, "terms of columns");
        }
        assert!(self.labels.iter().all(|&label| label < MOST_CLASSES), "labels");
    }
}
