//! What docs/method.md says of paths, names, keys, values and defaults.

use std::collections::BTreeSet;

use longtail::{
    loss::{ClassCounts, CompressionPreset},
    method::{Knob, Method, Plan, Stage},
    model::Part,
    recipe::{self, Recipe, RecipeFile},
};

use super::shelf::{root, text};

const CIFAR: &str = "data.name = \"cifar10-lt\"\n";
const FOLDER: &str = "data.name = \"photos\"\n";
const SYNTHETIC: &str = "data.name = \"synthetic\"\n";

/// The page without its drawings.
fn lines() -> Vec<String> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for line in text("docs/method.md").lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// What stands between backticks.
fn spans(text: &str) -> Vec<&str> {
    assert!(text.matches('`').count().is_multiple_of(2), "a backtick has no partner: {text}");
    text.split('`').skip(1).step_by(2).collect()
}

/// The cells of a row of a table.
fn cells(line: &str) -> Option<Vec<&str>> {
    let row = line.strip_prefix("| ")?.strip_suffix(" |")?;
    Some(row.split(" | ").collect())
}

fn resolve(layers: &[&str]) -> Recipe {
    let parse = |text: &&str| RecipeFile::parse(text, text).unwrap_or_else(|e| panic!("{e}"));
    let layers: Vec<_> = layers.iter().map(parse).collect();
    Recipe::resolve(&layers).unwrap_or_else(|error| panic!("{layers:?}: {error}")).0
}

fn resolves(layers: &[&str]) -> bool {
    let parse = |text: &&str| RecipeFile::parse(text, text).unwrap_or_else(|e| panic!("{e}"));
    Recipe::resolve(&layers.iter().map(parse).collect::<Vec<_>>()).is_ok()
}

/// Every `section.key` that there is.
fn keys() -> BTreeSet<String> {
    let sections: toml::Table = resolve(&[CIFAR]).to_toml().unwrap().parse().unwrap();
    let of_section = |(section, keys): (&String, &toml::Value)| {
        let keys: Vec<_> = keys.as_table().unwrap().keys().cloned().collect();
        let section = section.clone();
        keys.into_iter().map(move |key| format!("{section}.{key}"))
    };
    sections.iter().flat_map(of_section).collect()
}

#[test]
fn paths_exist() {
    let lines = lines();
    let paths: Vec<_> = lines
        .iter()
        .flat_map(|line| spans(line))
        .filter(|span| span.starts_with("crates/") || span.starts_with("recipes/"))
        .collect();
    assert!(paths.len() > 20, "{paths:?}");
    for path in paths {
        assert!(root().join(path).is_file(), "{path}");
    }
}

#[test]
fn the_file_that_a_row_names_holds_the_names_beside_it() {
    let lines = lines();
    let mut held = 0;
    for row in lines.iter().filter_map(|line| cells(line)) {
        let Some(path) = row.iter().find_map(|cell| spans(cell).pop()) else { continue };
        if !path.starts_with("crates/") {
            continue;
        }
        let file = text(path);
        let words: BTreeSet<_> =
            file.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
        let names = spans(row.last().unwrap());
        assert!(!names.is_empty(), "{path}");
        for name in names {
            assert!(words.contains(name), "{path} has no {name}");
            held += 1;
        }
    }
    assert!(held > 30, "{held}");
}

#[test]
fn keys_and_their_values_are_a_recipes() {
    let (keys, lines) = (keys(), lines());
    let sections: BTreeSet<_> = keys.iter().filter_map(|key| key.split('.').next()).collect();
    let mut read = 0;
    for span in lines.iter().flat_map(|line| spans(line)) {
        let (key, value) = match span.split_once(" = ") {
            Some((key, value)) => (key, Some(value)),
            None => (span, None),
        };
        let Some((section, _)) = key.split_once('.') else { continue };
        if !sections.contains(section) {
            continue;
        }
        assert!(keys.contains(key), "there is no key {key}");
        if value.is_some() {
            resolve(&[CIFAR, span]);
        }
        read += 1;
    }
    assert!(read > keys.len(), "{read}");
}

/// Key, values, default on CIFAR and default on the synthetic set, of every row about a key.
fn knobs(lines: &[String]) -> Vec<[&str; 4]> {
    let row = |cells: Vec<_>| match cells[..] {
        [key, values, cifar, synthetic, _] => Some([key, values, cifar, synthetic]),
        _ => None,
    };
    let header = lines.iter().position(|line| line.starts_with("| Key | Values |")).unwrap();
    lines[header + 2..].iter().map_while(|line| cells(line).and_then(row)).collect()
}

