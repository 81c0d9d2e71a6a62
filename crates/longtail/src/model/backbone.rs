use serde::{Deserialize, Serialize};

use super::{Branches, ModelError, ResNetCifar, ResNetKind, resnet_cifar, resnet_kind};

/// Layers of the deepest CIFAR ResNet that is made: the deepest one of He et al. 2016.
const DEEPEST: usize = 1202;

/// A network from images to features, by its name in a recipe.
///
/// ```
/// use longtail::model::{Backbone, ResNetKind};
///
/// assert_eq!("resnet32".parse(), Ok(Backbone::ResNetCifar { depth: 32 }));
/// assert_eq!("resnet50".parse(), Ok(Backbone::ResNet(ResNetKind::ResNet50)));
/// assert!("resnet33".parse::<Backbone>().unwrap_err().contains("6n+2"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Backbone {
    /// The ResNet for small images of He et al. 2016, §4.2.
    ResNetCifar {
        /// Layers, 6n+2 with n ≥ 1; of the depths that ResNets for large images have, those are meant.
        depth: usize,
    },
    /// A ResNet for large images.
    ResNet(ResNetKind),
}

impl Backbone {
    /// Refuses a depth that no CIFAR ResNet has.
    ///
    /// # Errors
    /// [`ModelError::Depth`].
    pub fn check(self) -> Result<(), ModelError> {
        let Self::ResNetCifar { depth } = self else { return Ok(()) };
        let exists = (8..=DEEPEST).contains(&depth) && depth % 6 == 2;
        if exists { Ok(()) } else { Err(ModelError::Depth(depth)) }
    }

    /// Features of an image.
    pub fn features(self) -> usize {
        match self {
            Self::ResNetCifar { .. } => ResNetCifar::FEATURES,
            Self::ResNet(kind) => kind.features(),
        }
    }

    /// Widths of its last two stages.
    pub fn last_widths(self) -> [usize; 2] {
        match self {
            Self::ResNetCifar { .. } => {
                let [.., before, last] = resnet_cifar::WIDTHS;
                [before, last]
            }
            Self::ResNet(_) => {
                let [.., before, last] = resnet_kind::WIDTHS;
                [before, last]
            }
        }
    }

    /// Features of an image in all branches.
    pub(super) fn features_of(self, branches: Branches) -> usize {
        let of_branch = match (branches, self) {
            (Branches::One | Branches::LastBlocks { .. }, _) => self.features(),
            (Branches::Experts { widths: [_, last], .. }, Self::ResNetCifar { .. }) => last,
            (Branches::Experts { widths: [_, last], .. }, Self::ResNet(kind)) => {
                kind.blocks().output(last)
            }
        };
        branches.count() * of_branch
    }

    /// Weights of the encoder with all branches, near enough to tell its memory.
    pub(super) fn parameters(self, branches: Branches) -> usize {
        match self {
            Self::ResNetCifar { depth } => {
                // A block has two 3×3 convolutions.
                let of = |width: usize| 2 * 9 * width * width;
                let [first, second, third] = resnet_cifar::WIDTHS.map(of);
                let blocks = depth.saturating_sub(2) / 6;
                match branches {
                    Branches::One => blocks * (first + second + third),
                    Branches::Experts { count, widths: [second, third] } => {
                        blocks * (first + count * (of(second) + of(third)))
                    }
                    Branches::LastBlocks { count } => {
                        blocks * (first + second + third) + (count - 1) * third
                    }
                }
            }
            Self::ResNet(kind) => kind.parameters(branches),
        }
    }

    /// Layers.
    pub fn depth(self) -> usize {
        match self {
            Self::ResNetCifar { depth } => depth,
            Self::ResNet(kind) => kind.depth(),
        }
    }
}

impl std::fmt::Display for Backbone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ResNetCifar { depth } => write!(f, "resnet{depth}"),
            Self::ResNet(kind) => f.write_str(kind.name()),
        }
    }
}

impl std::str::FromStr for Backbone {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if let Some(kind) = ResNetKind::ALL.into_iter().find(|kind| kind.name() == name) {
            return Ok(Self::ResNet(kind));
        }
        let depth = name.strip_prefix("resnet").and_then(|depth| depth.parse().ok());
        let backbone = depth.map(|depth| Self::ResNetCifar { depth });
        backbone.filter(|backbone| backbone.check().is_ok()).ok_or_else(|| {
            let large = ResNetKind::ALL.map(ResNetKind::name).join(", ");
            format!(
                "there is no backbone \"{name}\"; the backbones are {large}, and the CIFAR ResNets of depth 6n+2: \
                 resnet8, resnet14, resnet20, resnet32, resnet44, resnet56 and so on, up to resnet{DEEPEST}"
            )
        })
    }
}

impl TryFrom<String> for Backbone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<Backbone> for String {
    fn from(backbone: Backbone) -> Self {
        backbone.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experts_take_more_memory_than_one_network_and_branches_of_a_block_little_more() {
        let experts = Branches::Experts { count: 4, widths: [24, 48] };
        let small = Backbone::ResNetCifar { depth: 32 };
        let [one, two, four] = [Branches::One, Branches::LastBlocks { count: 2 }, experts]
            .map(|branches| small.parameters(branches));
        // Its convolutions have 461,392 weights.
        assert!((455_000..490_000).contains(&one), "{one}");
        assert_eq!(two - one, 2 * 9 * 64 * 64);
        assert_eq!(four, 5 * 2 * 9 * (256 + 4 * (576 + 2304)));
        assert_eq!(small.features_of(experts), 4 * 48);
        let large = Backbone::ResNet(ResNetKind::ResNet50);
        assert_eq!(large.last_widths(), [256, 512]);
        assert_eq!(large.features_of(Branches::Experts { count: 3, widths: [192, 384] }), 4608);
    }

    #[test]
    fn names_parse_back_and_others_are_refused() {
        for name in [
            "resnet8",
            "resnet14",
            "resnet20",
            "resnet50",
            "resnet18",
            "resnext50_32x4d",
            "resnet1202",
        ] {
            assert_eq!(
                name.parse::<Backbone>().map(|backbone| backbone.to_string()),
                Ok(name.into())
            );
        }
        for name in [
            "",
            "resnet",
            "resnet0",
            "resnet2",
            "resnet7",
            "resnet33",
            "resnet1208",
            "vit",
            "resnet-8",
        ] {
            let said = name.parse::<Backbone>().unwrap_err();
            assert!(said.contains("6n+2") && said.contains("up to resnet1202"), "{said}");
        }
    }
}
