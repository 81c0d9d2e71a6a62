use std::collections::HashMap;

use burn::{
    module::{Module, ModuleMapper, Param, ParamId},
    tensor::{DType, Tensor, activation, module::batch_norm, module::batch_norm_train},
};
use longtail_kernels::{
    ConvBnOptions, EvalBlock, basic_block_train, basic_blocks_eval, conv_bn_eval, conv_bn_train,
};

use super::Initialiser;

/// Added to a norm before dividing by it, as in PyTorch's `normalize`.
pub(crate) const NORM_EPSILON: f64 = 1e-12;
/// Added to the variance in every batch norm.
pub(crate) const BN_EPSILON: f64 = 1e-5;
/// Share of the new statistics in the running ones.
const BN_MOMENTUM: f64 = 0.1;

/// Whether a forward pass normalises with the batch's statistics, which it then hands out, or with
/// the running ones.
#[derive(Debug)]
pub enum Pass<'a> {
    /// Training: statistics of the batch, collected for [`BatchStatistics::update`].
    Train(&'a mut BatchStatistics),
    /// Evaluation: running statistics.
    Eval,
}

/// The batch statistics that forward passes met, by batch-norm layer.
#[derive(Debug, Default)]
pub struct BatchStatistics {
    running: HashMap<ParamId, Vec<(Tensor<1>, f64)>>,
}

impl BatchStatistics {
    /// Notes the mean and biased variance of `count` values per channel.
    fn record(&mut self, layer: &BatchNorm, mean: Tensor<1>, variance: Tensor<1>, count: usize) {
        let unbias = count as f64 / (count.max(2) - 1) as f64;
        self.running.entry(layer.running_mean.id).or_default().push((mean, 1.0));
        self.running.entry(layer.running_var.id).or_default().push((variance, unbias));
    }

    /// Moves the running statistics of `module` towards the recorded ones:
    /// `0.9 · running + 0.1 · batch`, the variance unbiased, as PyTorch does; once for every pass, in their order.
    pub fn update<M: Module>(mut self, module: M) -> M {
        module.map(&mut self)
    }
}

impl ModuleMapper for BatchStatistics {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.running.remove(&param.id) {
            Some(passes) => param.map(|running| {
                let (device, shape) = (running.device(), running.shape());
                let towards = |running: Tensor<D>, (batch, scale): (Tensor<1>, f64)| {
                    let batch: Tensor<D> =
                        batch.inner().mul_scalar(scale * BN_MOMENTUM).reshape(shape.clone());
                    running.mul_scalar(1.0 - BN_MOMENTUM) + batch
                };
                let updated = passes.into_iter().fold(running.inner(), towards);
                if device.is_autodiff() { updated.autodiff() } else { updated }
            }),
            None => param,
        }
    }
}

/// Batch normalisation; PyTorch's `BatchNorm1d`/`BatchNorm2d`.
#[derive(Module, Debug)]
pub struct BatchNorm {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    running_mean: Param<Tensor<1>>,
    running_var: Param<Tensor<1>>,
}

impl BatchNorm {
    /// Scale 1, shift 0, running mean 0 and variance 1.
    pub fn new(channels: usize, init: &mut Initialiser) -> Self {
        Self {
            weight: init.norm(channels, 1.0),
            bias: init.norm(channels, 0.0),
            running_mean: init.statistic(channels, 0.0),
            running_var: init.statistic(channels, 1.0),
        }
    }

    /// γ, β, running mean and running variance.
    fn running(&self) -> [Tensor<1>; 4] {
        [&self.weight, &self.bias, &self.running_mean, &self.running_var].map(Param::val)
    }

    /// `x`: `[rows, channels]`.
    pub fn forward(&self, x: Tensor<2>, pass: &mut Pass<'_>) -> Tensor<2> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        match pass {
            Pass::Train(statistics) => {
                let rows = x.dims()[0];
                let normalised = batch_norm_train(x, weight, bias, BN_EPSILON);
                statistics.record(self, normalised.mean, normalised.variance, rows);
                normalised.output
            }
            Pass::Eval => {
                let (mean, variance) = (self.running_mean.val(), self.running_var.val());
                batch_norm(x, weight, bias, mean, variance, BN_EPSILON)
            }
        }
    }
}