/// The one value between backticks.
fn only(cell: &str) -> &str {
    let spans = spans(cell);
    assert_eq!(spans.len(), 1, "{cell}");
    spans[0]
}

#[test]
fn the_table_of_keys_is_complete_and_its_defaults_are_the_codes() {
    let lines = lines();
    let (mut cifar, mut synthetic) = (String::new(), String::new());
    let mut listed = Vec::new();
    for [key, _, on_cifar, on_synthetic] in knobs(&lines) {
        let key = only(key);
        let on_cifar = only(on_cifar);
        let on_synthetic = if on_synthetic == "same" { on_cifar } else { only(on_synthetic) };
        cifar += &format!("{key} = {on_cifar}\n");
        synthetic += &format!("{key} = {on_synthetic}\n");
        listed.push(key.to_owned());
    }
    assert_eq!(listed.len(), keys().len());
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), keys());
    // A default that is wrong on the page would move the recipe it is laid over.
    assert_eq!(resolve(&[CIFAR, &cifar]), resolve(&[CIFAR]));
    assert_eq!(resolve(&[SYNTHETIC, &synthetic]), resolve(&[SYNTHETIC]));
}

#[test]
fn the_table_of_keys_says_what_their_definitions_say() {
    let rows: Vec<String> = recipe::keys()
        .map(|key| {
            let [cifar, synthetic] = key.defaults();
            let same = synthetic == cifar;
            let synthetic = if same { "same".into() } else { format!("`{synthetic}`") };
            format!("| `{}` | {} | `{cifar}` | {synthetic} | {} |", key.key, key.values, key.source)
        })
        .collect();
    assert!(rows.len() > 50, "{}", rows.len());
    let lines = lines();
    let listed = table(&lines, "| Key | Values |").into_iter();
    let listed: Vec<_> = listed.filter(|row| !row.starts_with("| `method.name`")).collect();
    assert_eq!(listed, rows, "the table has to be\n{}\n", rows.join("\n"));
}

#[test]
fn values_in_the_table_of_keys_can_be_used() {
    let lines = lines();
    let mut used = 0;
    for [key, values, ..] in knobs(&lines) {
        for value in spans(values) {
            let line = format!("{} = {value}\n", only(key));
            // Some are for images that are files.
            match key.starts_with("`data.") && resolves(&[FOLDER, &line]) {
                true => {}
                false => drop(resolve(&[CIFAR, &line])),
            }
            used += 1;
        }
    }
    assert!(used > 60, "{used}");
}

/// The rows of the table whose first line begins so.
fn table<'a>(lines: &'a [String], header: &str) -> Vec<&'a str> {
    let header = lines.iter().position(|line| line.starts_with(header)).unwrap();
    let rows = lines[header + 2..].iter().map(String::as_str);
    rows.take_while(|line| line.starts_with("| ")).collect()
}

fn plan(recipe: &Recipe) -> Plan {
    Method::plan(&recipe.settings(), &ClassCounts::new(vec![9, 3, 1]).unwrap())
}

/// What the first stage of a recipe minimises, as the debugger shows it.
fn objective(recipe: &Recipe) -> String {
    format!("{:?}", plan(recipe).stages[0].objective)
}

#[test]
fn what_a_method_decides_is_its_default() {
    let lines = lines();
    let header =
        lines.iter().position(|line| line.starts_with("| Method | L_classifier |")).unwrap();
    let keys: Vec<_> = cells(&lines[header]).unwrap()[2..].iter().map(|cell| only(cell)).collect();
    let mut methods = Vec::new();
    for row in lines[header + 2..].iter().map_while(|line| cells(line)) {
        let method = format!("{CIFAR}method.name = \"{}\"\n", only(row[0]));
        let decided = resolve(&[&method]);
        let minimised = objective(&decided);
        let [kind, loss] = match row[1] {
            "cross entropy" => ["ClassifierContrastive", "classifier: CrossEntropy"],
            "balanced softmax, Eq. 1" => ["ClassifierContrastive", "classifier: BalancedSoftmax"],
            "logit adjustment, Eq. 2" => ["ClassifierContrastive", "classifier: LogitAdjusted"],
            "margins, classes weighted late" => ["LdamDrw", "ldam: Ldam"],
            "class-balanced focal loss" => ["CbFocal", "gamma: "],
            "margins of every expert, and their diversity" => ["RideObjective", "diversity_factor"],
            "cross entropy of two labels" => ["Bbn", "Bbn"],
            other => panic!("{other}"),
        };
        assert!(minimised.starts_with(kind), "{method}: {minimised}");
        assert!(minimised.contains(loss), "{method}: {minimised}");
        let other_alpha = resolve(&[&method, "loss.alpha = 3.5\n"]);
        let has_alpha = objective(&other_alpha) != minimised;
        assert_eq!(*row.last().unwrap() != "–", has_alpha, "{method}");
        let contrastive =
            keys.iter().zip(&row[2..]).filter(|(key, _)| key.starts_with("contrastive."));
        let of_contrast = contrastive.filter(|(_, cell)| **cell != "–").count();
        assert_eq!(
            of_contrast,
            if decided.method.name.definition().contrastive.is_some() { 3 } else { 0 },
            "{method}"
        );
        for (key, value) in keys.iter().zip(&row[2..]).filter(|(_, value)| **value != "–") {
            let set = format!("{key} = {}\n", only(value));
            assert_eq!(resolve(&[&method, &set]), decided, "{method}{set}");
        }
        methods.push(decided.method.name);
    }
    assert_eq!(methods, Method::ALL);
}

