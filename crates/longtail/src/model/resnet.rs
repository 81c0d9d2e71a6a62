use burn::{module::Module, tensor::Tensor};
use longtail_kernels::max_pool;

use super::{
    BatchNorm, Conv, Initialiser, Pass,
    layers::{ConvShape, global_average},
};

/// Channels of the four stages, before the bottlenecks' expansion.
const WIDTHS: [usize; 4] = [64, 128, 256, 512];
/// Outputs of a bottleneck for each of its width.
const EXPANSION: usize = 4;
/// Blocks of the four stages.
const SMALL: [usize; 4] = [2, 2, 2, 2];
const LARGE: [usize; 4] = [3, 4, 6, 3];

/// Which residual network for large images it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResNetKind {
    /// ResNet-18: basic blocks.
    ResNet18,
    /// ResNet-34: basic blocks.
    ResNet34,
    /// ResNet-50: bottlenecks.
    ResNet50,
    /// ResNeXt-50 32×4d: bottlenecks with 32 groups.
    ResNeXt50,
}

/// What the blocks of a network have in common.
#[derive(Debug, Clone, Copy)]
struct Blocks {
    counts: [usize; 4],
    /// Three convolutions instead of two.
    is_bottleneck: bool,
    groups: usize,
    /// Channels of a group in the first stage.
    group_width: usize,
}

impl ResNetKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::ResNet18, Self::ResNet34, Self::ResNet50, Self::ResNeXt50];

    /// torchvision's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ResNet18 => "resnet18",
            Self::ResNet34 => "resnet34",
            Self::ResNet50 => "resnet50",
            Self::ResNeXt50 => "resnext50_32x4d",
        }
    }

    /// Layers with weights, the classifier counted.
    pub const fn depth(self) -> usize {
        match self {
            Self::ResNet18 => 18,
            Self::ResNet34 => 34,
            Self::ResNet50 | Self::ResNeXt50 => 50,
        }
    }

    /// Features of an image.
    pub(super) fn features(self) -> usize {
        self.blocks().output(WIDTHS[WIDTHS.len() - 1])
    }

    /// Weights of the encoder.
    pub(super) const fn parameters(self) -> usize {
        match self {
            Self::ResNet18 => 11_176_512,
            Self::ResNet34 => 21_284_672,
            Self::ResNet50 => 23_508_032,
            Self::ResNeXt50 => 22_979_904,
        }
    }

    /// Values that all convolutions together make of one image of `height` × `width`.
    ///
    /// ```
    /// use longtail::model::ResNetKind;
    ///
    /// assert_eq!(ResNetKind::ResNet50.convolved([224, 224]), 11_113_984);
    /// ```
    pub fn convolved(self, [height, width]: [usize; 2]) -> usize {
        let blocks = self.blocks();
        let half = |[height, width]: [usize; 2]| [height.div_ceil(2), width.div_ceil(2)];
        let area = |[height, width]: [usize; 2]| height * width;
        let first = half([height, width]);
        let mut size = half(first);
        let mut values = area(first) * WIDTHS[0];
        for (stage, width) in WIDTHS.into_iter().enumerate() {
            let (before, output) = (size, blocks.output(width));
            size = if stage == 0 { size } else { half(size) };
            let inner = blocks.inner(width);
            // The first block has its first convolution before the stride, and a shortcut where the shape changes.
            let [others, first] = match blocks.is_bottleneck {
                true => [
                    area(size) * (2 * inner + output),
                    area(before) * inner + area(size) * (inner + 2 * output),
                ],
                false => {
                    let shortcut = if stage == 0 { 0 } else { output };
                    [area(size) * 2 * output, area(size) * (2 * output + shortcut)]
                }
            };
            values += first + (blocks.counts[stage] - 1) * others;
        }
        values
    }

    fn blocks(self) -> Blocks {
        let plain =
            Blocks { counts: LARGE, is_bottleneck: true, groups: 1, group_width: WIDTHS[0] };
        match self {
            Self::ResNet18 => Blocks { counts: SMALL, is_bottleneck: false, ..plain },
            Self::ResNet34 => Blocks { is_bottleneck: false, ..plain },
            Self::ResNet50 => plain,
            Self::ResNeXt50 => Blocks { groups: 32, group_width: 4, ..plain },
        }
    }
}

/// A residual network for large images (He et al. 2016, table 1; Xie et al. 2017): a 7×7 convolution and a pooling that
/// each halve the image, four stages of blocks, of which the last three halve it, and the mean over all pixels. As
/// torchvision has it: bottlenecks halve in their 3×3 convolution ("v1.5"), and shortcuts that change the shape are 1×1
/// convolutions with batch norm.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::model::{Initialiser, Pass, ResNet, ResNetKind};
///
/// let device = Device::flex();
/// let resnet = ResNet::new(ResNetKind::ResNet18, &mut Initialiser::new(0, &device));
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
pub(super) struct ResidualBlock {
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
    /// Weights as torchvision draws them: convolutions kaiming-normal by what goes out.
    pub fn new(kind: ResNetKind, init: &mut Initialiser) -> Self {
        let blocks = kind.blocks();
        let conv1 = ConvShape { input: 3, output: WIDTHS[0], kernel: 7, stride: 2, groups: 1 };
        let (conv1, bn1) = (Conv::of(conv1, init), BatchNorm::new(WIDTHS[0], init));
        let mut input = WIDTHS[0];
        let [layer1, layer2, layer3, layer4] = [0, 1, 2, 3].map(|stage| {
            let of = |index: usize| if index == 0 && stage > 0 { 2 } else { 1 };
            let block = |index| {
                let block = ResidualBlock::new(blocks, input, WIDTHS[stage], of(index), init);
                input = blocks.output(WIDTHS[stage]);
                block
            };
            (0..blocks.counts[stage]).map(block).collect()
        });
        Self { conv1, bn1, layer1, layer2, layer3, layer4 }
    }

    /// Width of the features.
    pub fn features(&self) -> usize {
        self.layer4.last().map_or(0, ResidualBlock::output)
    }

    /// `images`: `[batch, height, width, 3]`, normalised; gives features `[batch, 512]`, of bottlenecks
    /// `[batch, 2048]`, which are means of ReLU outputs and so not negative. Activations have the type of the images;
    /// features of images in 16 bits are f32.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<2> {
        let x = self.stem(images, pass);
        let blocks = self.stages().into_iter().flatten();
        global_average(blocks.fold(x, |x, block| block.forward(x, pass)))
    }

    fn stem(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        max_pool(self.conv1.forward(images, &self.bn1, pass))
    }

    pub(super) fn stages(&self) -> [&[ResidualBlock]; 4] {
        [&self.layer1, &self.layer2, &self.layer3, &self.layer4]
    }
}

impl Blocks {
    fn output(&self, width: usize) -> usize {
        if self.is_bottleneck { width * EXPANSION } else { width }
    }

    /// Channels of a bottleneck's 3×3 convolution.
    fn inner(&self, width: usize) -> usize {
        width * self.group_width / WIDTHS[0] * self.groups
    }
}

impl ResidualBlock {
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

    fn output(&self) -> usize {
        self.conv3.as_ref().unwrap_or(&self.conv2).output()
    }

    fn forward(&self, x: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
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
