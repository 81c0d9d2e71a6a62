//! `compare`, on run folders that were written by hand.

use std::fs;

use serde_json::{Value, json};

use super::program::Place;

/// Labels of the test images, eight of each of three classes.
const IMAGES: usize = 24;

/// A run folder of `method` whose classes are `names`. One image of `wrong` is wrong, and some more that the seed
/// decides.
pub struct Folder<'a> {
    method: &'a str,
    seed: usize,
    wrong: usize,
    names: [&'a str; 3],
    epochs: usize,
}

impl Folder<'_> {
    pub const fn of(method: &str, seed: usize, wrong: usize) -> Folder<'_> {
        Folder { method, seed, wrong, names: ["red", "green", "blue"], epochs: 30 }
    }

    fn is_right(&self, image: usize) -> bool {
        !(image + self.seed).is_multiple_of(self.wrong)
    }

    fn summary(&self) -> Value {
        let right = |label| (0..IMAGES).filter(|i| i % 3 == label && self.is_right(*i)).count();
        let correct: Vec<usize> = (0..3).map(right).collect();
        let per_class: Vec<f64> = correct.iter().map(|&correct| correct as f64 / 8.0).collect();
        let mean = per_class.iter().sum::<f64>() / 3.0;
        let worst = per_class.iter().copied().fold(1.0, f64::min);
        let test = json!({
            "top1": mean, "arithmetic_mean": mean, "harmonic_mean": mean, "zero_classes": 0, "worst_class": worst,
            "many": per_class[0], "medium": per_class[1], "few": per_class[2], "per_class": per_class,
            "count": IMAGES, "per_class_images": [8, 8, 8], "per_class_correct": correct,
        });
        let class =
            |(name, group): (&str, &str)| json!({"name": name, "train_count": 9, "group": group});
        let classes: Vec<Value> =
            self.names.into_iter().zip(["many", "medium", "few"]).map(class).collect();
        json!({
            "last": {"test": test, "val": null}, "best": null, "epochs": self.epochs, "steps": 90, "seed": self.seed,
            "split_hash": "0123456789abcdef", "data": "synthetic", "method": self.method, "classes": classes,
            "seconds": 6.0, "images_per_second": 500.0, "longtail_version": "0.1.0", "compression": null,
        })
    }

    pub fn write(&self, place: &Place, folder: &str) {
        fs::create_dir(place.path(folder)).unwrap();
        let text = format!(
            "[method]\nname = \"{}\"\n[train]\nseed = {}\nepochs = {}\n",
            self.method, self.seed, self.epochs
        );
        place.write(&format!("{folder}/recipe.toml"), &text);
        place.write(&format!("{folder}/summary.json"), &self.summary().to_string());
        let said = |i: usize| if self.is_right(i) { i % 3 } else { (i + 1) % 3 };
        let rows: String =
            (0..IMAGES).map(|i| format!("{i},{i}.png,{},{},\n", i % 3, said(i))).collect();
        place.write(
            &format!("{folder}/predictions.csv"),
            &format!("index,path,label,last,best\n{rows}"),
        );
    }
}

/// Five seeds of `la` and of `bcl`, which has fewer images wrong.
fn ten() -> Place {
    let place = Place::new();
    for seed in 0..5 {
        Folder::of("la", seed, 2).write(&place, &format!("la-{seed}"));
        Folder::of("bcl", seed, 12).write(&place, &format!("bcl-{seed}"));
    }
    place
}

const TEN: &str = "la-0 la-1 la-2 la-3 la-4 bcl-0 bcl-1 bcl-2 bcl-3 bcl-4";

