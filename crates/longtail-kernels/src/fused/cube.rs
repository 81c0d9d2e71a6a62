//! The contrastive loss as an operator of Burn's GPU backend.

use burn::{
    backend::{Cube, TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor},
    tensor::Slice,
};
use burn_cubecl::{CubeBackend, tensor::CubeTensor};

use super::contrast::{ContrastGradients, ContrastOps, Scale, WithGradients};
use crate::{contrast_terms::ContrastTerms, gpu::forward};

impl ContrastOps for CubeBackend {
    fn contrast(
        z: CubeTensor,
        prototypes: CubeTensor,
        has_prototypes: bool,
        terms: ContrastTerms,
    ) -> CubeTensor {
        forward(z, has_prototypes.then_some(prototypes), &terms).loss()
    }
}

impl ContrastGradients for CubeBackend {
    fn contrast_with_gradients(
        z: CubeTensor,
        prototypes: CubeTensor,
        has_prototypes: bool,
        terms: ContrastTerms,
    ) -> WithGradients<Self> {
        let rows = forward(z, has_prototypes.then_some(prototypes), &terms);
        let (loss, gradient) = (rows.loss(), rows.gradient());
        if !has_prototypes {
            return WithGradients { loss, z: gradient.clone(), prototypes: gradient };
        }
        let [columns, _] = gradient.shape().dims();
        let anchors = terms.anchors();
        let part = |from: usize, to: usize| {
            let slice = Slice::new(from as isize, Some(to as isize), 1);
            Self::float_slice(gradient.clone(), &[slice])
        };
        WithGradients { loss, z: part(0, anchors), prototypes: part(anchors, columns) }
    }
}

impl Scale for Cube {
    fn scaled(gradient: FloatTensor<Self>, by: &FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_mul(gradient, Self::float_reshape(by.clone(), [1, 1].into()))
    }
}