/// A convolution without bias, padded by half its kernel; PyTorch's `Conv2d`, weight
/// `[out, in / groups, kernel, kernel]`.
#[derive(Module, Debug)]
pub struct Conv {
    weight: Param<Tensor<4>>,
    stride: usize,
    groups: usize,
}

/// Sizes of a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConvShape {
    pub input: usize,
    pub output: usize,
    pub kernel: usize,
    pub stride: usize,
    pub groups: usize,
}

impl Conv {
    /// A 3×3 convolution of stride 1, kaiming-normal (fan in).
    pub fn new(input: usize, output: usize, init: &mut Initialiser) -> Self {
        let weight = init.kaiming_normal([output, input, 3, 3], input * 9);
        Self { weight, stride: 1, groups: 1 }
    }

    /// A convolution of this shape, kaiming-normal (fan out).
    pub(super) fn of(shape: ConvShape, init: &mut Initialiser) -> Self {
        let ConvShape { input, output, kernel, stride, groups } = shape;
        let dims = [output, input / groups, kernel, kernel];
        Self { weight: init.kaiming_normal(dims, output * kernel * kernel), stride, groups }
    }

    /// Channels that go out.
    pub(super) fn output(&self) -> usize {
        self.weight.dims()[0]
    }

    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    /// The convolution, then `bn`, then ReLU.
    ///
    /// `x`: `[batch, height, width, in]`; gives `[batch, ⌈height/stride⌉, ⌈width/stride⌉, out]`.
    pub fn forward(&self, x: Tensor<4>, bn: &BatchNorm, pass: &mut Pass<'_>) -> Tensor<4> {
        self.normalised(x, bn, None, true, pass)
    }

    /// As [`Conv::forward`], without the ReLU.
    pub(super) fn without_relu(
        &self,
        x: Tensor<4>,
        bn: &BatchNorm,
        pass: &mut Pass<'_>,
    ) -> Tensor<4> {
        self.normalised(x, bn, None, false, pass)
    }

    /// As [`Conv::forward`], with `residual` added before the ReLU.
    pub(super) fn onto(
        &self,
        x: Tensor<4>,
        bn: &BatchNorm,
        residual: Tensor<4>,
        pass: &mut Pass<'_>,
    ) -> Tensor<4> {
        self.normalised(x, bn, Some(residual), true, pass)
    }

    fn normalised(
        &self,
        x: Tensor<4>,
        bn: &BatchNorm,
        residual: Option<Tensor<4>>,
        relu: bool,
        pass: &mut Pass<'_>,
    ) -> Tensor<4> {
        let weight = self.weight.val();
        let (padding, epsilon) = (weight.dims()[2] / 2, BN_EPSILON);
        let Self { stride, groups, .. } = *self;
        let options = ConvBnOptions { stride, padding, groups, relu, epsilon };
        match pass {
            Pass::Train(statistics) => {
                let (gamma, beta) = (bn.weight.val(), bn.bias.val());
                let train = conv_bn_train(x, weight, gamma, beta, residual, options);
                statistics.record(bn, train.mean, train.variance, pixels(&train.output));
                train.output
            }
            Pass::Eval => {
                let [gamma, beta, mean, variance] = bn.running();
                conv_bn_eval(x, weight, gamma, beta, mean, variance, residual, options)
            }
        }
    }
}

/// Two convolutions with batch norm and a parameter-free shortcut (He et al. 2016 §4.2, "option A").
#[derive(Module, Debug)]
pub struct BasicBlock {
    conv1: Conv,
    bn1: BatchNorm,
    conv2: Conv,
    bn2: BatchNorm,
    stride: usize,
}

impl BasicBlock {
    /// A block from `input` to `output` channels; with `stride` 2 it halves height and width.
    pub fn new(input: usize, output: usize, stride: usize, init: &mut Initialiser) -> Self {
        Self {
            conv1: Conv::new(input, output, init),
            bn1: BatchNorm::new(output, init),
            conv2: Conv::new(output, output, init),
            bn2: BatchNorm::new(output, init),
            stride,
        }
    }

