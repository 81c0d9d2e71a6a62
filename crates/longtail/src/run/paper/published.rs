use super::{BALANCED, printed};
use crate::{data::source, recipe::Recipe, report::html::Published};

/// Epochs of all runs on CIFAR (caption of Table 3).
const EPOCHS: usize = 200;

/// What the paper prints of the method of a recipe on its data, if it does.
pub(in crate::run) fn published(recipe: &Recipe) -> Option<Published> {
    let data = format!("{}-{}", source::title(&recipe.data), recipe.data.imbalance);
    let system = recipe.method.to_string().replace('+', "-");
    let percent: f64 = printed(&format!("{data}-{system}"), BALANCED)?.parse().ok()?;
    Some(Published {
        balanced_top1: percent / 100.0,
        source: "the tables of the RCL paper".into(),
        epochs: Some(EPOCHS),
    })
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
    }
}
