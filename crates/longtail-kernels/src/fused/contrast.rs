//! The contrastive loss through Burn's backend extension. The loss is one number, so its gradients
//! are made with it, up to the factor that comes back, where a gradient will be asked for.

use burn::{
    backend::{
        Autodiff, Backend, ExtensionType, Flex, TensorMetadata,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind},
        },
        backend_extension,
        flex::FlexTensor,
        tensor::FloatTensor,
    },
    tensor::{DType, Device, Tensor, TensorData},
};

#[cfg(feature = "gpu")]
use burn::backend::fusion::custom::TensorSpec;

use crate::{
    contrast_terms::ContrastTerms,
    cpu::{self, Path},
    gpu,
};

/// The loss.
#[backend_extension(Autodiff, Flex, Cube: cfg(feature = "gpu"), Fusion: cfg(feature = "gpu"))]
pub trait ContrastOps: Backend {
    /// See [`crate::contrast`]; `prototypes` count if `has_prototypes`.
    #[fusion(dtype = z, shape = [1].into())]
    fn contrast(
        z: FloatTensor<Self>,
        prototypes: FloatTensor<Self>,
        has_prototypes: bool,
        terms: ContrastTerms,
    ) -> FloatTensor<Self>;
}

/// The loss and its gradients, on a backend without autodiff.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"), Fusion: cfg(feature = "gpu"))]
pub trait ContrastGradients: ContrastOps {
    /// See [`ContrastOps::contrast`].
    #[fusion(meta = metadata)]
    fn contrast_with_gradients(
        z: FloatTensor<Self>,
        prototypes: FloatTensor<Self>,
        has_prototypes: bool,
        terms: ContrastTerms,
    ) -> WithGradients<Self>;
}

/// The loss with its gradients; without prototypes theirs means nothing.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub struct WithGradients<B: Backend> {
    /// `[1]`.
    pub loss: FloatTensor<B>,
    /// By the embeddings.
    pub z: FloatTensor<B>,
    /// By the prototypes.
    pub prototypes: FloatTensor<B>,
}

#[cfg(feature = "gpu")]
fn metadata(
    z: &TensorSpec,
    prototypes: &TensorSpec,
    has_prototypes: &bool,
    _: &ContrastTerms,
) -> WithGradientsMetadata {
    let loss = TensorSpec { shape: [1].into(), ..z.clone() };
    let prototypes = if *has_prototypes { prototypes } else { z };
    WithGradientsMetadata { loss, z: z.clone(), prototypes: prototypes.clone() }
}

/// Multiplies by a number that is a tensor.
pub(crate) trait Scale: Backend {
    /// `gradient` times the one value of `by`.
    fn scaled(gradient: FloatTensor<Self>, by: &FloatTensor<Self>) -> FloatTensor<Self>;
}

/// An implementation of [`contrast`](fn@crate::contrast).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContrastPath {
    /// Burn's own operators, one after the other.
    Composed,
    /// One operator on this path of the CPU.
    Cpu(Path),
    /// One operator on a GPU.
    Gpu,
}

/// What runs the loss of such vectors.
pub(crate) fn path(z: &Tensor<2>, prototypes: Option<&Tensor<2>>) -> ContrastPath {
    let device = z.device();
    let all = || std::iter::once(z).chain(prototypes);
    let fits = all().all(|t| t.dtype() == DType::F32 && t.device() == device);
    if !fits || z.dims()[0] * z.dims()[1] == 0 {
        return ContrastPath::Composed;
    }
    if device == Device::flex() {
        return match cpu::can_contrast() {
            true => ContrastPath::Cpu(Path::active()),
            false => ContrastPath::Composed,
        };
    }
    let has_rows = all().all(|t| t.dims()[0] > 0);
    match has_rows && gpu::can_contrast(&device) {
        true => ContrastPath::Gpu,
        false => ContrastPath::Composed,
    }
}

/// A tensor's values; a view that is not contiguous is copied.
fn contiguous(tensor: &FlexTensor) -> FlexTensor {
    tensor.to_contiguous()
}

fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("`can_contrast` admits f32 tensors only")
}

