use burn::{module::Module, tensor::Tensor};
use longtail_kernels::max_pool;

use super::{
    BatchNorm, Branches, Conv, Initialiser, Pass, ResNetKind,
    layers::{ConvShape, global_average},
    resnet_kind::{Blocks, WIDTHS},
};

/// A residual network for large images (He et al. 2016, table 1; Xie et al. 2017): a 7×7 convolution and a pooling that
/// each halve the image, four stages of blocks, of which the last three halve it, and the mean over all pixels. As
/// torchvision has it: bottlenecks halve in their 3×3 convolution ("v1.5"), and shortcuts that change the shape are 1×1
/// convolutions with batch norm. Of several branches it is the trunk.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::model::{Branches, Initialiser, Pass, ResNet, ResNetKind};
///
/// let device = Device::flex();
/// let mut init = Initialiser::new(0, &device);
/// let resnet = ResNet::new(ResNetKind::ResNet18, Branches::One, &mut init);
/// let features = resnet.forward(Tensor::ones([2, 64, 64, 3], &device), &mut Pass::Eval);
/// assert_eq!(features.dims(), [2, 512]);
/// ```
#[derive(Module, Debug)]
pub struct ResNet {
    conv1: Conv,
    bn1: BatchNorm,
    layer1: Vec<ResidualBlock>,
    layer2: Vec<ResidualBlock>,
    layer3: Vec<ResidualBlock>,
    layer4: Vec<ResidualBlock>,
}

/// A basic block of two convolutions, or a bottleneck of three.
#[derive(Module, Debug)]
pub struct ResidualBlock {
    conv1: Conv,
    bn1: BatchNorm,
    conv2: Conv,
    bn2: BatchNorm,
    conv3: Option<Conv>,
    bn3: Option<BatchNorm>,
    /// The shortcut where it changes the shape.
    downsample: Option<(Conv, BatchNorm)>,
}

impl ResNet {
    /// Weights as torchvision draws them, convolutions kaiming-normal by what goes out; as far as `branches` have it in
    /// common.
    pub fn new(kind: ResNetKind, branches: Branches, init: &mut Initialiser) -> Self {
        let blocks = kind.blocks();
        let conv1 = ConvShape { input: 3, output: WIDTHS[0], kernel: 7, stride: 2, groups: 1 };
        let (conv1, bn1) = (Conv::of(conv1, init), BatchNorm::new(WIDTHS[0], init));
        let counts = branches.of_trunk(blocks.counts);
        let mut input = WIDTHS[0];
        let [layer1, layer2, layer3, layer4] = [0, 1, 2, 3].map(|stage| {
            let (width, stride) = (WIDTHS[stage], if stage > 0 { 2 } else { 1 });
            let made = ResidualBlock::several(blocks, counts[stage], [input, width], stride, init);
            input = blocks.output(width);
            made
        });
        Self { conv1, bn1, layer1, layer2, layer3, layer4 }
    }

    /// The third and fourth stage, of these widths.
    pub(super) fn last_stages(
        kind: ResNetKind,
        [third, fourth]: [usize; 2],
        init: &mut Initialiser,
    ) -> [Vec<ResidualBlock>; 2] {
        let blocks = kind.blocks();
        let [_, second, ..] = WIDTHS;
        let mut stage = |stage: usize, input: usize, width: usize| {
            let sizes = [blocks.output(input), width];
            ResidualBlock::several(blocks, blocks.counts[stage], sizes, 2, init)
        };
        [stage(2, second, third), stage(3, third, fourth)]
    }

    /// The last block of the fourth stage.
    pub(super) fn last_block(kind: ResNetKind, init: &mut Initialiser) -> ResidualBlock {
        let (blocks, [.., width]) = (kind.blocks(), WIDTHS);
        ResidualBlock::new(blocks, blocks.output(width), width, 1, init)
    }

