//! Runs from one command each.

use longtail::method::Method;
use serde_json::Value;

use super::program::{Place, SMALL, figures, shared_data, stderr};

#[test]
fn a_run_leaves_everything_in_its_folder() {
    let place = Place::with_photos();
    let printed = place.succeed(&format!("train {SMALL} --epochs 2 --out run --json"));
    for file in ["recipe.toml", "split.json", "metrics.jsonl", "summary.json", "report.html"] {
        assert!(place.exists(&format!("run/{file}")), "{file}");
    }
    let summary = place.json("run/summary.json");
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(figures(&printed), summary);
    for file in [&printed["report"], &printed["weights"]["last"], &printed["weights"]["best"]] {
        assert!(place.exists(file.as_str().unwrap()), "{file}");
    }
    assert_eq!(printed["run"], "run");
    let analysis = place.json("run/analysis.json");
    assert_eq!(analysis["split_hash"], summary["split_hash"]);
    for which in ["last", "best"] {
        let ece = &analysis[which]["calibration"]["all"]["ece"];
        assert_eq!(*ece, summary[which]["test"]["ece"], "{which}");
        let index = &analysis[which]["features"]["calinski_harabasz"];
        assert_eq!(*index, summary[which]["test"]["calinski_harabasz"], "{which}");
        assert_eq!(analysis[which]["confusion"].as_array().unwrap().len(), 3);
        assert_eq!(analysis[which]["calibration"]["many"], Value::Null, "no class has 100 images");
    }
    for key in ["top1", "arithmetic_mean", "harmonic_mean", "worst_class", "macro_f1", "ece"] {
        for (which, part) in [("last", "test"), ("last", "val"), ("best", "test"), ("best", "val")]
        {
            let value = summary[which][part][key].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&value), "{which}.{part}.{key} = {value}");
        }
    }
    assert_eq!(summary["last"]["test"]["many"], serde_json::Value::Null, "no class has 100 images");
    assert_eq!(summary["last"]["test"]["per_class"].as_array().unwrap().len(), 3);
    assert_eq!((&summary["epochs"], &summary["seed"]), (&2.into(), &0.into()));
    assert_eq!(summary["split_hash"], place.json("run/split.json")["hash"]);
    assert_eq!(place.metrics("run").len(), 2);
    let recipe = std::fs::read_to_string(place.path("run/recipe.toml")).unwrap();
    for key in ["temperature", "tau", "momentum", "milestones", "head_hidden"] {
        assert!(recipe.contains(key), "recipe.toml has every default, {key} too");
    }
}

#[test]
fn a_dry_run_foretells_and_writes_nothing() {
    let place = Place::with_photos();
    let entries = || std::fs::read_dir(place.path(".")).unwrap().count();
    let before = entries();
    let command = format!("train {SMALL} --epochs 3 --dry-run");
    let forecast: serde_json::Value =
        serde_json::from_str(&place.succeed(&format!("{command} --json"))).unwrap();
    let number = |key: &str| forecast[key].as_f64().unwrap();
    assert_eq!(number("steps"), 3.0 * number("steps_per_epoch"));
    assert!(number("step_seconds") > 0.0 && number("parameters") > 1000.0);
    let steps = number("steps_per_epoch") * number("step_seconds");
    assert!(number("epoch_seconds") > steps && number("run_seconds") > 3.0 * steps);
    if cfg!(target_os = "linux") {
        assert!(number("peak_memory") > (10 << 20) as f64);
    }
    let said = place.succeed(&format!("{command} --max-steps 2").replace("--quiet", ""));
    assert!(said.contains("steps   2; 3 epochs") && said.contains("MiB"), "{said}");
    assert_eq!(entries(), before);
    let refused = place.fail(2, &format!("{command} --resume --out run"));
    assert!(refused.contains("--dry-run"), "{refused}");
}

#[test]
fn every_method_trains() {
    let place = Place::with_photos();
    for method in Method::ALL {
        place.succeed(&format!("train {SMALL} --method {method} --max-steps 2 --out {method}"));
        let lines = place.metrics(&method.to_string());
        let contrastive = method.definition().contrastive.is_some();
        let parts = lines[0]["loss_parts"].as_object().unwrap();
        assert!(parts.values().all(Value::is_number) && !parts.is_empty(), "{method}");
        assert_eq!(parts.contains_key("contrastive"), contrastive, "{method}");
        let summary = place.json(&format!("{method}/summary.json"));
        assert_eq!(summary["method"], method.to_string());
    }
}

#[test]
fn a_run_without_validation_reports_the_last_epoch_only() {
    let place = Place::with_photos();
    let printed = place.succeed(&format!("train {SMALL} --epochs 1 --val none --out run --json"));
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert!(printed["weights"]["best"].is_null() && printed["weights"]["last"].is_string());
    let summary = place.json("run/summary.json");
    assert!(summary["best"].is_null() && summary["last"]["val"].is_null());
    assert!(summary["last"]["test"]["top1"].is_number());
}

