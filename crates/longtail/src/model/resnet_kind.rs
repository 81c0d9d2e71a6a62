use super::Branches;

/// Channels of the four stages, before the bottlenecks' expansion.
pub(super) const WIDTHS: [usize; 4] = [64, 128, 256, 512];
/// Outputs of a bottleneck for each of its width.
const EXPANSION: usize = 4;
/// Blocks of the four stages.
const SMALL: [usize; 4] = [2, 2, 2, 2];
const LARGE: [usize; 4] = [3, 4, 6, 3];
/// Weights of the first convolution and its batch norm.
const STEM: usize = WIDTHS[0] * (3 * 7 * 7 + 2);

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
pub(super) struct Blocks {
    pub counts: [usize; 4],
    /// Three convolutions instead of two.
    pub is_bottleneck: bool,
    pub groups: usize,
    /// Channels of a group in the first stage.
    group_width: usize,
}

/// Blocks one after the other.
#[derive(Debug, Clone, Copy)]
struct StageSize {
    /// How many branches have such ones of their own.
    times: usize,
    /// Channels that come in.
    input: usize,
    width: usize,
    blocks: usize,
    stride: usize,
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

    /// Weights of the encoder, with all branches.
    pub(super) fn parameters(self, branches: Branches) -> usize {
        let blocks = self.blocks();
        let of = |stage: StageSize| stage.times * blocks.weights(stage);
        STEM + self.stages(branches).into_iter().map(of).sum::<usize>()
    }

    /// Values that all convolutions together make of one image of `height` × `width`, in all branches.
    ///
    /// ```
    /// use longtail::model::{Branches, ResNetKind};
    ///
    /// assert_eq!(ResNetKind::ResNet50.convolved(Branches::One, [224, 224]), 11_113_984);
    /// ```
    pub fn convolved(self, branches: Branches, [height, width]: [usize; 2]) -> usize {
        let blocks = self.blocks();
        let half = |[height, width]: [usize; 2]| [height.div_ceil(2), width.div_ceil(2)];
        let area = |[height, width]: [usize; 2]| height * width;
        let first = half([height, width]);
        let mut size = half(first);
        let mut values = area(first) * WIDTHS[0];
        for stage in self.stages(branches) {
            let before = size;
            size = if stage.stride == 1 { size } else { half(size) };
            values += stage.times * blocks.convolved(stage, area(before), area(size));
        }
        values
    }

    pub(super) fn blocks(self) -> Blocks {
        let plain =
            Blocks { counts: LARGE, is_bottleneck: true, groups: 1, group_width: WIDTHS[0] };
        match self {
            Self::ResNet18 => Blocks { counts: SMALL, is_bottleneck: false, ..plain },
            Self::ResNet34 => Blocks { is_bottleneck: false, ..plain },
            Self::ResNet50 => plain,
            Self::ResNeXt50 => Blocks { groups: 32, group_width: 4, ..plain },
        }
    }

    /// The trunk's stages, then what every branch has, in the order in which an image passes them.
    fn stages(self, branches: Branches) -> Vec<StageSize> {
        let blocks = self.blocks();
        let [first, second, third, fourth] = blocks.counts;
        let stage = |input: usize, width: usize, blocks: usize| StageSize {
            times: 1,
            input,
            width,
            blocks,
            stride: 2,
        };
        let out = |width: usize| blocks.output(width);
        let mut stages = vec![
            StageSize { stride: 1, ..stage(WIDTHS[0], WIDTHS[0], first) },
            stage(out(WIDTHS[0]), WIDTHS[1], second),
            stage(out(WIDTHS[1]), WIDTHS[2], third),
            stage(out(WIDTHS[2]), WIDTHS[3], fourth),
        ];
        match branches {
            Branches::One => {}
            Branches::Experts { count, widths } => {
                let inputs = [out(WIDTHS[1]), out(widths[0])];
                for (own, (width, input)) in
                    stages[2..].iter_mut().zip(widths.into_iter().zip(inputs))
                {
                    *own = StageSize { times: count, input, width, ..*own };
                }
            }
            Branches::LastBlocks { count } => {
                stages[3].blocks -= 1;
                let last = stage(out(WIDTHS[3]), WIDTHS[3], 1);
                stages.push(StageSize { times: count, stride: 1, ..last });
            }
        }
        stages
    }
}

