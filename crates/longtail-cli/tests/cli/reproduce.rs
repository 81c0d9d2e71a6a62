//! `reproduce`: our table beside the paper's.

use std::fs;

use serde_json::Value;

use super::program::Place;

/// Options of runs over `photos` that take a moment, in the place of CIFAR-10 at factor 100.
const TINY: &str = "--data photos --image-size 16 --stand-in-for cifar10-lt-100 --set model.backbone=resnet8 \
                    --set train.batch_size=8 --set data.val=1 --epochs 1 --max-steps 1 --out made --quiet";

#[test]
fn a_table_stands_beside_the_papers_and_its_runs_are_used_again() {
    let place = Place::with_photos();
    let words = format!("reproduce table2 cifar10-lt-100-ce table1 --seeds 0,1 {TINY} --json");
    let printed: Value = serde_json::from_str(&place.succeed(&words)).unwrap();
    let tables = printed["tables"].as_array().unwrap();
    let names: Vec<_> = tables.iter().map(|table| table["name"].clone()).collect();
    assert_eq!(names, ["table2", "table1", "rows"]);
    let rcl = &tables[0]["rows"][3];
    assert_eq!(
        (&rcl["title"], &rcl["cells"][0]["paper"]),
        (&"LC + SCL + RCL".into(), &"86.0".into())
    );
    let ours = &rcl["cells"][0]["ours"];
    assert_eq!((&ours["stand_in"], &ours["seeds"]), (&"photos".into(), &2.into()));
    let mean = ours["spread"]["mean"].as_f64().unwrap();
    let runs = [0, 1].map(|seed| {
        let path = format!("made/cifar10-lt-100-rcl-on-photos/seed-{seed}/summary.json");
        100.0 * place.json(&path)["last"]["test"]["arithmetic_mean"].as_f64().unwrap()
    });
    assert!((mean - (runs[0] + runs[1]) / 2.0).abs() < 1e-9);
    assert_eq!(rcl["cells"][0]["difference"], Value::Null, "other images are not compared");
    // Without CIFAR-100 its cells say so.
    let missing = tables[1]["rows"][0]["cells"][0]["missing"].as_str().unwrap();
    assert!(missing.contains("cifar100-lt is not in data"), "{missing}");
    assert_eq!(tables[2]["rows"][0]["cells"][0]["paper"], "70.4");
    let text = fs::read_to_string(place.path("made/TABLE.md")).unwrap();
    assert!(text.contains("/ 86.0") && text.contains("measured on photos"), "{text}");
    assert_eq!(place.json("made/table.json"), printed["tables"]);
    let summary = place.path("made/cifar10-lt-100-ce-on-photos/seed-0/summary.json");
    let before = fs::metadata(&summary).unwrap().modified().unwrap();
    let shown = place.succeed(&words.replace("--json", "").replace("--quiet", ""));
    assert!(shown.contains("LC + SCL + RCL") && shown.contains("86.0"), "{shown}");
    assert!(
        shown.lines().all(|line| line.chars().count() <= 80 || line.starts_with('/')),
        "{shown}"
    );
    assert_eq!(fs::metadata(&summary).unwrap().modified().unwrap(), before);
}

