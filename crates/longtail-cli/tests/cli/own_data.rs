//! A folder of people's own images, from the first command to another machine.

use std::fs;

use serde_json::Value;

use super::program::{Place, SMALL, stderr};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn defaults_come_from_the_data() {
    let place = Place::with_photos();
    let said = place.run("train --data photos --epochs 2 --backbone resnet8 --out run");
    assert!(said.status.success(), "{said:?}");
    let recipe: toml::Table =
        fs::read_to_string(place.path("run/recipe.toml")).unwrap().parse().unwrap();
    assert_eq!(recipe["method"]["name"].as_str(), Some("la"));
    // 19 images train: 14 − 1 − 3, 9 − 1 − 2 and 5 − 1 − 1.
    assert_eq!(recipe["train"]["batch_size"].as_integer(), Some(7));
    assert_eq!(recipe["data"]["image_size"].as_integer(), Some(32));
    assert_eq!(recipe["data"]["resize"].as_str(), Some("crop"));
    assert_ne!(recipe["views"]["mean"].to_string(), "[0.4914, 0.4822, 0.4465]");
    let name = recipe["data"]["name"].as_str().unwrap();
    assert!(std::path::Path::new(name).is_absolute(), "{name}");
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("la with resnet8 on 32 × 32 pixels"), "{said}");
    assert!(said.contains("3 selected images validate and 6 test"), "{said}");
}

#[test]
fn a_run_goes_on_to_more_epochs_and_names_what_was_typed() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 2 --out run"));
    let text = place.fail(1, "train --resume --out run --epochs 1 --quiet");
    assert!(text.contains("--epochs 1") && text.contains("2 epochs"), "{text}");
    let text = place.fail(1, "train --resume --out run --batch-size 4 --quiet");
    assert!(text.contains("train.batch_size = 8, not 4"), "{text}");
    let more = place.run("train --resume --out run --epochs 4");
    let said = String::from_utf8_lossy(&more.stderr).into_owned();
    assert!(more.status.success(), "{said}");
    assert!(said.contains("goes on after epoch 2 of 4"), "{said}");
    assert!(said.contains("schedule"), "{said}");
    let log = fs::read_to_string(place.path("run/metrics.jsonl")).unwrap();
    let epochs: Vec<u64> = log.lines().map(|line| json(line)["epoch"].as_u64().unwrap()).collect();
    assert_eq!(epochs, [0, 1, 2, 3]);
    place.succeed("train --resume --out run --quiet");
    assert!(fs::read_to_string(place.path("run/recipe.toml")).unwrap().contains("epochs = 4"));
}

#[test]
fn another_set_is_scored_by_the_names_of_its_classes() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 1 --out run"));
    let files = || {
        ["summary", "analysis"]
            .map(|name| fs::read(place.path(&format!("run/{name}.json"))).unwrap())
    };
    let before = files();
    fs::create_dir_all(place.path("other/zebra")).unwrap();
    fs::rename(place.path("photos/blue"), place.path("other/blue")).unwrap();
    fs::rename(place.path("photos/red"), place.path("other/red")).unwrap();
    fs::copy(place.path("other/red/00.png"), place.path("other/zebra/1.png")).unwrap();
    let other = place.run("evaluate run --data other --json");
    assert!(other.status.success(), "{other:?}");
    let figures = json(&String::from_utf8(other.stdout).unwrap());
    assert_eq!(figures["last"]["test"]["count"], 19);
    assert_eq!(figures["last"]["test"]["per_class_images"], serde_json::json!([5, 0, 14]));
    assert!(
        figures["last"]["test"]["ece"].is_f64() && figures["last"]["test"]["macro_f1"].is_f64()
    );
    assert!(files() == before, "nothing of the run is written");
    let said = place.run("evaluate run --data other");
    let table = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(table.contains("calibration error") && table.contains("macro F1"), "{table}");
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("zebra") && said.contains("without an image here: green"), "{said}");

    fs::create_dir_all(place.path("strange/horse")).unwrap();
    fs::copy(place.path("other/red/00.png"), place.path("strange/horse/1.png")).unwrap();
    let text = place.fail(1, "evaluate run --data strange");
    assert!(text.contains("none of its classes (horse)"), "{text}");
}

#[test]
fn moved_lists_are_found_below_a_new_place() {
    let place = Place::with_photos();
    let lines = |numbers: &[usize]| -> String {
        let row = |i: &usize| {
            ["red 2", "green 1", "blue 0"]
                .map(|c| {
                    let (class, label) = c.split_once(' ').unwrap();
                    format!("photos/{class}/{i:02}.png {label}\n")
                })
                .concat()
        };
        numbers.iter().map(row).collect()
    };
    fs::create_dir(place.path("set")).unwrap();
    fs::rename(place.path("photos"), place.path("set/photos")).unwrap();
    fs::create_dir(place.path("set/lists")).unwrap();
    place.write("set/lists/train.txt", &lines(&[0, 1, 2]));
    place.write("set/lists/test.txt", &lines(&[3, 4]));
    let small = SMALL.replace("--data photos", "").replace("--val 1", "--val none");
    place.succeed(&format!(
        "train --train-list set/lists/train.txt --test-list set/lists/test.txt {small} --epochs 1 --out run"
    ));
    let before = fs::read(place.path("run/summary.json")).unwrap();
    fs::rename(place.path("set"), place.path("moved")).unwrap();
    let text = place.fail(1, "evaluate run");
    assert!(text.contains("train.txt"), "{text}");
    place.succeed("evaluate run --data-dir moved --quiet");
    assert_eq!(fs::read(place.path("run/summary.json")).unwrap(), before);
}

