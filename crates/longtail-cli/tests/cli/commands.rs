//! `data`, `evaluate`, `predict` and what they print.

use std::fs;

use serde_json::Value;

use super::program::{Place, SMALL, figures, shared_data};

#[test]
fn a_split_can_be_exported_and_used_again() {
    let place = Place::with_photos();
    place.succeed(
        "data split --data photos --image-size 16 --imbalance 3 --split-seed 7 --out s.json",
    );
    let split = place.json("s.json");
    assert_eq!(split["split_seed"], 7);
    place.succeed(&format!("train {SMALL} --split s.json --max-steps 1 --out run"));
    assert_eq!(place.json("run/split.json"), split);
    let recipe = fs::read_to_string(place.path("run/recipe.toml")).unwrap();
    assert!(recipe.contains("s.json"), "{recipe}");
}

#[test]
fn the_split_of_cifar_10_is_the_references() {
    let Some(archive) = shared_data("cifar-10-binary.tar.gz") else { return };
    let place = Place::new();
    let printed = place.succeed(&format!(
        "data split --data cifar10-lt --data-dir {} --imbalance 50 --split-seed 7 --out split.json",
        archive.display()
    ));
    assert!(printed.contains("13996 of 50000 images selected"), "{printed}");
    assert!(printed.contains("13946 train, 500 validate, 10000 test"), "{printed}");
}

#[test]
fn statistics_are_printed_for_people_and_programs() {
    let place = Place::with_photos();
    place.write("photos/red/words.jpg", "words");
    fs::copy(place.path("photos/red/00.png"), place.path("photos/blue/copy.png")).unwrap();
    let json: Value =
        serde_json::from_str(&place.succeed("data stats --data photos --json")).unwrap();
    assert_eq!(json["broken"].as_array().unwrap().len(), 1);
    assert_eq!(json["duplicates"].as_array().unwrap().len(), 1);
    let text = place.succeed("data stats --data photos");
    assert!(text.contains("words.jpg") && text.contains("imbalance factor: 2.5"), "{text}");
    let text = place.succeed("data stats");
    assert!(text.contains("imbalance factor: 46.7"), "of the synthetic set: {text}");
}

#[test]
fn evaluate_computes_the_figures_again() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 2 --out run"));
    let before = fs::read(place.path("run/summary.json")).unwrap();
    let analysis = fs::read(place.path("run/analysis.json")).unwrap();
    for file in ["summary.json", "analysis.json", "metrics.jsonl"] {
        fs::remove_file(place.path("run").join(file)).unwrap();
    }
    let printed = place.succeed("evaluate run --json");
    assert_eq!(fs::read(place.path("run/summary.json")).unwrap(), before);
    assert!(fs::read(place.path("run/analysis.json")).unwrap() == analysis, "the same bytes");
    let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    assert_eq!(figures(&parse(printed.as_bytes())), parse(&before));
    // When the run ended, not when it was evaluated: the same bytes above, and a time.
    let finished = parse(&before)["finished"].as_str().map(str::to_owned).unwrap();
    assert!(finished.len() == 20 && finished.starts_with("20") && finished.ends_with('Z'));
}

#[test]
fn runs_that_are_not_there_are_named() {
    let place = Place::with_photos();
    for command in ["evaluate nowhere", "predict nowhere a.png", "train --resume --out nowhere"] {
        let text = place.fail(1, command);
        assert!(text.contains("nowhere holds no run"), "{text}");
    }
    let text = place.fail(2, "train --resume");
    assert!(text.contains("--out"), "{text}");
}

#[test]
fn a_download_without_network_says_where_the_file_belongs() {
    let place = Place::new();
    let text = place.fail(1, "data fetch cifar100 --mirror http://127.0.0.1:9 --quiet");
    assert!(text.contains("data/cifar-100-binary.tar.gz") && text.contains("by hand"), "{text}");
}

#[test]
fn help_says_what_every_option_does_and_where_its_default_comes_from() {
    let place = Place::new();
    let help = place.succeed("train --help");
    for option in [
        "--epochs",
        "--max-steps",
        "--checkpoint-steps",
        "--batch-size",
        "--lr",
        "--weight-decay",
        "--temperature",
        "--tau",
        "--alpha",
        "--beta",
        "--backbone",
        "--classifier",
        "--compression",
        "--val",
        "--split-seed",
        "--seed",
        "--threads",
        "--quiet",
        "--json",
    ] {
        assert!(
            help.contains(&format!("{option} ")) || help.contains(&format!("{option}\n")),
            "{option}"
        );
    }
    let words: Vec<_> = help.split_whitespace().collect();
    let help = words.join(" ");
    for (option, name) in [
        ("--data", "data.name"),
        ("--imbalance", "data.imbalance"),
        ("--backbone", "model.backbone"),
        ("--tau", "loss.tau"),
        ("--lr", "optimizer.lr"),
        ("--weight-decay", "optimizer.weight_decay"),
        ("--epochs", "train.epochs"),
    ] {
        let key = longtail::recipe::keys().find(|key| key.key == name).unwrap();
        let about = key.about().trim_end_matches('.').replace('`', "");
        let said = format!("{about} [default: {}]", key.default_in_words());
        let after = help.split_once(&format!(" {option} <")).unwrap().1;
        let place = after.find(&said);
        assert!(place.is_some_and(|place| place < 24), "{option} does not say: {said}");
    }
}