    /// `count` blocks, of which the first goes from `input` to `output` channels with `stride`.
    pub fn several(
        count: usize,
        [input, output]: [usize; 2],
        stride: usize,
        init: &mut Initialiser,
    ) -> Vec<Self> {
        let block = |index: usize| match index {
            0 => Self::new(input, output, stride, init),
            _ => Self::new(output, output, 1, init),
        };
        (0..count).map(block).collect()
    }

    /// Blocks one after the other, of which all but the first have stride 1.
    ///
    /// `x`: `[batch, height, width, in]`; gives `[batch, ⌈height/stride⌉, ⌈width/stride⌉, out]`.
    pub fn stage(blocks: &[Self], x: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        match pass {
            Pass::Train(statistics) => blocks.iter().fold(x, |x, block| block.train(x, statistics)),
            Pass::Eval => {
                let stride = blocks.first().map_or(1, |block| block.stride);
                let blocks = blocks.iter().map(Self::for_evaluation).collect();
                basic_blocks_eval(x, blocks, stride, BN_EPSILON)
            }
        }
    }

    fn train(&self, x: Tensor<4>, statistics: &mut BatchStatistics) -> Tensor<4> {
        let norms = [&self.bn1, &self.bn2];
        let weights = [&self.conv1, &self.conv2].map(|conv| conv.weight.val());
        let gammas = norms.map(|bn| bn.weight.val());
        let betas = norms.map(|bn| bn.bias.val());
        let train = basic_block_train(x, weights, gammas, betas, self.stride, BN_EPSILON);
        let count = pixels(&train.output);
        for (bn, (mean, variance)) in norms.into_iter().zip([train.first, train.second]) {
            statistics.record(bn, mean, variance, count);
        }
        train.output
    }

    /// 2 where it halves height and width, else 1.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Channels that go out.
    pub(super) fn output(&self) -> usize {
        self.conv2.output()
    }

    fn for_evaluation(&self) -> EvalBlock {
        EvalBlock {
            weights: [&self.conv1, &self.conv2].map(|conv| conv.weight.val()),
            norms: [&self.bn1, &self.bn2].map(BatchNorm::running),
        }
    }
}

/// Values of one channel of a batch `[images, height, width, channels]`.
fn pixels(batch: &Tensor<4>) -> usize {
    batch.dims()[..3].iter().product()
}

/// An affine map; PyTorch's `Linear`, weight `[out, in]`.
#[derive(Module, Debug)]
pub struct Linear {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

impl Linear {
    /// PyTorch's default: weight and bias uniform in ±1/√in; or a kaiming-normal weight.
    pub fn new(input: usize, output: usize, kaiming: bool, init: &mut Initialiser) -> Self {
        let bound = 1.0 / (input as f64).sqrt();
        let weight = if kaiming {
            init.kaiming_normal([output, input], input)
        } else {
            init.uniform([output, input], bound)
        };
        Self { weight, bias: init.bias(output, bound) }
    }

    /// `x`: `[rows, in]`; gives `[rows, out]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.val().transpose()) + self.bias.val().unsqueeze()
    }
}

/// Rows of `x` (`[rows, features]`) divided by their Euclidean length.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::model::{l2_normalise, weights::values};
///
/// let x = Tensor::<2>::from_data([[3.0, 4.0]], &Device::flex());
/// assert!(values(l2_normalise(x)).iter().zip([0.6, 0.8]).all(|(x, unit)| (x - unit).abs() < 1e-6));
/// ```
pub fn l2_normalise(x: Tensor<2>) -> Tensor<2> {
    let squared = x.clone().square().sum_dim(1);
    x / squared.clamp_min(NORM_EPSILON * NORM_EPSILON).sqrt()
}

/// The mean of `x`, `[batch, height, width, channels]`, over all pixels, in f32.
pub(super) fn global_average(x: Tensor<4>) -> Tensor<2> {
    let x = if matches!(x.dtype(), DType::BF16 | DType::F16) { x.cast(DType::F32) } else { x };
    let [batch, height, width, channels] = x.dims();
    x.reshape([batch, height * width, channels]).mean_dim(1).reshape([batch, channels])
}

/// Rectified linear unit of `[rows, features]`.
pub(super) fn relu(x: Tensor<2>) -> Tensor<2> {
    activation::relu(x)
}
