//! Supervised contrastive losses as one operator: a log-sum-exp over biased similarities.

pub mod composed;

use burn::{backend::Dispatch, tensor::Tensor};

use crate::{
    contrast_terms::ContrastTerms,
    fused::{self, ContrastOps, ContrastPath},
};

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

/// Which implementation [`contrast`] runs on such tensors.
pub fn contrast_path(z: &Tensor<2>, prototypes: Option<&Tensor<2>>) -> ContrastPath {
    fused::contrast_path(z, prototypes)
}
