use super::{
    BasicBlock, Branch, Encoder, Network, ResNet, ResNetCifar, branch::Stage, resnet::ResidualBlock,
};

/// How the convolutions of an encoder follow each other: what the shapes of its weights do not tell.
///
/// A convolution with batch norm and ReLU comes first, under the names `encoder.conv1` and `encoder.bn1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// What comes before the first stage.
    pub stem: Stem,
    /// What all branches have in common.
    pub trunk: Vec<StageLayout>,
    /// What every branch has of its own, whose output is averaged over all pixels; of one branch the trunk's is.
    pub branches: Vec<Vec<StageLayout>>,
}

/// What comes before the first stage of an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stem {
    /// A 3×3 convolution.
    Small,
    /// A 7×7 convolution of stride 2 and the maximum of every 3×3 pixels, two apart.
    Large,
}

/// Residual blocks one after the other: of two convolutions, or of three where the weights have a third; their shortcut is
/// a convolution where the weights have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageLayout {
    /// What the weights of block b begin with, but for `.b`.
    pub name: String,
    /// The stride of every block.
    pub strides: Vec<usize>,
    /// Groups of the second convolution.
    pub groups: usize,
}

impl StageLayout {
    fn of(owner: &str, stage: usize, blocks: &[BasicBlock]) -> Self {
        let strides = blocks.iter().map(BasicBlock::stride).collect();
        Self { name: format!("{owner}.layer{stage}"), strides, groups: 1 }
    }

    fn of_residual(owner: &str, stage: usize, blocks: &[ResidualBlock]) -> Self {
        Self {
            name: format!("{owner}.layer{stage}"),
            strides: blocks.iter().map(ResidualBlock::stride).collect(),
            groups: blocks.first().map_or(1, ResidualBlock::groups),
        }
    }
}

impl Network {
    /// How its encoder is laid out; `None` of one from outside the crate.
    ///
    /// ```
    /// # use burn::tensor::Device;
    /// use longtail::{method::parts, model::Network, recipe::Recipe};
    ///
    /// let (recipe, _) = Recipe::resolve(&[])?;
    /// let network = Network::new(&parts::network(&recipe.settings(), 3, None), 0, &Device::flex())?;
    /// let layout = network.layout().ok_or("a network of this crate has one")?;
    /// let strides: Vec<_> = layout.trunk.iter().map(|stage| stage.strides.clone()).collect();
    /// assert_eq!((strides, layout.branches.len()), (vec![vec![1], vec![2], vec![2]], 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn layout(&self) -> Option<Layout> {
        let (stem, trunk) = match &self.encoder {
            Encoder::ResNetCifar(trunk) => (Stem::Small, trunk.layout("encoder")),
            Encoder::ResNet(resnet) => (Stem::Large, resnet.layout("encoder")),
            Encoder::Own(_) => return None,
        };
        let numbered = self.branches.iter().enumerate();
        let branches = numbered.map(|(i, own)| own.layout(&format!("branches.{i}"))).collect();
        Some(Layout { stem, trunk, branches })
    }
}

impl ResNetCifar {
    fn layout(&self, owner: &str) -> Vec<StageLayout> {
        let stages = [&self.layer1, &self.layer2, &self.layer3].into_iter().zip(1..);
        stages.map(|(blocks, stage)| StageLayout::of(owner, stage, blocks)).collect()
    }
}

impl ResNet {
    fn layout(&self, owner: &str) -> Vec<StageLayout> {
        let stages = self.stages().into_iter().zip(1..);
        stages.map(|(blocks, stage)| StageLayout::of_residual(owner, stage, blocks)).collect()
    }
}

impl Branch {
    fn layout(&self, owner: &str) -> Vec<StageLayout> {
        let of = |(number, stage): (usize, &Stage)| match stage {
            Stage::ResNetCifar(blocks) => StageLayout::of(owner, number, blocks),
            Stage::ResNet(blocks) => StageLayout::of_residual(owner, number, blocks),
        };
        self.stages().into_iter().map(of).collect()
    }
}
