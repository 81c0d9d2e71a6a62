use burn::{module::Module, tensor::Tensor};

use super::{
    BasicBlock, BatchNorm, Branches, Conv, Initialiser, ModelError, Pass, layers::global_average,
};

/// Channels of the three stages.
pub(super) const WIDTHS: [usize; 3] = [16, 32, 64];

/// The CIFAR ResNet of depth 6n+2 (He et al. 2016 §4.2) with parameter-free shortcuts
/// ("option A"): conv 3→16, three stages of n basic blocks, global average pool. Of several branches it is the trunk.
#[derive(Module, Debug)]
pub struct ResNetCifar {
    conv1: Conv,
    bn1: BatchNorm,
    pub(super) layer1: Vec<BasicBlock>,
    pub(super) layer2: Vec<BasicBlock>,
    pub(super) layer3: Vec<BasicBlock>,
}

impl ResNetCifar {
    /// Number of features, the width of the last stage.
    pub const FEATURES: usize = WIDTHS[2];

    /// A ResNet of `depth` layers, kaiming-normal convolutions, as far as `branches` have it in common.
    ///
    /// # Errors
    /// [`ModelError::Depth`] unless `depth` is 6n+2 with n ≥ 1.
    pub fn new(
        depth: usize,
        branches: Branches,
        init: &mut Initialiser,
    ) -> Result<Self, ModelError> {
        if depth < 8 || depth % 6 != 2 {
            return Err(ModelError::Depth(depth));
        }
        let of_stages = branches.of_trunk([blocks(depth); 3]);
        let [first, second, third] = WIDTHS;
        Ok(Self {
            conv1: Conv::new(3, first, init),
            bn1: BatchNorm::new(first, init),
            layer1: BasicBlock::several(of_stages[0], [first, first], 1, init),
            layer2: BasicBlock::several(of_stages[1], [first, second], 2, init),
            layer3: BasicBlock::several(of_stages[2], [second, third], 2, init),
        })
    }

    /// The second and third stage, of these widths.
    pub(super) fn last_stages(
        depth: usize,
        [second, third]: [usize; 2],
        init: &mut Initialiser,
    ) -> [Vec<BasicBlock>; 2] {
        [
            BasicBlock::several(blocks(depth), [WIDTHS[0], second], 2, init),
            BasicBlock::several(blocks(depth), [second, third], 2, init),
        ]
    }

    /// The last block of the third stage.
    pub(super) fn last_block(depth: usize, init: &mut Initialiser) -> BasicBlock {
        let [_, second, third] = WIDTHS;
        // The only block of a stage is its first, with its stride.
        let (from, stride) = if blocks(depth) == 1 { (second, 2) } else { (third, 1) };
        BasicBlock::new(from, third, stride, init)
    }

    /// `images`: `[batch, height, width, 3]`, normalised; gives features `[batch, 64]`, which are
    /// means of ReLU outputs and so not negative. Activations have the type of the images; features
    /// of images in 16 bits are f32.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<2> {
        global_average(self.maps(images, pass))
    }

    /// As [`ResNetCifar::forward`], without the pooling.
    pub fn maps(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let x = self.conv1.forward(images, &self.bn1, pass);
        let stages = [&self.layer1, &self.layer2, &self.layer3];
        stages.into_iter().fold(x, |x, stage| BasicBlock::stage(stage, x, pass))
    }
}

/// Blocks of every stage.
fn blocks(depth: usize) -> usize {
    (depth - 2) / 6
}
