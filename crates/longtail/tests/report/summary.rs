use std::fs;

use longtail::report::Summary;
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
        "compression",
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
