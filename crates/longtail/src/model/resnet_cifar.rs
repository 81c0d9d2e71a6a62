use burn::{module::Module, tensor::Tensor};

use super::{
    BasicBlock, BatchNorm, Classifier, Conv, Initialiser, ModelError, Pass, layers::global_average,
};

/// Channels of the three stages.
const WIDTHS: [usize; 3] = [16, 32, 64];

/// Where a network of several branches leaves its common trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branches {
    /// Nowhere: there is one.
    One,
    /// Behind the first stage: every expert has stages two and three of its own, of these widths, and its own
    /// classifier (RIDE).
    Experts {
        /// How many.
        count: usize,
        /// Channels of their second and third stage.
        widths: [usize; 2],
    },
    /// Before the last block of the third stage, which every branch has of its own; one classifier reads the features of
    /// all (BBN).
    LastBlocks {
        /// How many.
        count: usize,
    },
}

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

/// What one branch has of its own.
#[derive(Module, Debug)]
pub struct Branch {
    pub(super) layer2: Vec<BasicBlock>,
    pub(super) layer3: Vec<BasicBlock>,
    pub(super) fc: Option<Classifier>,
}

impl Branches {
    /// How many there are.
    pub fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Experts { count, .. } | Self::LastBlocks { count } => count,
        }
    }

    /// Features of every branch.
    pub fn features(self) -> usize {
        match self {
            Self::One | Self::LastBlocks { .. } => WIDTHS[2],
            Self::Experts { widths: [_, width], .. } => width,
        }
    }

    /// The branches of a network of `depth` layers in all, without their classifiers; none where the trunk is the
    /// network.
    pub(super) fn make(self, depth: usize, init: &mut Initialiser) -> Vec<Branch> {
        let blocks = (depth - 2) / 6;
        let [first, second, third] = WIDTHS;
        match self {
            Self::One => Vec::new(),
            Self::Experts { count, widths: [width2, width3] } => (0..count)
                .map(|_| Branch {
                    layer2: BasicBlock::several(blocks, [first, width2], 2, init),
                    layer3: BasicBlock::several(blocks, [width2, width3], 2, init),
                    fc: None,
                })
                .collect(),
            Self::LastBlocks { count } => {
                // The only block of a stage is its first, with its stride.
                let (from, stride) = if blocks == 1 { (second, 2) } else { (third, 1) };
                let last = |_| Branch {
                    layer2: Vec::new(),
                    layer3: BasicBlock::several(1, [from, third], stride, init),
                    fc: None,
                };
                (0..count).map(last).collect()
            }
        }
    }
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
        let blocks = (depth - 2) / 6;
        let [first, second, third] = WIDTHS;
        let of_stages = match branches {
            Branches::One => [blocks; 3],
            Branches::Experts { .. } => [blocks, 0, 0],
            Branches::LastBlocks { .. } => [blocks, blocks, blocks - 1],
        };
        Ok(Self {
            conv1: Conv::new(3, first, init),
            bn1: BatchNorm::new(first, init),
            layer1: BasicBlock::several(of_stages[0], [first, first], 1, init),
            layer2: BasicBlock::several(of_stages[1], [first, second], 2, init),
            layer3: BasicBlock::several(of_stages[2], [second, third], 2, init),
        })
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

impl Branch {
    /// `maps`: what the trunk gives; gives features `[batch, features]`.
    pub fn forward(&self, maps: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<2> {
        let stages = [&self.layer2, &self.layer3];
        global_average(stages.into_iter().fold(maps, |x, stage| BasicBlock::stage(stage, x, pass)))
    }
}