impl Blocks {
    /// Channels that go out of a block.
    pub fn output(&self, width: usize) -> usize {
        if self.is_bottleneck { width * EXPANSION } else { width }
    }

    /// Channels of a bottleneck's 3×3 convolution.
    pub fn inner(&self, width: usize) -> usize {
        width * self.group_width / WIDTHS[0] * self.groups
    }

    /// Whether the first block's shortcut is a convolution.
    fn has_shortcut(&self, stage: StageSize) -> bool {
        stage.stride != 1 || stage.input != self.output(stage.width)
    }

    /// Weights of a stage, those of batch norms among them.
    fn weights(&self, stage: StageSize) -> usize {
        let (inner, output) = (self.inner(stage.width), self.output(stage.width));
        let conv = |input: usize, output: usize, taps: usize| output * (input * taps + 2);
        let block = |input: usize| match self.is_bottleneck {
            true => {
                conv(input, inner, 1) + conv(inner / self.groups, inner, 9) + conv(inner, output, 1)
            }
            false => conv(input, output, 9) + conv(output, output, 9),
        };
        let shortcut = if self.has_shortcut(stage) { conv(stage.input, output, 1) } else { 0 };
        block(stage.input) + shortcut + (stage.blocks - 1) * block(output)
    }

    /// Values that the convolutions of a stage make, of so many pixels in and out.
    fn convolved(&self, stage: StageSize, before: usize, after: usize) -> usize {
        let (inner, output) = (self.inner(stage.width), self.output(stage.width));
        let shortcut = if self.has_shortcut(stage) { after * output } else { 0 };
        // A bottleneck halves in its second convolution.
        let [others, first] = match self.is_bottleneck {
            true => [after * (2 * inner + output), before * inner + after * (inner + output)],
            false => [after * 2 * output; 2],
        };
        first + shortcut + (stage.blocks - 1) * others
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        device,
        model::{Backbone, Network, NetworkConfig, weights},
    };

    /// All weights but the classifier's, which are no statistics.
    fn made(kind: ResNetKind, branches: Branches) -> usize {
        let config = NetworkConfig { branches, ..NetworkConfig::new(Backbone::ResNet(kind), 2) };
        let state = weights::state(&Network::new(&config, 0, &device::cpu()).unwrap());
        let counted =
            state.iter().filter(|(name, _)| !name.contains("running_") && !name.contains("fc."));
        counted.map(|(_, tensor)| tensor.values.len()).sum()
    }

    #[test]
    fn a_network_has_the_weights_that_its_memory_is_told_by() {
        for kind in ResNetKind::ALL {
            let experts = Branches::Experts { count: 2, widths: [192, 384] };
            for branches in [Branches::One, experts, Branches::LastBlocks { count: 2 }] {
                assert_eq!(
                    kind.parameters(branches),
                    made(kind, branches),
                    "{kind:?} {branches:?}"
                );
            }
        }
    }

    /// Of RIDE's `RIDEResNet` and `RIDEResNeXt` with `reduce_dimension`, without classifiers, and of BBN's `bbn_res50`.
    #[test]
    fn branches_have_the_weights_of_the_public_codes() {
        let experts = Branches::Experts { count: 4, widths: [192, 384] };
        assert_eq!(ResNetKind::ResNet50.parameters(experts), 51_610_688);
        assert_eq!(ResNetKind::ResNeXt50.parameters(experts), 50_570_560);
        let last = Branches::LastBlocks { count: 2 };
        assert_eq!(ResNetKind::ResNet50.parameters(last), 27_970_624);
    }
}
