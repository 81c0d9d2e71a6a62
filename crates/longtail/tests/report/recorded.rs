//! The runs under docs/runs, and the tables of docs/reproduction.md that are of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use longtail::{
    recipe::{Recipe, RecipeFile},
    report::{Analyses, MetricsLog, Summary},
};
use serde_json::Value;

/// A column of a table: its title, the figures in it by their place in a file, whether they are shares in percent, and
/// their digits behind the point.
type Column = (&'static str, &'static str, &'static [&'static str], bool, usize);

const SUMMARY: &str = "summary.json";
const ANALYSIS: &str = "analysis.json";
const COLUMNS: [Column; 13] = [
    ("balanced top-1", SUMMARY, &["/last/test/arithmetic_mean"], true, 1),
    ("harmonic mean", SUMMARY, &["/last/test/harmonic_mean"], true, 1),
    ("worst class", SUMMARY, &["/last/test/worst_class"], true, 1),
    ("classes at 0 %", SUMMARY, &["/last/test/zero_classes"], false, 0),
    ("many", SUMMARY, &["/last/test/many"], true, 1),
    ("medium", SUMMARY, &["/last/test/medium"], true, 1),
    ("few", SUMMARY, &["/last/test/few"], true, 1),
    ("ECE", SUMMARY, &["/last/test/ece"], true, 1),
    ("CHI", SUMMARY, &["/last/test/calinski_harabasz"], false, 0),
    ("DBI", SUMMARY, &["/last/test/davies_bouldin"], false, 2),
    ("best (epoch)", SUMMARY, &["/best/test/arithmetic_mean"], true, 1),
    (
        "cosine, head / tail",
        ANALYSIS,
        &["/last/features/head/cosine", "/last/features/tail/cosine"],
        false,
        2,
    ),
    (
        "spread/margin, head / tail",
        ANALYSIS,
        &["/last/projections/head/overlap", "/last/projections/tail/overlap"],
        false,
        2,
    ),
];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The folders in a folder, in the order of their names.
fn folders(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The runs of all seeds of every row.
fn runs() -> Vec<PathBuf> {
    folders(&docs().join("runs")).iter().flat_map(|row| folders(row)).collect()
}

#[test]
fn recorded_runs_are_whole_and_name_no_place_of_one_machine() {
    let runs = runs();
    assert!(runs.len() > 10, "{runs:?}");
    for run in runs {
        let text = |name: &str| fs::read_to_string(run.join(name)).unwrap();
        let typed = RecipeFile::read_of_run(&run.join("recipe.toml")).unwrap();
        let recipe = Recipe::resolve(&[typed]).unwrap().0;
        let summary = Summary::load(run.join(SUMMARY)).unwrap();
        let log = MetricsLog::read(run.join("metrics.jsonl")).unwrap();
        let name = run.display();
        assert_eq!(recipe.train.seed, summary.seed, "{name}");
        assert_eq!(run.file_name().unwrap().to_str().unwrap(), format!("seed-{}", summary.seed));
        assert_eq!(recipe.method.name.to_string(), summary.method, "{name}");
        // A second stage adds epochs of its own.
        assert!(summary.epochs >= recipe.train.epochs, "{name}");
        let last = log.last().map(|record| (log.len(), record.epoch + 1, record.step));
        assert_eq!(last, Some((summary.epochs, summary.epochs, summary.steps)), "{name}");
        if run.join(ANALYSIS).exists() {
            let analyses = Analyses::load(run.join(ANALYSIS)).unwrap();
            assert_eq!(analyses.split_hash, summary.split_hash, "{name}");
        }
        for file in ["recipe.toml", "metrics.jsonl", SUMMARY] {
            assert_eq!(absolute_path(&text(file)), None, "{name}/{file}");
        }
    }
}

/// What begins like an absolute path: a slash before a word, with no word before it.
fn absolute_path(text: &str) -> Option<&str> {
    let in_word = |char: char| char.is_alphanumeric() || "._-".contains(char);
    let begins = |&at: &usize| {
        text[at + 1..].starts_with(in_word) && !text[..at].ends_with(|c| in_word(c) || c == '/')
    };
    let at = text.match_indices('/').map(|(at, _)| at).find(begins)?;
    Some(text[at..].lines().next().unwrap_or_default())
}

#[test]
fn absolute_paths_are_told_from_other_slashes() {
    for text in ["lists/train.txt", "3 / 4", "spread/margin", "../data"] {
        assert_eq!(absolute_path(text), None, "{text}");
    }
    assert_eq!(absolute_path("dir = \"/data/x\""), Some("/data/x\""));
    assert_eq!(absolute_path("in /data/x:"), Some("/data/x:"));
}

/// A figure of every seed of a row; `None` where a seed has none.
fn values(row: &Path, file: &str, place: &str) -> Option<Vec<f64>> {
    let of = |run: PathBuf| {
        let text = fs::read_to_string(run.join(file)).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        value.pointer(place)?.as_f64()
    };
    folders(row).into_iter().map(of).collect()
}

/// What a cell shows of a figure: its mean over seeds, and where there are several their deviation (n − 1).
fn shown(values: &[f64], digits: usize) -> String {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    if values.len() == 1 {
        return format!("{mean:.digits$}");
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    format!("{mean:.digits$} ± {:.digits$}", (squares / (count - 1.0)).sqrt())
}

/// What a cell shows of a run that lacks a figure.
const NONE: [&str; 2] = ["—", "no projection"];

/// What a cell of a column has to be; nothing where a seed lacks the figure.
fn expected(row: &Path, (title, file, places, is_share, digits): Column) -> Option<String> {
    let scale = if is_share { 100.0 } else { 1.0 };
    let of = |place: &&str| {
        let values = values(row, file, place)?;
        Some(shown(&values.into_iter().map(|value| scale * value).collect::<Vec<_>>(), digits))
    };
    let figures = places.iter().map(of).collect::<Option<Vec<_>>>()?.join(" / ");
    if title != "best (epoch)" {
        return Some(figures);
    }
    let epochs = values(row, SUMMARY, "/best/epoch")?;
    let epochs: Vec<_> = epochs.iter().map(|epoch| (epoch + 1.0).to_string()).collect();
    Some(format!("{figures} ({})", epochs.join(", ")))
}

#[test]
fn tables_say_what_the_recorded_runs_came_to() {
    let page = fs::read_to_string(docs().join("reproduction.md")).unwrap();
    let (mut titles, mut before) = (Vec::new(), Vec::new());
    let mut seen = Vec::new();
    for line in page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")) {
        let cells: Vec<_> = line.split(" | ").collect();
        let Some((_, link)) = cells[0].split_once("](runs/") else {
            if cells[0] == "---" {
                titles = before;
            }
            before = cells;
            continue;
        };
        let row = docs().join("runs").join(link.split_once(')').unwrap().0);
        assert_eq!(cells.len(), titles.len(), "{line}");
        let mut checked = 0;
        for (title, cell) in titles.iter().zip(&cells) {
            let Some(column) = COLUMNS.into_iter().find(|column| column.0 == *title) else {
                continue;
            };
            match expected(&row, column) {
                Some(expected) => assert_eq!(*cell, expected, "{title}: {line}"),
                None => assert!(NONE.contains(cell), "{title}: {line}"),
            }
            checked += 1;
        }
        assert!(checked > 2, "{line}");
        seen.push(row.canonicalize().unwrap());
    }
    for row in folders(&docs().join("runs")) {
        assert!(seen.contains(&row.canonicalize().unwrap()), "no table shows {}", row.display());
    }
}
