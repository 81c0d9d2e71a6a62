//! Runs that begin with weights of a file.

use super::program::{Place, SMALL, stderr};

/// Weights of a run of this name.
fn last(run: &str) -> String {
    format!("{run}/checkpoints/weights-last.safetensors")
}

fn recipe(place: &Place, run: &str) -> String {
    std::fs::read_to_string(place.path(run).join("recipe.toml")).unwrap()
}

/// The line of a recipe that says which weights they are.
fn digest(place: &Place, run: &str) -> String {
    let recipe = recipe(place, run);
    let line = recipe.lines().find(|line| line.starts_with("weights_digest = ")).unwrap();
    assert!(line.len() > 60, "{line}");
    line.to_owned()
}

#[test]
fn a_run_begins_with_the_weights_of_another_or_of_an_export() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --method ce --epochs 1 --out a"));
    place.succeed("export a --format pth --weights last --out a.pth --quiet");
    std::fs::rename(place.path("a.pth"), place.path("a.safetensors")).unwrap();
    let small = format!("{} --method ce", SMALL.replace(" --quiet", ""));
    for (file, out) in [(&last("a")[..], "b"), ("a.safetensors", "c")] {
        let said = place.run(&format!("train {small} --weights {file} --max-steps 0 --out {out}"));
        assert!(said.status.success(), "{}", stderr(&said));
        assert!(stderr(&said).contains(&format!("tensors of {file}")), "{}", stderr(&said));
        let summary = place.json(&format!("{out}/summary.json"));
        let notes = summary["notes"].to_string();
        assert!(notes.contains("begins with") && notes.contains(file), "{notes}");
        assert_eq!(summary["last"]["test"], place.json("a/summary.json")["last"]["test"]);
    }
    // What the weights are counts, and not what file they come from.
    assert_eq!(digest(&place, "b"), digest(&place, "c"));
    let said = place.fail(1, "train --recipe b/recipe.toml --set model.weights_digest=1 --out d");
    assert!(said.contains("other ones than the recipe's"), "{said}");
    place.succeed(
        "train --recipe b/recipe.toml --weights a.safetensors --max-steps 1 --out e --quiet",
    );
    assert_eq!(digest(&place, "e"), digest(&place, "c"));
}

#[test]
fn a_run_goes_on_without_the_file_to_the_bits_of_the_unbroken_one() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --method ce --epochs 1 --out a"));
    std::fs::copy(place.path(&last("a")), place.path("w")).unwrap();
    let begin = format!("train {SMALL} --method la --epochs 2 --weights w");
    place.succeed(&format!("{begin} --out whole"));
    place.succeed(&format!("train {SMALL} --method la --epochs 2 --out drawn"));
    assert_ne!(place.weights("whole"), place.weights("drawn"), "weights make a difference");
    place.succeed(&format!("{begin} --max-steps 0 --out none"));
    place.succeed(&format!("{begin} --max-steps 1 --out one"));
    place.succeed(&format!("{begin} --max-steps 1 --out lost"));
    let usage = place.fail(2, "train --resume --out one --weights w");
    assert!(usage.contains("--weights"), "{usage}");
    let lost = place.path("lost/checkpoints");
    std::fs::remove_dir_all(&lost).unwrap();
    std::fs::create_dir(&lost).unwrap();
    // With its checkpoints a run has lost what it began with, and takes it from the file again.
    place.succeed("train --resume --out lost --quiet");
    std::fs::remove_file(place.path("w")).unwrap();
    for run in ["none", "one"] {
        place.succeed(&format!("train --resume --out {run} --quiet"));
    }
    for run in ["none", "one", "lost"] {
        assert_eq!(place.weights(run), place.weights("whole"), "{run}");
    }
}

#[test]
fn a_second_stage_and_a_branch_have_the_weights_of_their_run() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --method ce --epochs 1 --seed 3 --out a"));
    std::fs::copy(place.path(&last("a")), place.path("w")).unwrap();
    let begin = format!("train {SMALL} --epochs 1 --weights w");
    place.succeed(&format!("{begin} --method ce --out ce"));
    place.succeed(&format!("{begin} --method crt --out crt"));
    std::fs::remove_file(place.path("w")).unwrap();
    place.succeed("train --stage1 ce --method crt --out on --quiet");
    assert_eq!(place.weights("on"), place.weights("crt"));
    assert_eq!(digest(&place, "on"), digest(&place, "crt"));
    place.succeed("train --branch-from ce --epochs 2 --out branch --quiet");
    for from in ["--stage1 ce --method crt", "--branch-from ce --epochs 2"] {
        place.fail(2, &format!("train {from} --weights w --out new"));
        let said = place.fail(1, &format!("train {from} --set model.weights=w --out new"));
        assert!(said.contains("those of the run in ce: leave --weights out"), "{said}");
    }
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written_and_new_classes_are_new() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --method ce --max-steps 1 --out a"));
    place.write("words", "no weights");
    let file = last("a");
    for (words, says) in [
        (
            format!("--weights {file} --backbone resnet14"),
            "seems to be of resnet8: take --backbone resnet8",
        ),
        (
            format!("--weights {file} --backbone resnet50"),
            "\"encoder.conv1.weight\" has shape [16, 3, 3, 3] where [64, 3, 7, 7]",
        ),
        (format!("--weights {file} --method ride"), "the file has no \"branches.0.layer2"),
        ("--weights words".into(), "words cannot be read as weights"),
        ("--weights nowhere.pth".into(), "nowhere.pth cannot be read"),
        ("--weights a".into(), "it is a folder"),
        ("--set model.weights_digest=12".into(), "--weights"),
    ] {
        for more in ["--out new", "--dry-run"] {
            let said = place.run(&format!("train {SMALL} {words} {more}"));
            let text = stderr(&said);
            assert!(!said.status.success() && text.contains(says), "{words}: {text}");
            assert!(text.lines().count() == 1 && !text.contains("panicked"), "{words}: {text}");
            assert!(!place.exists("new"), "{words}");
        }
    }
    std::fs::remove_dir_all(place.path("photos/blue")).unwrap();
    let small = SMALL.replace(" --quiet", "");
    let said = place.run(&format!("train {small} --method ce --weights {file} --dry-run"));
    assert!(said.status.success(), "{}", stderr(&said));
    let text = stderr(&said);
    assert!(text.contains("; new: fc.weight, fc.bias; 2 tensors of the file not taken"), "{text}");
}
