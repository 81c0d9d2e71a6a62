//! The numbers that the paper prints for the rows that our methods cover.

use longtail::run::paper;

use super::shelf::{all, text};

/// Table 3: CIFAR-10-LT at factor 100, 50 and 10, then CIFAR-100-LT; "-" as in the table.
const TABLE_3: [(&str, [&str; 6]); 15] = [
    ("ce", ["70.4", "74.8", "86.4", "38.5", "43.9", "55.7"]),
    ("ldam-drw", ["77.2", "81.0", "88.2", "42.2", "46.6", "58.7"]),
    ("la", ["80.2", "-", "-", "43.9", "-", "57.4"]),
    ("cb-focal", ["74.6", "79.4", "87.1", "39.9", "45.2", "58.0"]),
    ("balanced-softmax", ["84.9", "-", "91.3", "50.8", "-", "63.0"]),
    ("crt", DECOUPLED),
    ("lws", DECOUPLED),
    ("tau-norm", DECOUPLED),
    ("ncm", DECOUPLED),
    ("ride", ["-", "-", "-", "49.1", "-", "61.8"]),
    ("ride-distill", ["-", "-", "-", "49.1", "-", "-"]),
    ("bbn", ["79.8", "82.2", "-", "42.6", "47.0", "-"]),
    ("bcl", ["84.3", "87.2", "91.1", "51.9", "56.6", "64.9"]),
    ("rcl", ["86.0", "88.5", "91.7", "52.2", "56.8", "65.6"]),
    ("bcl-rcl", ["86.2", "88.4", "92.0", "52.1", "56.0", "65.4"]),
];

/// Table 4: ImageNet-LT with ResNet-50 and with ResNeXt-50.
const TABLE_4: [(&str, [&str; 2]); 13] = [
    ("ce", ["41.6", "44.4"]),
    ("ldam-drw", ["49.8", "-"]),
    ("la", ["50.9", "-"]),
    ("cb-focal", ["46.8", "45.3"]),
    ("balanced-softmax", ["-", "51.4"]),
    ("crt", ["50.6", "49.6"]),
    ("lws", ["50.6", "49.6"]),
    ("tau-norm", ["50.6", "49.6"]),
    ("ncm", ["50.6", "49.6"]),
    ("ride", ["55.4", "56.8"]),
    ("bbn", ["48.3", "49.3"]),
    ("bcl", ["56.2", "57.4"]),
    ("bcl-rcl", ["56.3", "57.5"]),
];

const COLUMNS_OF_TABLE_4: [&str; 2] = ["imagenet-lt-resnet50", "imagenet-lt-resnext50"];

/// One row for four systems.
const DECOUPLED: [&str; 6] = ["78.5", "-", "91.1", "41.3", "-", "63.4"];

/// What stands behind a number that is not the recipe's alone.
fn remark(name: &str) -> &'static str {
    let decoupled = ["-crt", "-lws", "-tau-norm", "-ncm"];
    // Table 4 names its first stage alone.
    if name.starts_with("cifar") && name.ends_with("-balanced-softmax") {
        " (both stages)"
    } else if decoupled.iter().any(|method| name.ends_with(method)) {
        " (system not said)"
    } else {
        ""
    }
}

/// The last cell of a recipe's line in recipes/README.md.
fn cell<'a>(readme: &'a str, name: &str) -> Option<&'a str> {
    let line = readme.lines().find(|line| line.contains(&format!("[`{name}.toml`]")))?;
    Some(line.trim_end_matches(" |").rsplit_once(" | ")?.1)
}

/// Tables 2 and 1, both at factor 100: arithmetic and harmonic mean.
const TABLES_2_AND_1: [(&str, [&str; 2], [&str; 2]); 5] = [
    ("la-matched", ["81.2", "80.5"], ["44.0", "35.2"]),
    ("scl", ["83.5", "83.1"], ["51.1", "39.2"]),
    ("bcl", ["84.3", "83.7"], ["51.9", "40.2"]),
    ("rcl", ["86.0", "85.3"], ["52.2", "42.4"]),
    ("bcl-rcl", ["86.2", "85.7"], ["52.1", "41.1"]),
];

