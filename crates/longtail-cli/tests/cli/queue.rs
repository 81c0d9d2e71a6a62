//! `train --seeds`: several runs in one command, which goes on after a kill.

use std::{fs, process::Stdio, thread, time::SystemTime};

use serde_json::Value;

use super::program::{Place, SMALL, stderr};

fn changed(place: &Place, file: &str) -> SystemTime {
    fs::metadata(place.path(file)).unwrap().modified().unwrap()
}

/// Starts a command, tells it `signal` as soon as there is `file`, and waits for its end; its status and what it said.
#[cfg(unix)]
fn told_when(place: &Place, words: &str, file: &str, signal: &str) -> (Option<i32>, String) {
    let mut child =
        place.command(words).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    while !place.exists(file) {
        if child.try_wait().unwrap().is_some() {
            let said = stderr(&child.wait_with_output().unwrap());
            panic!("it ended before there was {file}: {said}");
        }
        thread::yield_now();
    }
    let pid = child.id().to_string();
    let told = std::process::Command::new("kill").args([&format!("-{signal}"), &pid]).status();
    assert!(told.unwrap().success());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), stderr(&output))
}

#[test]
fn seeds_are_trained_folded_and_used_again() {
    let place = Place::with_photos();
    let words = |seeds: &str| format!("train {SMALL} --epochs 2 --out runs --seeds {seeds} --json");
    let printed: Value = serde_json::from_str(&place.succeed(&words("0,3"))).unwrap();
    let row = &printed["rows"][0];
    assert_eq!(row["runs"].as_array().unwrap().len(), 2);
    assert!(row["figures"]["arithmetic_mean"]["sd"].is_number(), "{row}");
    // A run of the queue is the run that one command makes.
    place.succeed(&format!("train {SMALL} --epochs 2 --seed 3 --out alone"));
    assert_eq!(place.weights("runs/seed-3"), place.weights("alone"));
    let before = changed(&place, "runs/seed-3/summary.json");
    let more: Value = serde_json::from_str(&place.succeed(&words("3,0,1"))).unwrap();
    assert_eq!(more["rows"][0]["runs"].as_array().unwrap().len(), 3);
    assert_eq!(changed(&place, "runs/seed-3/summary.json"), before, "it is used again");
    let table = place.succeed(&words("0,1,3").replace("--json", "").replace("--quiet", ""));
    assert!(table.contains("bcl+rcl") && table.contains('±') && table.contains("range"), "{table}");
}

#[cfg(unix)]
#[test]
fn stopped_and_killed_the_same_command_ends_with_the_same_bits() {
    let words = format!("train {SMALL} --epochs 20 --checkpoint-steps 1 --seeds 0,1 --out runs")
        .replace("--quiet", "");
    let unbroken = Place::with_photos();
    unbroken.succeed(&words);
    let broken = Place::with_photos();
    let last = |seed: u8| format!("runs/seed-{seed}/checkpoints/last.safetensors");
    let (status, said) = told_when(&broken, &words, &last(0), "INT");
    assert_eq!(status, Some(130), "{said}");
    assert!(said.contains("saved; the same command goes on where it stopped"), "{said}");
    assert!(!broken.exists("runs/seed-1"));
    let (status, said) = told_when(&broken, &words, &last(1), "KILL");
    assert_eq!(status, None, "{said}");
    assert!(said.contains("run 1 of 2") && said.contains("goes on "), "{said}");
    assert!(broken.exists("runs/seed-0/summary.json"));
    broken.succeed(&words);
    for run in ["runs/seed-0", "runs/seed-1"] {
        assert_eq!(broken.weights(run), unbroken.weights(run), "{run}");
        assert_eq!(broken.metrics(run), unbroken.metrics(run), "{run}");
    }
}

#[test]
fn another_recipe_in_the_folder_is_refused_with_what_differs() {
    let place = Place::with_photos();
    let words = format!("train {SMALL} --epochs 2 --max-steps 1 --seeds 0 --out runs");
    place.succeed(&words);
    let before = changed(&place, "runs/seed-0/recipe.toml");
    for (more, says) in [
        ("--lr 0.1", "optimizer.lr = 0.05, not 0.1"),
        ("--epochs 3", "train.epochs = 2, not 3"),
        ("--method la", "method.name = \"bcl+rcl\", not \"la\""),
    ] {
        let said = place.fail(1, &format!("{words} {more}"));
        assert!(said.contains(says) && said.contains("runs/seed-0"), "{said}");
    }
    assert_eq!(changed(&place, "runs/seed-0/recipe.toml"), before);
    // Other images are another run.
    fs::remove_file(place.path("photos/red/13.png")).unwrap();
    let said = place.fail(1, &words);
    assert!(said.contains("runs/seed-0") && said.contains("other"), "{said}");
}

