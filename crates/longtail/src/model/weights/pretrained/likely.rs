//! Which network names and shapes are of.

use std::collections::BTreeMap;

use crate::model::Backbone;

/// Blocks of the stages of networks that this program does not have, of bottlenecks with one group.
const OTHERS: [([usize; 4], &str); 2] =
    [([3, 4, 23, 3], "resnet101"), ([3, 8, 36, 3], "resnet152")];

/// What is known of an encoder whose names are torchvision's.
struct Seen {
    /// Output channels and side of the first convolution.
    stem: [usize; 2],
    /// Blocks of every stage.
    blocks: Vec<usize>,
    /// Output channels and inputs of a group of the first block's second convolution.
    second: [usize; 2],
    is_bottleneck: bool,
}

/// The network that an encoder of these names and shapes seems to be, with the option that takes it where there is one;
/// `None` where that is `own`.
pub fn likely(shapes: &BTreeMap<&str, &[usize]>, own: &str) -> Option<String> {
    let seen = Seen::of(shapes)?;
    let name = seen.name();
    Some(match name {
        Some(name) if name == own => return None,
        Some(name) if name.parse::<Backbone>().is_ok() => format!("{name}: take --backbone {name}"),
        Some(name) => format!("{name}, which this program does not have"),
        None if seen.is_bottleneck => "a bottleneck network such as resnet50".into(),
        None => return None,
    })
}

impl Seen {
    fn of(shapes: &BTreeMap<&str, &[usize]>) -> Option<Self> {
        let shape = |name: &str| match shapes.get(name)?[..] {
            [out, input, height, _] => Some([out, input, height]),
            _ => None,
        };
        let [out, _, side] = shape("conv1.weight")?;
        let [second_out, second_in, _] = shape("layer1.0.conv2.weight")?;
        let stage = |stage: usize| {
            let has = |block: &usize| {
                shapes.contains_key(&format!("layer{stage}.{block}.conv1.weight")[..])
            };
            (0..).take_while(has).count()
        };
        Some(Self {
            stem: [out, side],
            blocks: (1..=4).map(stage).take_while(|blocks| *blocks > 0).collect(),
            second: [second_out, second_in],
            is_bottleneck: shapes.contains_key("layer1.0.conv3.weight"),
        })
    }

    fn name(&self) -> Option<String> {
        match (self.stem, self.is_bottleneck, &self.blocks[..]) {
            ([16, 3], false, &[first, second, third]) if first == second && second == third => {
                Some(format!("resnet{}", 6 * first + 2))
            }
            ([64, 7], false, [2, 2, 2, 2]) => Some("resnet18".into()),
            ([64, 7], false, [3, 4, 6, 3]) => Some("resnet34".into()),
            ([64, 7], true, blocks) => self.bottleneck(blocks),
            _ => None,
        }
    }

    fn bottleneck(&self, blocks: &[usize]) -> Option<String> {
        let name = match (self.second, blocks) {
            ([64, 64], [3, 4, 6, 3]) => "resnet50",
            ([128, 4], [3, 4, 6, 3]) => "resnext50_32x4d",
            ([128, 128], [3, 4, 6, 3]) => "wide_resnet50_2",
            ([64, 64], blocks) => OTHERS.iter().find(|(own, _)| own == blocks)?.1,
            _ => return None,
        };
        Some(name.to_owned())
    }
}