#[test]
fn a_second_stage_takes_the_queues_first_stage() {
    let place = Place::with_photos();
    let words = format!("reproduce cifar10-lt-100-ce cifar10-lt-100-ncm {TINY}")
        .replace("--max-steps 1", "")
        .replace("--quiet", "");
    let output = place.run(&words);
    let said = super::program::stderr(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("the first stage is the run in made/cifar10-lt-100-ce-on-photos"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_made_is_refused_in_a_sentence() {
    let place = Place::new();
    for (words, says) in [
        ("reproduce table9", "table5, figure1"),
        ("reproduce table4", "imagenet-lt is not in data"),
        ("reproduce cifar10-lt-100-nothing", "`longtail recipes list`"),
        ("reproduce table1 --seeds 0,0", "twice"),
        ("reproduce table1", "cifar100-lt is not in data"),
        ("reproduce table1 --data synthetic --stand-in-for cifar1000", "cifar1000"),
        (
            "reproduce table1 --image-size 16",
            "--image-size 16 cannot be used: it is of images that",
        ),
        ("reproduce table1 --val-list a.txt", "--val-list a.txt"),
        ("reproduce table1 --test-list a.txt --data-dir .", "with --data or --train-list"),
        ("reproduce figure1 --stand-in-for cifar100-lt-100", "--stand-in-for cifar100-lt-100"),
        ("reproduce table2 --data synthetic", "--stand-in-for cifar10-lt-100 lets the images of"),
        ("reproduce table4 --data synthetic", "imagenet-lt-resnet50,imagenet-lt-resnext50 lets"),
        ("reproduce", "TARGET"),
    ] {
        let said = place.fail(2, words);
        assert!(said.contains(says), "{words}: {said}");
    }
    assert_eq!(fs::read_dir(place.path("")).unwrap().count(), 0);
    let listed = place.succeed("reproduce --list");
    assert!(listed.contains("table3") && listed.contains("no recipe yet"), "{listed}");
}

#[test]
fn a_dry_run_lists_the_runs_of_a_table_once() {
    let place = Place::with_photos();
    let words = format!("reproduce table2 table5 {TINY} --dry-run --json");
    let listed: Value = serde_json::from_str(&place.succeed(&words)).unwrap();
    let runs = listed["runs"].as_array().unwrap();
    // Table 5 has two of the five.
    assert_eq!(runs.len(), 5, "{runs:?}");
    assert!(listed["missing"].to_string().contains("cifar100-lt-100-bcl"));
    assert!(!place.exists("made"));
}

#[test]
fn figure_1_draws_its_runs_on_circles() {
    let place = Place::new();
    place.succeed(
        "reproduce figure1 --epochs 1 --max-steps 1 --set train.batch_size=32 --out made --quiet",
    );
    let recipe = fs::read_to_string(place.path("made/figure1/bcl/recipe.toml")).unwrap();
    assert!(recipe.contains("batch_size = 32") && recipe.contains("epochs = 1\n"), "{recipe}");
    let svg = fs::read_to_string(place.path("made/figure1/figure1.svg")).unwrap();
    for method in ["scl", "rcl", "bcl", "bcl+rcl"] {
        assert!(svg.contains(&format!(">{method}</text>")), "{method}");
    }
    let figure = place.json("made/figure1/figure1.json");
    let counts: Vec<_> =
        figure["classes"].as_array().unwrap().iter().map(|c| c[1].clone()).collect();
    assert_eq!(counts, [6, 15, 42, 112, 300]);
    let shares = figure["methods"][0][1].as_array().unwrap();
    let sum: f64 = shares.iter().map(|region| region["share"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-9);
}

#[test]
fn a_dry_run_of_figure_1_writes_nothing() {
    let place = Place::new();
    let words = "reproduce figure1 --epochs 1 --max-steps 1 --out made --dry-run --json";
    let listed: Value = serde_json::from_str(&place.succeed(words)).unwrap();
    let runs = listed["runs"].as_array().unwrap();
    assert_eq!((runs.len(), &runs[0]["folder"]), (4, &"made/figure1/scl".into()));
    assert!(runs.iter().all(|run| run["seconds"].as_f64().unwrap() > 0.0), "{runs:?}");
    assert_eq!(fs::read_dir(place.path("")).unwrap().count(), 0);
}

#[test]
fn a_teacher_that_is_not_there_is_told_before_anything_is_trained() {
    let place = Place::with_photos();
    let row = TINY.replace("cifar10-lt-100", "cifar100-lt-100");
    let said = place.fail(2, &format!("reproduce cifar100-lt-100-ride-distill {row}"));
    assert!(
        said.contains("it learns from the run in runs/ride-teacher, and there is none"),
        "{said}"
    );
    assert!(said.contains("--set method.teacher=RUN"), "{said}");
    // Beside others its cells say so.
    let words = format!("reproduce cifar100-lt-100-ride-distill cifar100-lt-100-ce {row} --json");
    let printed: Value = serde_json::from_str(&place.succeed(&words)).unwrap();
    let rows = &printed["tables"][0]["rows"];
    let missing = rows[0]["cells"][0]["missing"].as_str().unwrap();
    assert!(missing.contains("runs/ride-teacher"), "{missing}");
    assert_eq!(rows[1]["cells"][0]["ours"]["seeds"], 1);
}

#[test]
fn the_runs_of_a_table_are_logged_for_other_programs() {
    let place = Place::with_photos();
    place.succeed(&format!("reproduce cifar10-lt-100-ce {TINY} --log csv,tensorboard"));
    let logs = "made/cifar10-lt-100-ce-on-photos/seed-0/logs";
    assert!(place.exists(&format!("{logs}/csv/final.csv")));
    assert!(place.exists(&format!("{logs}/tensorboard")));
    place.fail(2, &format!("reproduce cifar10-lt-100-ce {TINY} --log csv --dry-run"));
}

#[test]
fn what_train_has_an_option_for_is_said_as_the_key_that_it_sets() {
    let place = Place::with_photos();
    let whole =
        "reproduce table2 --data photos --image-size 16 --stand-in-for cifar10-lt-100 --dry-run";
    let said = place.fail(1, whole);
    assert!(said.contains("images: choose --set train.batch_size="), "{said}");
    assert!(!said.contains("--batch-size"), "{said}");
    let loud = TINY.replace("--quiet", "");
    let output = place.run(&format!("reproduce cifar10-lt-100-ce {loud} --dry-run"));
    let said = super::program::stderr(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("to 8 (--set optimizer.lr=RATE sets it)"), "{said}");
}

#[test]
fn tables_in_the_place_of_others_are_said() {
    let place = Place::with_photos();
    let loud = TINY.replace("--quiet", "");
    let said = |words: &str| {
        let output = place.run(&format!("reproduce {words} {loud}"));
        let said = super::program::stderr(&output);
        assert!(output.status.success(), "{words}: {said}");
        said
    };
    let one = "cifar10-lt-100-ce";
    for _ in 0..2 {
        let said = said(one);
        assert!(!said.contains("TABLE.md in"), "{said}");
    }
    let said = said(&format!("{one} --seeds 0,1"));
    assert!(said.contains("TABLE.md in made holds rows of 2 seeds"), "{said}");
    assert!(said.contains("and held rows of 1 seed"), "{said}");
}