    /// Width of the features; of a trunk, channels of what its branches are given.
    pub fn features(&self) -> usize {
        let last = self.stages().into_iter().flatten().last();
        last.map_or(0, ResidualBlock::output)
    }

    /// `images`: `[batch, height, width, 3]`, normalised; gives features `[batch, 512]`, of bottlenecks
    /// `[batch, 2048]`, which are means of ReLU outputs and so not negative. Activations have the type of the images;
    /// features of images in 16 bits are f32.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<2> {
        global_average(self.maps(images, pass))
    }

    /// As [`ResNet::forward`], without the pooling.
    pub fn maps(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let x = self.stem(images, pass);
        let blocks = self.stages().into_iter().flatten();
        blocks.fold(x, |x, block| block.forward(x, pass))
    }

    fn stem(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        max_pool(self.conv1.forward(images, &self.bn1, pass))
    }

    pub(super) fn stages(&self) -> [&[ResidualBlock]; 4] {
        [&self.layer1, &self.layer2, &self.layer3, &self.layer4]
    }
}

impl ResidualBlock {
    /// `count` blocks, of which the first goes from `input` channels to those of `width` with `stride`.
    fn several(
        blocks: Blocks,
        count: usize,
        [input, width]: [usize; 2],
        stride: usize,
        init: &mut Initialiser,
    ) -> Vec<Self> {
        let mut block = |index: usize| match index {
            0 => Self::new(blocks, input, width, stride, init),
            _ => Self::new(blocks, blocks.output(width), width, 1, init),
        };
        (0..count).map(&mut block).collect()
    }

    fn new(
        blocks: Blocks,
        input: usize,
        width: usize,
        stride: usize,
        init: &mut Initialiser,
    ) -> Self {
        let output = blocks.output(width);
        let plain = ConvShape { input, output, kernel: 3, stride: 1, groups: 1 };
        let inner = blocks.inner(width);
        let shapes = match blocks.is_bottleneck {
            true => [
                ConvShape { output: inner, kernel: 1, ..plain },
                ConvShape { input: inner, output: inner, stride, groups: blocks.groups, ..plain },
            ],
            false => [ConvShape { stride, ..plain }, ConvShape { input: output, ..plain }],
        };
        let mut pair =
            |shape: ConvShape| (Conv::of(shape, init), BatchNorm::new(shape.output, init));
        let [(conv1, bn1), (conv2, bn2)] = shapes.map(&mut pair);
        let last = ConvShape { input: inner, kernel: 1, ..plain };
        let (conv3, bn3) = blocks.is_bottleneck.then(|| pair(last)).unzip();
        let changes = stride != 1 || input != output;
        let downsample = changes.then(|| pair(ConvShape { kernel: 1, stride, ..plain }));
        Self { conv1, bn1, conv2, bn2, conv3, bn3, downsample }
    }

    /// 2 where it halves height and width, else 1.
    pub(super) fn stride(&self) -> usize {
        self.conv1.stride() * self.conv2.stride()
    }

    /// Groups of its second convolution.
    pub(super) fn groups(&self) -> usize {
        self.conv2.groups()
    }

    /// Channels that go out.
    pub(super) fn output(&self) -> usize {
        self.conv3.as_ref().unwrap_or(&self.conv2).output()
    }

    pub(super) fn forward(&self, x: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let hidden = self.conv1.forward(x.clone(), &self.bn1, pass);
        let shortcut = match &self.downsample {
            Some((conv, bn)) => conv.without_relu(x, bn, pass),
            None => x,
        };
        match (&self.conv3, &self.bn3) {
            (Some(conv3), Some(bn3)) => {
                let hidden = self.conv2.forward(hidden, &self.bn2, pass);
                conv3.onto(hidden, bn3, shortcut, pass)
            }
            _ => self.conv2.onto(hidden, &self.bn2, shortcut, pass),
        }
    }
}

#[cfg(test)]
mod tests;
