//! Batch norm of pixels through Burn's backend extension, for devices on which it is made of Burn's own
//! operators: what is kept for the way back has the activations' type, sums go over an image's pixels first and
//! then over the images, and no value is moved to its channel's others.

use burn::{
    backend::{
        Autodiff, Backend, ExtensionType, Flex, Scalar, TensorMetadata,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind},
        },
        backend_extension,
        tensor::FloatTensor,
    },
    tensor::FloatDType,
};

/// The operator.
#[backend_extension(Autodiff, Flex, Cube: cfg(feature = "gpu"), Fusion: cfg(feature = "gpu"))]
pub trait NormOps: Backend {
    /// (x − mean) / √(variance + ε) · γ + β with the statistics of each channel.
    ///
    /// `x`: `[images, pixels, channels]`; `gamma`, `beta`: `[channels]`, whose type the output has.
    #[fusion(default)]
    fn norm_pixels(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> NormOutput<Self> {
        let summed = FloatDType::from(gamma.dtype());
        let x = Self::float_cast(x, summed);
        let mean = channel_mean::<Self>(x.clone());
        let centred = Self::float_sub(x, mean.clone());
        let variance = channel_mean::<Self>(Self::float_mul(centred.clone(), centred.clone()));
        let scale = Self::float_mul(
            inverse_deviation::<Self>(variance.clone(), epsilon),
            channels_last::<Self>(gamma),
        );
        let output = Self::float_mul(centred, scale);
        NormOutput {
            output: Self::float_add(output, channels_last::<Self>(beta)),
            mean: flat::<Self>(mean),
            variance: flat::<Self>(variance),
        }
    }
}

/// What [`NormOps::norm_pixels`] gives.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub struct NormOutput<B: Backend> {
    /// Shape of `x`.
    pub output: FloatTensor<B>,
    /// `[channels]`.
    pub mean: FloatTensor<B>,
    /// Biased, `[channels]`.
    pub variance: FloatTensor<B>,
}

impl NormOps for Flex {}

#[cfg(feature = "gpu")]
impl NormOps for burn_cubecl::CubeBackend {}

/// `[images, pixels, channels]` to `[1, 1, channels]`.
fn channel_mean<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    B::float_mean_dim(B::float_mean_dim(x, 1), 0)
}

fn inverse_deviation<B: Backend>(variance: FloatTensor<B>, epsilon: f64) -> FloatTensor<B> {
    B::float_recip(B::float_sqrt(B::float_add_scalar(variance, Scalar::Float(epsilon))))
}

/// `[channels]` to `[1, 1, channels]`.
fn channels_last<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let channels = x.shape().num_elements();
    B::float_reshape(x, [1, 1, channels].into())
}

/// `[1, 1, channels]` to `[channels]`.
fn flat<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let channels = x.shape().num_elements();
    B::float_reshape(x, [channels].into())
}

/// Parents: x, γ, β.
#[derive(Debug)]
struct NormBackward;

/// What the way back needs.
#[derive(Debug, Clone)]
struct Saved<B: Backend> {
    x: FloatTensor<B>,
    gamma: FloatTensor<B>,
    mean: FloatTensor<B>,
    variance: FloatTensor<B>,
    epsilon: f64,
}

/// With x̂ = (x − mean) · r, r = 1/√(variance + ε) and means over the channel:
/// dβ = Σ dy, dγ = Σ dy·x̂, dx = γ·r·(dy − mean(dy) − x̂·mean(dy·x̂)).
impl<B: Backend> Backward<B, 3> for NormBackward {
    type State = Saved<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [x_node, gamma_node, beta_node] = ops.parents.map(|node| node.map(|node| node.id));
        let grad = grads.consume::<B>(&ops.node);
        let Saved { x, gamma, mean, variance, epsilon } = ops.state;
        let stored = FloatDType::from(x.dtype());
        let [images, pixels, _] = x.shape().dims();
        let count = Scalar::Float((images * pixels) as f64);
        let x = B::float_cast(x, FloatDType::from(gamma.dtype()));
        let inverse = inverse_deviation::<B>(channels_last::<B>(variance), epsilon);
        let centred = B::float_sub(x, channels_last::<B>(mean));
        let normalised = B::float_mul(centred, inverse.clone());
        let of_beta = channel_mean::<B>(grad.clone());
        let of_gamma = channel_mean::<B>(B::float_mul(grad.clone(), normalised.clone()));
        if let Some(id) = x_node {
            let rest = B::float_add(B::float_mul(normalised, of_gamma.clone()), of_beta.clone());
            let scale = B::float_mul(inverse, channels_last::<B>(gamma));
            let d_x = B::float_mul(B::float_sub(grad, rest), scale);
            grads.register::<B>(id, B::float_cast(d_x, stored));
        }
        if let Some(id) = gamma_node {
            grads.register::<B>(id, flat::<B>(B::float_mul_scalar(of_gamma, count)));
        }
        if let Some(id) = beta_node {
            grads.register::<B>(id, flat::<B>(B::float_mul_scalar(of_beta, count)));
        }
    }
}

impl<B: NormOps, C: CheckpointStrategy> NormOps for Autodiff<B, C> {
    fn norm_pixels(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> NormOutput<Self> {
        let ((x, x_node), (gamma, gamma_node)) = (x.into_parts(), gamma.into_parts());
        let (beta, beta_node) = beta.into_parts();
        let made = B::norm_pixels(x.clone(), gamma.clone(), beta, epsilon);
        let NormOutput { output, mean, variance } = made;
        let saved = Saved { x, gamma, mean: mean.clone(), variance: variance.clone(), epsilon };
        let node = NormBackward.prepare::<C>([x_node, gamma_node, beta_node]);
        let output = match node.compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(saved, output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        };
        let constant = <FloatTensor<Self>>::new;
        NormOutput { output, mean: constant(mean), variance: constant(variance) }
    }
}