const COLUMNS: [&str; 6] = [
    "cifar10-lt-100",
    "cifar10-lt-50",
    "cifar10-lt-10",
    "cifar100-lt-100",
    "cifar100-lt-50",
    "cifar100-lt-10",
];

/// Recipe, arithmetic mean and, in the ablation, harmonic mean.
fn published() -> Vec<(String, &'static str, Option<&'static str>)> {
    let mut rows = Vec::new();
    for (method, ten, hundred) in TABLES_2_AND_1 {
        for (column, [arithmetic, harmonic]) in [(COLUMNS[0], ten), (COLUMNS[3], hundred)] {
            rows.push((format!("{column}-{method}"), arithmetic, Some(harmonic)));
        }
    }
    for (method, cells) in TABLE_4 {
        let cells = COLUMNS_OF_TABLE_4.into_iter().zip(cells).filter(|(_, cell)| *cell != "-");
        rows.extend(cells.map(|(column, cell)| (format!("{column}-{method}"), cell, None)));
    }
    for (method, cells) in TABLE_3 {
        for (column, cell) in COLUMNS.into_iter().zip(cells).filter(|(_, cell)| *cell != "-") {
            let name = format!("{column}-{method}");
            match rows.iter().find(|(row, ..)| *row == name) {
                Some((_, arithmetic, _)) => assert_eq!(*arithmetic, cell, "{name}"),
                None => rows.push((name, cell, None)),
            }
        }
    }
    rows
}

#[test]
fn every_printed_cell_has_a_recipe_that_expects_it() {
    let (recipes, readme) = (all(), text("recipes/README.md"));
    for (name, arithmetic, harmonic) in published() {
        let entry = recipes.iter().find(|entry| entry.name == name);
        let entry = entry.unwrap_or_else(|| panic!("{name} is missing"));
        let (in_head, in_readme) = match harmonic {
            Some(harmonic) => (
                format!("{arithmetic} arithmetic, {harmonic} harmonic"),
                format!("{arithmetic} / {harmonic}"),
            ),
            None => (format!("{arithmetic} arithmetic"), arithmetic.to_owned()),
        };
        let expected = entry.field("expected");
        let rest = expected.strip_prefix(&in_head);
        let rest = rest.unwrap_or_else(|| panic!("{name}: {in_head} is not in: {expected}"));
        assert!(rest.starts_with(['.', ';', ' ']) && !rest.contains("harmonic"), "{name}: {rest}");
        let in_readme = format!("{in_readme}{}", remark(&name));
        assert_eq!(cell(&readme, &name), Some(in_readme.as_str()), "{name}");
    }
}

#[test]
fn what_is_reproduced_stands_beside_these_numbers() {
    for (name, arithmetic, harmonic) in published() {
        // One printed row, of which one system is reproduced.
        let expected = (!name.ends_with("-ride-distill")).then_some(arithmetic);
        assert_eq!(paper::printed(&name, paper::BALANCED), expected, "{name}");
        assert_eq!(paper::printed(&name, paper::HARMONIC), harmonic, "{name}");
    }
}

#[test]
fn a_recipe_without_a_printed_cell_says_so() {
    let (published, readme) = (published(), text("recipes/README.md"));
    for entry in all() {
        let printed = published.iter().any(|(name, ..)| *name == entry.name);
        let expected = entry.field("expected");
        assert_eq!(expected.starts_with("none published"), !printed, "{}: {expected}", entry.name);
        let row = entry.field("row");
        assert_eq!(row.starts_with("none; "), !printed, "{}: {row}", entry.name);
        assert_eq!(cell(&readme, &entry.name) == Some("none"), !printed, "{}", entry.name);
    }
}
