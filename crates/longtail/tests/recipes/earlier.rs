//! Recipes that runs of an earlier version wrote down: the same run is recognised.

use std::path::Path;

use longtail::recipe::{Recipe, RecipeFile};

/// What the version at aeef084 took for the identity of a run: its whole recipe but for these keys.
fn identity_then(recipe: &str) -> String {
    let blank = |line: &str| match line.split_once(" = ") {
        Some((key @ ("dir" | "split"), _)) => format!("{key} = \"\"\n"),
        Some((key @ "checkpoint_steps", _)) => format!("{key} = 0\n"),
        _ => format!("{line}\n"),
    };
    recipe.lines().map(blank).collect()
}

#[test]
fn a_run_of_an_earlier_version_keeps_its_identity() {
    for name in ["folder", "plain", "synthetic"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recipes/aeef084");
        let path = path.join(format!("{name}.toml"));
        let recipe = Recipe::resolve(&[RecipeFile::read_of_run(&path).unwrap()]).unwrap().0;
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(recipe.old_identity().unwrap(), identity_then(&text), "{name}");
    }
}
