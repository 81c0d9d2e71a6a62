//! What was typed of a method's losses and does not reach the method.

use std::collections::BTreeMap;

use crate::{
    loss::ClassCounts,
    method::Planner,
    recipe::{Recipe, RecipeError, RecipeFile},
};

/// Sections of which a method takes what it needs; the last has knobs that go with others alone.
pub(super) const TAKEN: [&str; 4] = ["loss", "contrastive", "compression", "method"];

/// What a person should know of values in `layers` that another method than the recipe's would take: without them the
/// plan is the same. Nothing is said of a method from outside, whose plan may not print all that it depends on. `resolve` makes a recipe of layers as that of `recipe` was made.
pub(super) fn notes_of_layers(
    recipe: &Recipe,
    layers: &[RecipeFile],
    resolve: impl Fn(&[RecipeFile]) -> Option<Recipe>,
    planner: &Planner,
    counts: &ClassCounts,
) -> Vec<String> {
    if planner.own_name().is_some() {
        return Vec::new();
    }
    let plan = |recipe: &Recipe| {
        let plan = planner.plan(&recipe.settings(), counts).ok()?;
        Some(format!("{plan:?}"))
    };
    let (Some(planned), Ok(own)) = (plan(recipe), values(recipe)) else { return Vec::new() };
    let typed = layers.iter().rev().filter_map(|layer| layer.values().ok()).flatten();
    let mut unheard = Vec::new();
    for (key, _) in typed {
        let is_taken = key.split('.').next().is_some_and(|section| TAKEN.contains(&section));
        let Some(value) = own.get(&key).filter(|_| is_taken) else { continue };
        let Some(without) = resolve(&without(layers, &key)) else { continue };
        let is_other = values(&without).is_ok_and(|all| all.get(&key) != Some(value));
        let said = format!("{key} = {value}");
        if is_other
            && plan(&without).is_some_and(|plan| plan == planned)
            && !unheard.contains(&said)
        {
            unheard.push(said);
        }
    }
    match unheard.is_empty() {
        true => Vec::new(),
        false => vec![format!("without effect on {}: {}", recipe.method, unheard.join(", "))],
    }
}

fn values(recipe: &Recipe) -> Result<BTreeMap<String, String>, RecipeError> {
    RecipeFile::parse(&recipe.to_toml()?, "a recipe")?.values()
}

/// The layers without one key.
fn without(layers: &[RecipeFile], key: &str) -> Vec<RecipeFile> {
    let (section, name) = key.split_once('.').unwrap_or((key, ""));
    let strip = |layer: &RecipeFile| -> Option<RecipeFile> {
        let mut table = toml::Table::try_from(layer).ok()?;
        table.get_mut(section).and_then(toml::Value::as_table_mut)?.remove(name);
        RecipeFile::parse(&toml::to_string(&table).ok()?, "a layer").ok()
    };
    layers.iter().map(|layer| strip(layer).unwrap_or_else(|| layer.clone())).collect()
}
