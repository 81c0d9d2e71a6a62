use burn::tensor::Tensor;

/// What rows and classes carry beside the logits, for N rows and C classes.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossEntropyTerms {
    /// Class of every row, length N.
    pub labels: Vec<u32>,
    /// What is added to the logits of every class, length C.
    pub bias: Vec<f64>,
    /// What the loss of every row is multiplied with, length N; `None`: all 1.
    pub weights: Option<Vec<f64>>,
}

impl CrossEntropyTerms {
    pub(crate) fn check(&self, logits: &Tensor<2>) {
        let [rows, classes] = logits.dims();
        assert_eq!(self.bias.len(), classes, "bias");
        for length in std::iter::once(self.labels.len()).chain(self.weights.iter().map(Vec::len)) {
            assert_eq!(length, rows, "terms of rows");
        }
        assert!(self.labels.iter().all(|&label| (label as usize) < classes), "labels");
    }
}
