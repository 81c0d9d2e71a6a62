use burn::{
    module::Module,
    tensor::{DType, Tensor},
};

use super::{BasicBlock, BatchNorm, Conv, Initialiser, ModelError, Pass};

/// Channels of the three stages.
const WIDTHS: [usize; 3] = [16, 32, 64];

/// The CIFAR ResNet of depth 6n+2 (He et al. 2016 §4.2) with parameter-free shortcuts
/// ("option A"): conv 3→16, three stages of n basic blocks, global average pool.
#[derive(Module, Debug)]
pub struct ResNetCifar {
    conv1: Conv,
    bn1: BatchNorm,
    layer1: Vec<BasicBlock>,
    layer2: Vec<BasicBlock>,
    layer3: Vec<BasicBlock>,
}

impl ResNetCifar {
    /// Number of features, the width of the last stage.
    pub const FEATURES: usize = WIDTHS[2];

    /// A ResNet of `depth` layers, kaiming-normal convolutions.
    ///
    /// # Errors
    /// [`ModelError::Depth`] unless `depth` is 6n+2 with n ≥ 1.
    pub fn new(depth: usize, init: &mut Initialiser) -> Result<Self, ModelError> {
        if depth < 8 || depth % 6 != 2 {
            return Err(ModelError::Depth(depth));
        }
        let blocks = (depth - 2) / 6;
        let [first, second, third] = WIDTHS;
        Ok(Self {
            conv1: Conv::new(3, first, init),
            bn1: BatchNorm::new(first, init),
            layer1: stage(first, first, blocks, 1, init),
            layer2: stage(first, second, blocks, 2, init),
            layer3: stage(second, third, blocks, 2, init),
        })
    }

    /// `images`: `[batch, height, width, 3]`, normalised; gives features `[batch, 64]`, which are
    /// means of ReLU outputs and so not negative. Activations have the type of the images; features
    /// of images in 16 bits are f32.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<2> {
        let mut x = self.conv1.forward(images, &self.bn1, pass);
        for stage in [&self.layer1, &self.layer2, &self.layer3] {
            x = BasicBlock::stage(stage, x, pass);
        }
        if matches!(x.dtype(), DType::BF16 | DType::F16) {
            x = x.cast(DType::F32);
        }
        let [batch, height, width, channels] = x.dims();
        x.reshape([batch, height * width, channels]).mean_dim(1).reshape([batch, channels])
    }
}

fn stage(
    input: usize,
    output: usize,
    blocks: usize,
    stride: usize,
    init: &mut Initialiser,
) -> Vec<BasicBlock> {
    (0..blocks)
        .map(|i| match i {
            0 => BasicBlock::new(input, output, stride, init),
            _ => BasicBlock::new(output, output, 1, init),
        })
        .collect()
}
