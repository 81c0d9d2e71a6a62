//! Softmax cross entropy with a bias to every class as one operator.

pub mod composed;

use burn::{backend::Dispatch, tensor::Tensor};

use crate::{
    cpu::Path,
    cross_entropy_terms::CrossEntropyTerms,
    fused::{self, CrossEntropyOps},
};

/// The mean over the rows i of
///
/// w_i · \[ log Σ_j e^{f_ij + b_j} − f_{i,y_i} − b_{y_i} \]
///
/// with the logits f, the bias b, the labels y and the weights w. The mean is over N, whatever the weights sum to.
/// NaN gives NaN; a logit of −∞ leaves its class out of its row.
///
/// # Shapes
/// - `logits`: `[N, C]`; `terms`: see there
/// - output: `[1]`
///
/// # Cost
/// O(N·C) time. In f32 on the CPU the memory beside the logits is N·C values, which become the gradient; elsewhere it
/// is a few times that.
///
/// # Panics
/// If a length of `terms` does not fit, or a label names no class.
pub fn cross_entropy(logits: Tensor<2>, terms: CrossEntropyTerms) -> Tensor<1> {
    terms.check(&logits);
    if cross_entropy_path(&logits) == Path::Composed {
        return composed::cross_entropy(logits, terms);
    }
    Tensor::from_dispatch(Dispatch::cross_entropy(logits.into_dispatch(), terms))
}

/// Which implementation [`cross_entropy`] runs on such logits: Burn's own operators, or one operator on a path of the
/// CPU. They give the same bits.
pub fn cross_entropy_path(logits: &Tensor<2>) -> Path {
    fused::cross_entropy_path(logits)
}