#[test]
fn the_settings_of_one_method_are_those_of_the_code() {
    let lines = lines();
    let knobs = Method::ALL.into_iter().flat_map(|method| {
        method.definition().knobs.iter().map(move |knob| {
            let Knob { key, range, about, source, .. } = knob;
            let default = knob.default();
            format!("| `{method}` | `{key}` | `{default}` | {range} | {about} | {source} |")
        })
    });
    let knobs: Vec<String> = knobs.collect();
    assert!(knobs.len() > 10);
    let listed = table(&lines, "| Method | Own key |");
    assert_eq!(listed, knobs, "the table has to be\n{}\n", knobs.join("\n"));
}

#[test]
fn a_default_of_the_page_can_be_typed_and_is_the_default() {
    for row in table(&lines(), "| Method | Own key |") {
        let row = cells(row).unwrap();
        let method = format!("{CIFAR}method.name = \"{}\"\n", only(row[0]));
        let typed = format!("method.{} = {}\n", only(row[1]), only(row[2]));
        assert_eq!(resolve(&[&method, &typed]), resolve(&[&method]), "{typed}");
    }
}

#[test]
fn the_stages_of_a_method_are_those_of_the_code() {
    let lines = lines();
    let mut stages = Vec::new();
    for method in Method::ALL {
        let recipe = resolve(&[&format!("{CIFAR}method.name = \"{method}\"\n")]);
        let plan = plan(&recipe);
        for stage in plan.stages.iter().filter(|_| plan.stages.len() > 1) {
            let Stage { name, start, trains, samplers, .. } = stage;
            let trains = match &trains[..] {
                [] => "nothing: it is computed".into(),
                [part] => format!("`{part:?}`"),
                all => {
                    assert_eq!(all, Part::ALL);
                    "all parts".to_owned()
                }
            };
            assert_eq!(stage.computed.is_some(), stage.trains.is_empty(), "{method}");
            let draws = match stage.computed {
                Some(_) => "–".into(),
                None => format!("`{:?}`", samplers[0].sampling),
            };
            stages.push(format!("| `{method}` | `{name}` | `{start:?}` | {trains} | {draws} |"));
        }
    }
    let listed = table(&lines, "| Method | Stage |");
    assert_eq!(listed, stages, "the table has to be\n{}\n", stages.join("\n"));
}

#[test]
fn every_method_is_a_value_of_its_key() {
    let lines = lines();
    let row = knobs(&lines).into_iter().find(|[key, ..]| only(key) == "method.name").unwrap();
    let methods = Method::ALL.map(|method| format!("\"{method}\""));
    assert_eq!(spans(row[1]), methods);
}

#[test]
fn presets_of_compression_have_these_factors() {
    let lines = lines();
    let header = lines.iter().position(|line| line.starts_with("| Preset | ")).unwrap();
    let mut presets = 0;
    for row in lines[header + 2..].iter().map_while(|line| cells(line)) {
        let typed = format!("compression.preset = {}\n", only(row[0]));
        let preset: CompressionPreset = resolve(&[CIFAR, &typed]).compression.preset;
        let number = |cell: &str| only(cell).parse::<f64>().unwrap();
        let factors = (row[1] != "–").then(|| (number(row[1]), number(row[2])));
        assert_eq!(preset.factors(), factors, "{typed}");
        presets += 1;
    }
    assert_eq!(presets, 5);
}