fn run(
    z: &FlexTensor,
    prototypes: &FlexTensor,
    has_prototypes: bool,
    terms: &ContrastTerms,
    wants_gradients: bool,
) -> cpu::Contrasted {
    let [_, features] = z.shape().dims();
    let (z, prototypes) = (contiguous(z), contiguous(prototypes));
    let prototypes = if has_prototypes { values(&prototypes) } else { &[] };
    cpu::contrast(values(&z), prototypes, features, terms, wants_gradients)
}

impl ContrastOps for Flex {
    fn contrast(
        z: FlexTensor,
        prototypes: FlexTensor,
        has_prototypes: bool,
        terms: ContrastTerms,
    ) -> FlexTensor {
        let made = run(&z, &prototypes, has_prototypes, &terms, false);
        FlexTensor::from_data(TensorData::from([made.loss]))
    }
}

impl ContrastGradients for Flex {
    fn contrast_with_gradients(
        z: FlexTensor,
        prototypes: FlexTensor,
        has_prototypes: bool,
        terms: ContrastTerms,
    ) -> WithGradients<Self> {
        let made = run(&z, &prototypes, has_prototypes, &terms, true);
        let (d_z, d_prototypes) = made.gradients.expect("gradients were asked for");
        let [rows, features] = z.shape().dims();
        let count = d_prototypes.len() / features;
        WithGradients {
            loss: FlexTensor::from_data(TensorData::from([made.loss])),
            z: FlexTensor::from_data(TensorData::new(d_z, [rows, features])),
            prototypes: FlexTensor::from_data(TensorData::new(d_prototypes, [count, features])),
        }
    }
}

impl Scale for Flex {
    fn scaled(gradient: FlexTensor, by: &FlexTensor) -> FlexTensor {
        let by = values(&contiguous(by))[0];
        if by == 1.0 {
            return gradient;
        }
        let [rows, columns] = gradient.shape().dims();
        let mut values: Vec<f32> =
            gradient.into_data().try_into_vec().expect("gradients are made in f32");
        values.iter_mut().for_each(|value| *value *= by);
        FlexTensor::from_data(TensorData::new(values, [rows, columns]))
    }
}

/// Parents: embeddings and, with `N` = 2, prototypes.
#[derive(Debug)]
struct ContrastBackward<const N: usize>;

impl<B: ContrastGradients + Scale, const N: usize> Backward<B, N> for ContrastBackward<N> {
    type State = [FloatTensor<B>; N];

    fn backward(
        self,
        ops: Ops<Self::State, N>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let by = grads.consume::<B>(&ops.node);
        for (parent, gradient) in ops.parents.into_iter().zip(ops.state) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, B::scaled(gradient, &by));
            }
        }
    }
}

impl<B: ContrastGradients + Scale, C: CheckpointStrategy> ContrastOps for Autodiff<B, C> {
    fn contrast(
        z: FloatTensor<Self>,
        prototypes: FloatTensor<Self>,
        has_prototypes: bool,
        terms: ContrastTerms,
    ) -> FloatTensor<Self> {
        let ((z, z_node), (prototypes, prototypes_node)) =
            (z.into_parts(), prototypes.into_parts());
        if has_prototypes {
            let node = ContrastBackward::<2>.prepare::<C>([z_node, prototypes_node]);
            match node.compute_bound().stateful() {
                OpsKind::Tracked(prep) => {
                    let made = B::contrast_with_gradients(z, prototypes, true, terms);
                    prep.finish([made.z, made.prototypes], made.loss)
                }
                OpsKind::UnTracked(prep) => prep.finish(B::contrast(z, prototypes, true, terms)),
            }
        } else {
            match ContrastBackward::<1>.prepare::<C>([z_node]).compute_bound().stateful() {
                OpsKind::Tracked(prep) => {
                    let made = B::contrast_with_gradients(z, prototypes, false, terms);
                    prep.finish([made.z], made.loss)
                }
                OpsKind::UnTracked(prep) => prep.finish(B::contrast(z, prototypes, false, terms)),
            }
        }
    }
}
