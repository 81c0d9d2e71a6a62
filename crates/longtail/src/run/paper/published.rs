use super::{BALANCED, printed};
use crate::{
    data::source,
    model::{Backbone, ResNetKind},
    recipe::Recipe,
    report::html::Published,
};

/// Epochs of all runs on CIFAR (caption of Table 3).
const EPOCHS: usize = 200;
/// Epochs of all runs on ImageNet-LT (caption of Table 4).
const EPOCHS_OF_IMAGENET: usize = 90;

/// What the paper prints of the method of a recipe on its data, if it does.
pub(in crate::run) fn published(recipe: &Recipe) -> Option<Published> {
    let (data, epochs) = match imagenet(recipe) {
        Some(network) => (format!("imagenet-lt-{network}"), EPOCHS_OF_IMAGENET),
        None => (format!("{}-{}", source::title(&recipe.data), recipe.data.imbalance), EPOCHS),
    };
    let system = recipe.method.to_string().replace('+', "-");
    let percent: f64 = printed(&format!("{data}-{system}"), BALANCED)?.parse().ok()?;
    Some(Published {
        balanced_top1: percent / 100.0,
        source: "the tables of the RCL paper".into(),
        epochs: Some(epochs),
    })
}

/// What the names of recipes call the network of a recipe on ImageNet-LT.
fn imagenet(recipe: &Recipe) -> Option<&'static str> {
    let Backbone::ResNet(kind) = recipe.model.backbone else { return None };
    match kind {
        _ if recipe.data.name != "imagenet-lt" => None,
        ResNetKind::ResNet50 => Some("resnet50"),
        ResNetKind::ResNeXt50 => Some("resnext50"),
        ResNetKind::ResNet18 | ResNetKind::ResNet34 => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::RecipeFile;

    #[test]
    fn what_is_published_is_found_by_method_and_data() {
        let of = |text: &str| {
            let file = RecipeFile::parse(text, "a recipe").unwrap();
            published(&Recipe::resolve(&[file]).unwrap().0).map(|of| of.balanced_top1)
        };
        let cifar =
            "[data]\nname = \"cifar10-lt\"\nimbalance = 100\n[method]\nname = \"bcl+rcl\"\n";
        let shown = printed("cifar10-lt-100-bcl-rcl", BALANCED).unwrap().parse::<f64>().unwrap();
        assert_eq!(of(cifar), Some(shown / 100.0));
        assert_eq!(of(&cifar.replace("100", "77")), None);
        assert_eq!(of("[method]\nname = \"rcl\"\n"), None, "of the built-in images nothing is");
        let imagenet = "[data]\nname = \"imagenet-lt\"\ntrain_list = \"a\"\n[method]\nname = \"bcl\"\n[model]\n\
                        backbone = \"resnext50_32x4d\"\n";
        assert_eq!(of(imagenet), Some(57.4 / 100.0));
        assert_eq!(of(&imagenet.replace("imagenet-lt", "mine")), None);
        assert_eq!(of(&imagenet.replace("resnext50_32x4d", "resnet18")), None);
    }
}
