use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{data::Fitting, recipe::Recipe};

/// All that another program needs to use the weights of a recipe's network, as text: what images are brought to, which
/// are `image_size` high and wide, and what the outputs mean.
pub fn about(
    recipe: &Recipe,
    encoder: &str,
    class_names: &[String],
    image_size: usize,
) -> BTreeMap<String, String> {
    let text = |value: Value| value.to_string();
    [
        ("format", "pt".to_owned()),
        ("longtail_version", env!("CARGO_PKG_VERSION").to_owned()),
        ("class_names", text(class_names.into())),
        ("backbone", encoder.to_owned()),
        ("method", recipe.method.to_string()),
        ("image_size", image_size.to_string()),
        ("resize", text(json!(recipe.data.resize)).trim_matches('"').to_owned()),
        ("shorter_side", Fitting::of(&recipe.data).shorter_side.to_string()),
        ("mean", text(recipe.views.mean.to_vec().into())),
        ("std", text(recipe.views.std.to_vec().into())),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}
