use std::fs;

use longtail::{
    eval::WorstClasses,
    report::{
        Analyses, Summary, class_table,
        html::{Details, ReportInput, render},
    },
};
use serde_json::{Value, json};

use super::sample::summary;

/// The keys of an object, in the order in which the file has them.
fn keys(json: &str) -> Vec<String> {
    let mut keys = Vec::new();
    for line in json.lines() {
        if let Some(key) = line.strip_prefix("  \"").and_then(|rest| rest.split_once('"')) {
            keys.push(key.0.to_owned());
        }
    }
    keys
}

#[test]
fn the_shape_of_the_summary_is_pinned() {
    let summary = summary(10, 20, true);
    let text = serde_json::to_string_pretty(&summary).unwrap();
    let expected = [
        "last",
        "best",
        "epochs",
        "steps",
        "seed",
        "split_hash",
        "data",
        "method",
        "classes",
        "seconds",
        "waited",
        "images_per_second",
        "longtail_version",
        "commit",
        "precision",
        "compression",
        "loss",
        "loss_parts",
        "backbone",
        "finished",
        "shot_thresholds",
    ];
    assert_eq!(keys(&text), expected);
    let json: Value = serde_json::from_str(&text).unwrap();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&json["last"]), ["test", "val"]);
    assert_eq!(names(&json["best"]), ["epoch", "test", "val"]);
    let mut figures = [
        "top1",
        "arithmetic_mean",
        "harmonic_mean",
        "zero_classes",
        "worst_class",
        "many",
        "medium",
        "few",
        "per_class",
        "count",
        "classes_tested",
        "per_class_images",
        "per_class_correct",
        "most_predicted",
        "interval",
    ];
    figures.sort_unstable();
    for set in [&json["last"]["test"], &json["last"]["val"], &json["best"]["test"]] {
        assert_eq!(names(set), figures);
        assert_eq!(set["per_class"].as_array().unwrap().len(), 10);
    }
    assert_eq!(json["last"]["test"]["count"], 1000);
    assert_eq!(
        json["classes"][0],
        json!({"name": "class 0", "train_count": 5000, "group": "many"})
    );
    assert_eq!(json["compression"], json!(["class 9"]));
    assert_eq!(json["loss_parts"], json!({"classifier": 0.8, "contrastive": 1.9}));
    assert_eq!(json["shot_thresholds"], json!({"many_above": 100, "few_below": 20}));
    assert_eq!(json["finished"], "2026-03-01T17:05:09Z");
}

#[test]
fn what_is_not_there_is_null() {
    let json = serde_json::to_value(summary(10, 20, false)).unwrap();
    assert_eq!((&json["best"], &json["last"]["val"]), (&Value::Null, &Value::Null));
    assert_eq!((&json["last"]["test"]["few"], &json["compression"]), (&Value::Null, &Value::Null));
}

#[test]
fn summaries_come_back_whole_and_nothing_lies_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("summary.json");
    for validated in [true, false] {
        let summary = summary(24, 3, validated);
        summary.save(&path).unwrap();
        assert_eq!(Summary::load(&path).unwrap(), summary);
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[test]
fn figures_of_outputs_come_back_and_an_analysis_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("summary.json");
    let mut summary = summary(10, 3, false);
    let test = summary.last.test.as_mut().unwrap();
    (test.scores.ece, test.scores.top5, test.scores.geometric_mean) =
        (Some(0.0625), Some(0.75), Some(0.0));
    test.scores.worst_classes = Some(WorstClasses { classes: 3, mean: 0.1 });
    test.per_class_precision = vec![None; 10];
    summary.save(&path).unwrap();
    let json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let test = &json["last"]["test"];
    assert_eq!((&test["ece"], &test["geometric_mean"]), (&json!(0.0625), &json!(0.0)));
    assert_eq!(test["worst_classes"], json!({"classes": 3, "mean": 0.1}));
    assert_eq!(Summary::load(&path).unwrap(), summary);
    let refused = Analyses::load(&path).unwrap_err().to_string();
    assert!(
        refused.contains("is no analysis") && refused.contains("longtail evaluate"),
        "{refused}"
    );
}

#[test]
fn warnings_and_notes_are_written_where_there_are_any() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("summary.json");
    let mut summary = summary(10, 3, false);
    summary.warnings = vec!["the run did not learn".into()];
    summary.notes = vec!["13 images were held out".into(), "2 files were left out".into()];
    summary.save(&path).unwrap();
    let json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(json["warnings"], json!(["the run did not learn"]));
    assert_eq!(json["notes"].as_array().unwrap().len(), 2);
    assert_eq!(Summary::load(&path).unwrap(), summary);
}

/// What version 0.1.0 wrote before images were counted per class.
const EARLIER: &str = r#"{
  "last": {
    "test": {"top1": 0.5, "arithmetic_mean": 0.5, "harmonic_mean": 0.0, "zero_classes": 1,
      "worst_class": 0.0, "many": null, "medium": 1.0, "few": 0.0, "per_class": [1.0, 0.0],
      "count": 4},
    "val": null
  },
  "best": null, "epochs": 2, "steps": 6, "seed": 0, "split_hash": "00ff", "data": "photos",
  "method": "ce",
  "classes": [{"name": "cat", "train_count": 40, "group": "medium"},
    {"name": "wolf", "train_count": 3, "group": "few"}],
  "seconds": 1.5, "images_per_second": 10.0, "longtail_version": "0.1.0", "compression": null
}"#;

#[test]
fn summaries_of_earlier_versions_are_read_and_shown_with_what_they_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("summary.json");
    fs::write(&path, EARLIER).unwrap();
    let summary = Summary::load(&path).unwrap();
    assert_eq!((&summary.backbone, &summary.finished), (&None, &None));
    assert!(summary.warnings.is_empty() && summary.notes.is_empty());
    let table = class_table(&summary, None);
    let cat = table.lines().find(|line| line.starts_with("cat")).unwrap();
    let cells: Vec<_> = cat.split_whitespace().collect();
    assert_eq!(cells, ["cat", "40", "medium", "100.0%"], "no count and no interval is made up");
    let input = ReportInput {
        summary: &summary,
        records: &[],
        recipe: "",
        hardware: "",
        details: Details::default(),
    };
    let page = render(&input);
    assert!(page.contains("<strong>50.0%</strong>") && !page.contains("Finished"), "{page}");
}

#[test]
fn files_that_are_no_summary_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("summary.json");
    assert!(Summary::load(&path).unwrap_err().to_string().contains("summary.json"));
    fs::write(&path, r#"{"last": {}}"#).unwrap();
    let error = Summary::load(&path).unwrap_err().to_string();
    assert!(error.contains("summary.json is no summary of a run"), "{error}");
    let inside_a_file = path.join("summary.json");
    assert!(summary(10, 1, false).save(&inside_a_file).is_err());
}