#[test]
fn broken_files_are_left_out_when_asked_for() {
    let place = Place::with_photos();
    place.write("photos/red/words.jpg", "these are words");
    place.write("photos/red/zero.png", "");
    let text = place.fail(1, &format!("train {SMALL} --epochs 1 --out run"));
    assert!(text.contains("words.jpg") && text.contains("zero.png"), "{text}");
    assert!(text.contains("--skip-broken"), "{text}");
    let small = SMALL.replace("--quiet", "");
    let run = place.run(&format!("train {small} --epochs 1 --skip-broken --out run"));
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{said}");
    assert!(
        said.contains("2 files") && said.contains("words.jpg") && said.contains("zero.png"),
        "{said}"
    );
    place.succeed("evaluate run --quiet");
}

#[test]
fn a_dead_run_does_not_look_like_a_good_one() {
    let place = Place::with_photos();
    let dead =
        "--method ce --epochs 40 --lr 1e-9 --set optimizer.weight_decay=0 --set schedule.warmup=0";
    let small = SMALL.replace("--quiet", "").replace("--lr 0.05", "");
    let run = place.run(&format!("train {small} {dead} --out run"));
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{said}");
    let summary = json(&fs::read_to_string(place.path("run/summary.json")).unwrap());
    let warnings = summary["warnings"].as_array().cloned().unwrap_or_default();
    assert_eq!(warnings.len(), 1, "{summary}");
    assert!(warnings[0].as_str().unwrap().starts_with("the run did not learn: "), "{warnings:?}");
    let table = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(table.contains("did not learn"), "{table}");
    assert!(fs::read_to_string(place.path("run/report.html")).unwrap().contains("did not learn"));
}

#[test]
fn a_run_that_cannot_fit_is_refused_before_anything_is_read() {
    let place = Place::with_photos();
    let huge = "--image-size 1024 --batch-size 1000000 --backbone resnet56";
    let small = "--data photos --epochs 1";
    for options in ["--dry-run", "--out run"] {
        let text = place.fail(1, &format!("train {small} {huge} {options}"));
        let refused =
            text.contains("--batch-size") && (text.contains("GiB") || text.contains("larger"));
        assert!(refused, "{text}");
    }
    assert!(!place.exists("run"));
}

#[test]
fn images_that_a_run_was_trained_on_are_no_test_of_it() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 1 --out run"));
    let copy = place.path("copy/red");
    fs::create_dir_all(&copy).unwrap();
    fs::create_dir_all(place.path("copy/green")).unwrap();
    for name in ["00.png", "01.png", "02.png", "03.png", "04.png", "05.png"] {
        fs::copy(place.path("photos/red").join(name), copy.join(name)).unwrap();
        fs::copy(place.path("photos/green").join(name), place.path("copy/green").join(name))
            .unwrap();
    }
    let said = |words: &str| {
        let output = place.run(words);
        assert!(output.status.success(), "{}", stderr(&output));
        stderr(&output)
    };
    let text = said("evaluate run --data copy");
    let (before, _) = text.split_once(" of the 12 images that are scored").expect(&text);
    let seen: usize =
        before.split_whitespace().next_back().and_then(|count| count.parse().ok()).unwrap();
    assert!((1..=12).contains(&seen), "{text}");
    fs::rename(place.path("photos"), place.path("gone")).unwrap();
    let text = said("evaluate run --data copy");
    assert!(text.contains("if any, are no test"), "{text}");
    // A file that cannot be read is left out of another set when asked for.
    fs::write(copy.join("00.png"), "no image").unwrap();
    let text = place.fail(1, "evaluate run --data copy");
    assert!(text.contains("--skip-broken"), "{text}");
    let text = said("evaluate run --data copy --skip-broken");
    assert!(text.contains("left out") && text.contains("00.png"), "{text}");
}

#[test]
fn options_of_which_one_would_go_unheard_are_refused() {
    let place = Place::with_photos();
    place.succeed("data split --data photos --imbalance 2 --split-seed 3 --out split.json");
    for typed in ["--val none", "--imbalance 3", "--split-seed 9"] {
        for command in ["train --out new", "data stats"] {
            let text =
                place.fail(1, &format!("{command} --data photos --split split.json {typed}"));
            assert!(text.contains("split.json") && text.contains("leave them out"), "{text}");
        }
    }
    let same = "data stats --data photos --split split.json --imbalance 2 --split-seed 3";
    place.succeed(same);
    let text = place.fail(2, "train --data photos --train-list split.json --out new");
    assert!(text.contains("leave one of them out"), "{text}");
    let small = SMALL.replace("--val 1", "--split split.json");
    place.succeed(&format!("train {small} --epochs 1 --out run"));
    let recipe = fs::read_to_string(place.path("run/recipe.toml")).unwrap();
    assert!(recipe.contains("imbalance = 2.0") && recipe.contains("split_seed = 3"), "{recipe}");
    place.succeed("train --resume --out run --epochs 2 --quiet");
    place.fail(2, "predict run photos/red --top 0");
    let text = place.fail(1, "predict run photos/red -0");
    assert!(text.contains("give - as well"), "{text}");
}