#[test]
fn threads_do_not_change_a_run() {
    let place = Place::with_photos();
    for threads in [1, 2, 3] {
        place.succeed(&format!(
            "train {SMALL} --max-steps 5 --threads {threads} --out threads-{threads}"
        ));
    }
    assert_eq!(place.weights("threads-1"), place.weights("threads-2"));
    assert_eq!(place.weights("threads-1"), place.weights("threads-3"));
    assert_eq!(place.metrics("threads-1"), place.metrics("threads-3"));
    for threads in [1, 2] {
        let out = format!("bf16-{threads}");
        let command = format!("train {SMALL} --max-steps 5 --precision bf16 --threads {threads}");
        place.succeed(&format!("{command} --out {out}"));
    }
    assert_eq!(place.weights("bf16-1"), place.weights("bf16-2"));
    assert_ne!(place.weights("bf16-1"), place.weights("threads-1"));
}

#[test]
fn the_seed_changes_the_run_and_not_the_subset() {
    let place = Place::with_photos();
    for (out, seeds) in [("a", "--seed 0"), ("b", "--seed 1"), ("c", "--split-seed 1")] {
        place.succeed(&format!("train {SMALL} --max-steps 2 {seeds} --out {out}"));
    }
    assert_ne!(place.weights("a"), place.weights("b"));
    assert_eq!(place.json("a/split.json"), place.json("b/split.json"));
    assert_ne!(place.json("a/split.json")["train"], place.json("c/split.json")["train"]);
}

#[test]
fn a_recipe_is_overridden_by_options_and_any_key_can_be_set() {
    let place = Place::with_photos();
    place.write("r.toml", "[loss]\nalpha = 3.0\ntau = 1.0\n[train]\nepochs = 7\n");
    place.succeed(&format!(
        "train {SMALL} --recipe r.toml --tau 0.5 --set contrastive.include_self=true \
         --set model.bn_groups=per-view --max-steps 1 --out run"
    ));
    let recipe = std::fs::read_to_string(place.path("run/recipe.toml")).unwrap();
    for line in ["alpha = 3.0", "tau = 0.5", "epochs = 7", "include_self = true", "\"per-view\""] {
        assert!(recipe.contains(line), "{line}: {recipe}");
    }
}

#[test]
fn a_run_without_options_trains_on_the_synthetic_set() {
    let place = Place::new();
    let output = place.run("train --max-steps 1");
    assert!(output.status.success(), "{}", stderr(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("runs/synthetic-bcl+rcl-0/report.html"), "{printed}");
    assert!(place.exists("runs/synthetic-bcl+rcl-0/report.html"));
    let classes = place.json("runs/synthetic-bcl+rcl-0/summary.json")["classes"].clone();
    let groups: Vec<_> = classes.as_array().unwrap().iter().map(|c| c["group"].clone()).collect();
    assert!(groups.len() >= 20);
    for group in ["many", "medium", "few"] {
        assert!(groups.contains(&group.into()), "{group}");
    }
}

#[test]
fn cifar_10_trains_from_its_archive() {
    let Some(archive) = shared_data("cifar-10-binary.tar.gz") else { return };
    let place = Place::new();
    place.succeed(&format!(
        "train --data cifar10-lt --data-dir {} --imbalance 100 --method bcl+rcl --backbone resnet8 \
         --batch-size 32 --max-steps 2 --out run --quiet",
        archive.display()
    ));
    let split = place.json("run/split.json");
    let counts: Vec<usize> =
        split["selected"].as_array().unwrap().iter().map(|c| c.as_array().unwrap().len()).collect();
    assert_eq!(counts, [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]);
    assert_eq!(split["val"].as_array().unwrap().len(), 500);
    assert_eq!(place.json("run/summary.json")["last"]["test"]["count"], 10_000);
}

#[test]
fn tiny_imagenet_trains_from_its_lists() {
    let Some(archive) = shared_data("tiny-imagenet-lt.tar.gz") else { return };
    let place = Place::new();
    let reader = flate2::read::GzDecoder::new(std::fs::File::open(archive).unwrap());
    tar::Archive::new(reader).unpack(place.path("")).unwrap();
    let lists = find(place.path("").as_path(), "lists").unwrap().display().to_string();
    place.succeed(&format!(
        "train --data {lists}/train.txt --val-list {lists}/val.txt --test-list {lists}/test.txt \
         --backbone resnet8 --batch-size 32 --max-steps 1 --out run --quiet"
    ));
    let summary = place.json("run/summary.json");
    let group = |name: &str| {
        let classes = summary["classes"].as_array().unwrap();
        classes.iter().filter(|class| class["group"] == name).count()
    };
    assert_eq!([group("many"), group("medium"), group("few")], [34, 35, 31]);
}

fn find(below: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    let entries = std::fs::read_dir(below).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
        .iter()
        .find(|folder| folder.ends_with(name))
        .cloned()
        .or_else(|| folders.iter().find_map(|folder| find(folder, name)))
}
