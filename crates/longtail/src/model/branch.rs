use burn::{module::Module, tensor::Tensor};

use super::{
    Backbone, BasicBlock, Branches, Classifier, Initialiser, Pass, ResNet, ResNetCifar,
    layers::global_average, resnet::ResidualBlock,
};

/// What one branch has of its own.
#[derive(Module, Debug)]
pub struct Branch {
    pub(super) layer2: Option<Stage>,
    pub(super) layer3: Option<Stage>,
    pub(super) layer4: Option<Stage>,
    pub(super) fc: Option<Classifier>,
}

/// Residual blocks one after the other.
#[derive(Module, Debug)]
pub enum Stage {
    /// Of a ResNet for small images.
    ResNetCifar(Vec<BasicBlock>),
    /// Of a ResNet for large images.
    ResNet(Vec<ResidualBlock>),
}

impl Branches {
    /// The branches of a network on this backbone, without their classifiers; none where the trunk is the network.
    pub(super) fn make(self, backbone: Backbone, init: &mut Initialiser) -> Vec<Branch> {
        (0..self.count()).filter_map(|_| self.one(backbone, init)).collect()
    }

    fn one(self, backbone: Backbone, init: &mut Initialiser) -> Option<Branch> {
        let none = Branch { layer2: None, layer3: None, layer4: None, fc: None };
        let branch = match (self, backbone) {
            (Self::One, _) => return None,
            (Self::Experts { widths, .. }, Backbone::ResNetCifar { depth }) => {
                let [layer2, layer3] = ResNetCifar::last_stages(depth, widths, init);
                let [layer2, layer3] = [layer2, layer3].map(|own| Some(Stage::ResNetCifar(own)));
                Branch { layer2, layer3, ..none }
            }
            (Self::LastBlocks { .. }, Backbone::ResNetCifar { depth }) => {
                let own = vec![ResNetCifar::last_block(depth, init)];
                Branch { layer3: Some(Stage::ResNetCifar(own)), ..none }
            }
            (Self::Experts { widths, .. }, Backbone::ResNet(kind)) => {
                let [layer3, layer4] = ResNet::last_stages(kind, widths, init);
                let [layer3, layer4] = [layer3, layer4].map(|own| Some(Stage::ResNet(own)));
                Branch { layer3, layer4, ..none }
            }
            (Self::LastBlocks { .. }, Backbone::ResNet(kind)) => {
                let own = vec![ResNet::last_block(kind, init)];
                Branch { layer4: Some(Stage::ResNet(own)), ..none }
            }
        };
        Some(branch)
    }
}

impl Branch {
    /// `maps`: what the trunk gives; gives features `[batch, features]`.
    pub fn forward(&self, maps: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<2> {
        let stages = self.stages().into_iter();
        global_average(stages.fold(maps, |x, (_, stage)| stage.forward(x, pass)))
    }

    /// Width of the features.
    pub fn features(&self) -> usize {
        self.stages().last().map_or(0, |(_, stage)| stage.output())
    }

    /// Its stages and their numbers.
    pub(super) fn stages(&self) -> Vec<(usize, &Stage)> {
        let all = [(2, &self.layer2), (3, &self.layer3), (4, &self.layer4)];
        all.into_iter().filter_map(|(number, stage)| Some((number, stage.as_ref()?))).collect()
    }
}

impl Stage {
    fn forward(&self, x: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        match self {
            Self::ResNetCifar(blocks) => BasicBlock::stage(blocks, x, pass),
            Self::ResNet(blocks) => blocks.iter().fold(x, |x, block| block.forward(x, pass)),
        }
    }