#[test]
fn seeds_are_folded_and_enough_of_them_decide() {
    let place = ten();
    let text = place.succeed(&format!("compare {TEN}"));
    assert!(text.contains("bcl: better than la: +41.7 points of balanced top-1"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let text = place.succeed(&format!("compare {TEN} la-0/ --baseline bcl"));
    assert!(text.contains("la: worse than bcl: -41.7"), "{text}");
    assert!(text.contains("la-0/ is named twice and counts once"), "{text}");
    let one = place.succeed("compare la-0 --baseline bcl-0");
    assert!(one.contains("undecided against bcl") && one.contains("1 seed against 1"), "{one}");
    let json =
        |threads: &str| place.succeed(&format!("compare {TEN} --format json --threads {threads}"));
    let printed: Value = serde_json::from_str(&json("1")).unwrap();
    assert_eq!(printed["rows"][1]["verdict"], "better");
    assert_eq!(printed["rows"][0]["figures"]["arithmetic_mean"]["mean"], 0.5);
    assert_eq!(json("1"), json("5"), "to the bit");
}

#[test]
fn every_format_is_written_and_the_ending_names_it() {
    let place = Place::new();
    let names = ["=red<b>", "א\"b", "blue_&"];
    Folder { names, ..Folder::of("la", 0, 2) }.write(&place, "la");
    Folder { names, ..Folder::of("bcl", 0, 12) }.write(&place, "bcl");
    for (format, ending, holds) in [
        ("table", "txt", "=red<b>"),
        ("csv", "csv", "accuracy of =red<b>"),
        ("markdown", "md", "| bcl | 1 |"),
        ("latex", "tex", "\\toprule"),
        ("html", "html", "<bdi>=red&lt;b&gt;</bdi>"),
        ("json", "json", "\"name\":\"=red<b>\""),
    ] {
        let printed = place.succeed(&format!("compare la bcl --format {format}"));
        assert!(printed.contains(holds), "{format}: {printed}");
        assert_eq!(place.succeed(&format!("compare la bcl --out rows.{ending}")), "");
        assert_eq!(fs::read_to_string(place.path(&format!("rows.{ending}"))).unwrap(), printed);
    }
}

#[test]
fn runs_without_predictions_are_compared_without_a_decision() {
    let place = ten();
    fs::remove_file(place.path("bcl-3/predictions.csv")).unwrap();
    place.write("bcl-4/predictions.csv", "index,label,last\n0,0,x\n");
    let text = place.succeed(&format!("compare {TEN}"));
    for said in [
        "bcl-3: there is no predictions.csv",
        "bcl-4: predictions.csv cannot be used",
        "longtail evaluate RUN",
        "undecided",
    ] {
        assert!(text.replace('\n', " ").contains(said), "{said}: {text}");
    }
}

#[test]
fn runs_on_other_terms_are_refused_by_name() {
    let place = ten();
    Folder { epochs: 20, ..Folder::of("rcl", 0, 3) }.write(&place, "rcl-0");
    let text = place.fail(1, "compare la-0 rcl-0");
    assert!(text.contains("train.epochs is 30 (la-0) and 20 (rcl-0)"), "{text}");
    let text = place.succeed("compare la-0 rcl-0 --across-splits");
    assert!(
        text.starts_with("WARNING: ") && text.contains("this differs too: train.epochs"),
        "{text}"
    );
}

#[test]
fn what_is_no_finished_run_is_named_with_the_mend() {
    let place = ten();
    let text = place.fail(1, "compare la-0 nowhere");
    assert!(text.contains("nowhere holds no run"), "{text}");
    fs::remove_file(place.path("la-1/summary.json")).unwrap();
    let line = r#"{"epoch":6,"step":10,"lr":0.1,"loss":0.7,"images_per_second":90,"seconds":2}"#;
    place.write("la-1/metrics.jsonl", &format!("{line}\n"));
    let text = place.fail(1, "compare la-0 la-1");
    assert!(text.contains("has done 7 of 30 epochs") && text.contains("--resume"), "{text}");
    let newer =
        fs::read_to_string(place.path("la-2/summary.json")).unwrap().replace("0.1.0", "9.0.0");
    place.write("la-2/summary.json", &newer);
    let text = place.succeed("compare la-0 la-2");
    assert!(text.contains("written by Longtail 9.0.0"), "{text}");
    place.write("la-2/summary.json", &newer.replace("\"steps\":90", "\"steps\":\"many\""));
    let text = place.fail(1, "compare la-0 la-2");
    assert!(text.contains("9.0.0, which is newer") && text.contains("as new"), "{text}");
    place.write("la-3/recipe.toml", "[train]\nunheard = 1\n");
    let text = place.fail(2, "compare la-0 la-3");
    assert!(text.contains("unheard"), "{text}");
    let text = place.fail(2, "compare la-0 bcl-0 --baseline rcl");
    assert!(
        text.contains("--baseline rcl is no run or method") && text.contains("la, bcl"),
        "{text}"
    );
    let text = place.fail(1, "compare la-0 --weights best");
    assert!(text.contains("no epoch was chosen") && text.contains("--weights last"), "{text}");
}

#[test]
fn a_folder_of_runs_stands_for_them() {
    let place = Place::new();
    for folder in ["runs/la", "runs/search/lr-0.1", "none"] {
        fs::create_dir_all(place.path(folder)).unwrap();
    }
    for seed in [0, 1, 2, 10] {
        Folder::of("la", seed, 2).write(&place, &format!("runs/la/seed-{seed}"));
    }
    Folder::of("bcl", 0, 12).write(&place, "runs/search/lr-0.1/seed-0");
    Folder::of("rcl", 0, 3).write(&place, "runs/rcl");
    let compared = |words: &str| -> Value {
        let printed = place.succeed(&format!("compare {words} --format json"));
        serde_json::from_str(&printed).unwrap()
    };
    let names = |row: &Value| -> Vec<String> {
        let runs = row["runs"].as_array().unwrap().iter();
        runs.map(|run| run["run"].as_str().unwrap().to_owned()).collect()
    };
    let all = compared("runs/la runs/rcl runs/search");
    let seeds = [0, 1, 2, 10].map(|seed| format!("runs/la/seed-{seed}"));
    assert_eq!(names(&all["rows"][0]), seeds);
    assert_eq!(names(&all["rows"][2]), ["runs/search/lr-0.1/seed-0"]);
    let notes = all["notes"].to_string();
    assert!(notes.contains("runs/la is no run itself and stands for the 4 runs below"), "{notes}");
    assert_eq!(compared("runs")["rows"].as_array().unwrap().len(), 3);
    place.write("runs/t.csv", "");
    let notes = compared("runs/t.csv runs/rcl runs/la")["notes"].to_string();
    assert!(notes.contains("runs/t.csv is a file and no run"), "{notes}");
    assert!(place.fail(1, "compare runs/t.csv").contains("runs/t.csv holds no run"));
    let based = compared("runs/rcl --baseline runs/la");
    assert_eq!((&based["baseline"], &based["rows"][1]["method"]), (&1.into(), &"la".into()));
    let text = place.fail(1, "compare none runs/rcl");
    assert!(text.contains("none holds no run (summary.json is missing)"), "{text}");
}
