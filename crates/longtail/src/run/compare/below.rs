//! Folders that hold runs and are none themselves: those of several seeds, of a search, of a paper's tables.

use std::path::{Path, PathBuf};

use crate::{
    data::{names::text_of, walk},
    report::counted,
    train::RunFolder,
};

/// How deep runs are looked for: the folder of all of them may hold a search, which has a folder for every candidate, and in
/// it one for every seed.
const DEPTH: usize = 3;

/// What a path stands for that was named as a run.
pub(super) struct Named {
    /// The runs: the path itself unless it is a folder that holds some.
    pub runs: Vec<PathBuf>,
    /// What is to be said of it.
    pub note: Option<String>,
}

impl Named {
    pub fn of(path: &Path) -> Self {
        let mut below = Vec::new();
        if !is_run(path) {
            look_into(path, DEPTH, &mut below);
        }
        if below.is_empty() {
            return Self { runs: vec![path.to_owned()], note: None };
        }
        let has_figures = |run: &PathBuf| RunFolder::at(run).summary().is_file();
        let (finished, others): (Vec<_>, Vec<_>) = below.into_iter().partition(has_figures);
        if finished.is_empty() {
            // What is to be done about that is said of the first.
            return Self { runs: others, note: None };
        }
        let note = Some(note(path, finished.len(), others.len()));
        Self { runs: finished, note }
    }
}

fn note(path: &Path, finished: usize, others: usize) -> String {
    let runs = counted(finished, "run", "runs");
    let said = format!("{} is no run itself and stands for the {runs}", text_of(path));
    match others {
        0 => format!("{said} below it."),
        1 => format!("{said} with figures below it; 1 without figures is left out."),
        others => format!("{said} with figures below it; {others} without figures are left out."),
    }
}

fn is_run(folder: &Path) -> bool {
    let folder = RunFolder::at(folder);
    folder.summary().is_file() || folder.recipe().is_file()
}

fn look_into(folder: &Path, depth: usize, runs: &mut Vec<PathBuf>) {
    let mut entries = walk::entries(folder).unwrap_or_default();
    entries.retain(|entry| entry.is_dir());
    entries.sort_by_cached_key(|entry| numbered(&walk::name_of(entry)));
    for entry in entries {
        match is_run(&entry) {
            true => runs.push(entry),
            false if depth > 1 => look_into(&entry, depth - 1, runs),
            false => {}
        }
    }
}

/// A name by which `seed-10` stands behind `seed-9`.
fn numbered(name: &str) -> (String, u64) {
    let stem = name.trim_end_matches(|char: char| char.is_ascii_digit());
    (stem.to_owned(), name[stem.len()..].parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_stands_for_the_runs_in_it_in_their_order() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        let folders: [(&str, &[&str]); 9] = [
            ("a/seed-10", &["recipe.toml", "summary.json"]),
            ("a/seed-9", &["recipe.toml", "summary.json"]),
            ("a/seed-11", &["recipe.toml"]),
            ("a/logs", &[]),
            ("search/lr-0.1/seed-0", &["summary.json"]),
            ("search/lr-0.2/seed-0", &["recipe.toml"]),
            ("search/lr-0.3/seed-0", &["recipe.toml"]),
            ("begun/seed-0", &["recipe.toml"]),
            ("deep/a/b/c/d", &["summary.json"]),
        ];
        for (run, files) in folders {
            fs::create_dir_all(root.join(run)).unwrap();
            files.iter().for_each(|file| fs::write(root.join(run).join(file), "").unwrap());
        }
        let named = |name: &str| {
            let Named { runs, note } = Named::of(&root.join(name));
            let names = runs.iter().map(|run| text_of(run.strip_prefix(root).unwrap()));
            (names.collect::<Vec<_>>(), note.unwrap_or_default())
        };
        let (runs, note) = named("a");
        assert_eq!(runs, ["a/seed-9", "a/seed-10"]);
        assert!(note.contains("the 2 runs with figures") && note.contains("; 1 without"), "{note}");
        let (runs, note) = named("search");
        assert_eq!(runs, ["search/lr-0.1/seed-0"]);
        assert!(note.contains("the 1 run with figures") && note.contains("; 2 without"), "{note}");
        for (name, run) in [
            ("begun", "begun/seed-0"),
            ("deep", "deep"),
            ("gone", "gone"),
            ("a/seed-9", "a/seed-9"),
        ] {
            assert_eq!(named(name), (vec![run.to_owned()], String::new()));
        }
    }
}
