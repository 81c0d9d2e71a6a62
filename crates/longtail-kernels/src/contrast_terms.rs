use burn::tensor::Tensor;

/// Classes whose numbers f32 holds exactly.
const MOST_CLASSES: u32 = 1 << 24;

/// What rows and columns of the similarity matrix carry beside the similarities, for N anchors and
/// K columns: the N embeddings, then the prototypes.
#[derive(Debug, Clone, PartialEq)]
pub struct ContrastTerms {
    /// T > 0, dividing the similarities. In f32 the loss is finite from 10⁻⁶ on; its gradients, in units of 1 / (T·N), are
    /// off by about 10⁻⁷ / T from 10⁻⁴ on, below by more where vectors are close together.
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