    fn output(&self) -> usize {
        match self {
            Self::ResNetCifar(blocks) => blocks.last().map_or(0, BasicBlock::output),
            Self::ResNet(blocks) => blocks.last().map_or(0, ResidualBlock::output),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;
    use crate::{
        device,
        model::{
            Network, NetworkConfig, ResNetKind,
            weights::{State, state, values, with_state},
        },
    };

    const BACKBONES: [Backbone; 4] = [
        Backbone::ResNetCifar { depth: 8 },
        Backbone::ResNetCifar { depth: 14 },
        Backbone::ResNet(ResNetKind::ResNet18),
        Backbone::ResNet(ResNetKind::ResNeXt50),
    ];

    fn network(backbone: Backbone, branches: Branches) -> Network {
        let config = NetworkConfig { branches, ..NetworkConfig::new(backbone, 3) };
        Network::new(&config, 3, &device::cpu()).unwrap()
    }

    fn features(network: &Network) -> Vec<f32> {
        let pixels = (0..2 * 36 * 33 * 3).map(|i| (i % 89) as f32 / 44.0 - 1.0).collect();
        let images = TensorData::new::<f32, _>(pixels, [2, 36, 33, 3]);
        let images = Tensor::from_data(images, &device::cpu());
        values(network.features(images, &mut Pass::Eval))
    }

    /// `network` with the encoder of `plain`, whose names `renamed` says for every branch; nothing else is in it.
    fn filled(network: Network, plain: &State, renamed: impl Fn(&str, usize) -> String) -> Network {
        let count = network.branches.len();
        let mut own = state(&network);
        let of_encoder = plain.iter().filter(|(name, _)| name.starts_with("encoder."));
        for (name, weights) in of_encoder {
            let names = (0..count).map(|branch| renamed(name, branch));
            for name in names.collect::<std::collections::BTreeSet<_>>() {
                assert!(own.insert(name.clone(), weights.clone()).is_some(), "there is no {name}");
            }
        }
        with_state(network, own, "a test").unwrap()
    }

    /// Blocks of a stage are evaluated together, which rounds in other places than one after the other.
    fn assert_near(own: &[f32], one: &[f32], backbone: Backbone) {
        let largest = one.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        let apart = own.iter().zip(one).map(|(own, one)| (own - one).abs()).fold(0.0, f32::max);
        assert!(largest > 0.0 && apart < 1e-5 * largest, "{backbone}: {apart} of {largest}");
    }

    #[test]
    fn an_expert_of_the_whole_width_is_the_network() {
        for backbone in BACKBONES {
            let plain = network(backbone, Branches::One);
            let widths = backbone.last_widths();
            let experts = network(backbone, Branches::Experts { count: 2, widths });
            let own = if matches!(backbone, Backbone::ResNet(_)) { ["3", "4"] } else { ["2", "3"] };
            let experts = filled(experts, &state(&plain), |name, branch| {
                let stage = name.strip_prefix("encoder.layer").and_then(|name| name.get(..1));
                match stage.is_some_and(|stage| own.contains(&stage)) {
                    true => name.replace("encoder.", &format!("branches.{branch}.")),
                    false => name.to_owned(),
                }
            });
            let (one, both) = (features(&plain), features(&experts));
            let width = backbone.features();
            for (one, both) in one.chunks(width).zip(both.chunks(2 * width)) {
                both.chunks(width).for_each(|own| assert_near(own, one, backbone));
            }
        }
    }

    #[test]
    fn a_branch_of_the_last_block_is_the_network() {
        for backbone in BACKBONES {
            let plain = state(&network(backbone, Branches::One));
            let (layer, blocks) = match backbone {
                Backbone::ResNetCifar { depth } => (3, (depth - 2) / 6),
                Backbone::ResNet(kind) => (4, kind.blocks().counts[3]),
            };
            let last = format!("encoder.layer{layer}.{}.", blocks - 1);
            let branches = network(backbone, Branches::LastBlocks { count: 2 });
            let branches = filled(branches, &plain, |name, branch| {
                name.replace(&last, &format!("branches.{branch}.layer{layer}.0."))
            });
            let (one, both) = (features(&network(backbone, Branches::One)), features(&branches));
            let width = backbone.features();
            for (one, both) in one.chunks(width).zip(both.chunks(2 * width)) {
                both.chunks(width).for_each(|own| assert_near(own, one, backbone));
            }
        }
    }
}