#[test]
fn options_that_contradict_seeds_are_refused_in_a_sentence() {
    let place = Place::with_photos();
    for (more, says) in [
        ("--seeds 1,1", "1 is there twice"),
        ("--seeds 0,1 --seed 2", "cannot be used with"),
        ("--seeds 0,1 --resume --out run", "--resume"),
        ("--seeds 0,1 --stage1 run", "--stage1"),
        ("--seeds 0,1 --serve", "cannot be used with"),
        ("--seeds 0,1 --set train.seed=4", "--seeds names the seeds"),
        ("--seeds one", "invalid digit"),
    ] {
        let said = place.fail(2, &format!("train {SMALL} {more}"));
        assert!(said.contains(says), "{more}: {said}");
    }
    assert!(!place.exists("runs"));
}

#[test]
fn a_dry_run_lists_what_is_there_and_what_is_not_and_trains_nothing() {
    let place = Place::with_photos();
    let words = |seeds: &str| format!("train {SMALL} --epochs 2 --out runs --seeds {seeds}");
    place.succeed(&words("0"));
    let listed: Value =
        serde_json::from_str(&place.succeed(&format!("{} --dry-run --json", words("0,1"))))
            .unwrap();
    let stands: Vec<_> =
        listed["runs"].as_array().unwrap().iter().map(|run| run["stands"].clone()).collect();
    assert_eq!(stands, ["used again", "to train"]);
    assert!(listed["seconds"].as_f64().unwrap() > 0.0);
    assert!(!place.exists("runs/seed-1"));
    let quiet = format!("{} --dry-run", words("0,1"));
    assert_eq!(place.succeed(&quiet), "", "--quiet says nothing");
    let text = place.succeed(&quiet.replace("--quiet", ""));
    assert!(text.contains("0/2 epochs  to train  about"), "{text}");
}

/// Lets every line of a run's log say that it took so long; the optimizer steps of each.
fn took(place: &Place, run: &str, seconds: f64) -> Vec<u64> {
    let path = format!("{run}/metrics.jsonl");
    let text = fs::read_to_string(place.path(&path)).unwrap();
    let line = |line: &str| {
        let mut value: Value = serde_json::from_str(line).unwrap();
        value["seconds"] = seconds.into();
        (value["step"].as_u64().unwrap(), format!("{value}\n"))
    };
    let (steps, lines): (Vec<_>, Vec<_>) = text.lines().map(line).unzip();
    place.write(&path, &lines.concat());
    steps
}

#[test]
fn of_runs_that_stop_early_as_many_steps_are_foretold_as_will_run() {
    let place = Place::with_photos();
    let listed = |words: &str| -> Vec<Value> {
        let printed: Value =
            serde_json::from_str(&place.succeed(&format!("{words} --dry-run --json"))).unwrap();
        printed["runs"].as_array().unwrap().clone()
    };
    let words = |seeds: &str| format!("train {SMALL} --epochs 2 --out runs --seeds {seeds}");
    place.succeed(&format!("{} --max-steps 2", words("0")));
    assert_eq!(took(&place, "runs/seed-0", 30.0), [2]);
    let cut = format!("{} --max-steps 3", words("0,1"));
    let seconds = listed(&cut)[1]["seconds"].as_f64().unwrap();
    assert!((seconds - 45.0).abs() < 1e-9, "{seconds} for three steps");
    let text = place.succeed(&format!("{} --dry-run", cut.replace("--quiet", "")));
    assert!(text.contains("in all for at most 3 steps of each run"), "{text}");
    // What a limit leaves of an epoch says nothing of whole ones.
    let cut = format!("{} --max-steps 1", words("0")).replace("runs", "cut");
    place.succeed(&cut);
    assert_eq!(took(&place, "cut/seed-0", 1e9), [1]);
    let runs = listed(&cut.replace("--seeds 0", "--seeds 0,1"));
    assert_eq!((&runs[0]["stands"], &runs[0]["epochs_done"]), (&"used again".into(), &0.into()));
    let seconds = runs[1]["seconds"].as_f64().unwrap();
    assert!(seconds > 0.0 && seconds < 1e6, "{seconds}");
}

#[test]
fn a_finished_run_teaches_every_seed_and_one_that_cannot_is_told_before_any_work() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --method ce --epochs 1 --out teacher"));
    let words = |teacher: &str| {
        format!(
            "train {SMALL} --method ride --max-steps 2 --seeds 0,1 --teacher {teacher} --out runs"
        )
    };
    for dry_run in ["", " --dry-run"] {
        let said = place.fail(1, &format!("{}{dry_run}", words("nowhere")));
        assert!(said.contains("the run in nowhere cannot be the teacher"), "{said}");
    }
    assert!(!place.exists("runs"));
    place.succeed(&words("teacher"));
    for seed in ["runs/seed-0", "runs/seed-1"] {
        let parts = &place.json(&format!("{seed}/summary.json"))["loss_parts"];
        assert!(parts["distillation"].as_f64().is_some(), "{parts}");
    }
    assert_ne!(place.weights("runs/seed-0"), place.weights("runs/seed-1"));
    let before = changed(&place, "runs/seed-1/summary.json");
    place.succeed(&words("teacher"));
    assert_eq!(changed(&place, "runs/seed-1/summary.json"), before, "it is used again");
}
