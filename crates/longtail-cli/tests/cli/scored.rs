//! `evaluate --predictions`: every figure follows from the file.

use std::{collections::HashMap, fs};

use serde_json::Value;

use super::program::{Place, SMALL};

/// A column by name, of every row.
type Columns = HashMap<String, Vec<String>>;

fn csv(place: &Place, name: &str) -> Columns {
    let mut reader = csv::Reader::from_path(place.path(name)).unwrap();
    let header: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
    let mut columns: Columns = header.iter().map(|name| (name.clone(), Vec::new())).collect();
    for record in reader.records().map(Result::unwrap) {
        for (name, field) in header.iter().zip(&record) {
            columns.get_mut(name).unwrap().push(field.to_owned());
        }
    }
    columns
}

fn numbers<T: std::str::FromStr>(columns: &Columns, name: &str) -> Vec<T> {
    let parse = |text: &String| text.parse().ok().unwrap_or_else(|| panic!("{name}: {text}"));
    columns[name].iter().map(parse).collect()
}

/// Recall of each class that has an image.
fn recalls(labels: &[usize], predictions: &[usize], classes: usize) -> Vec<Option<f64>> {
    let recall = |class| {
        let of: Vec<_> =
            labels.iter().zip(predictions).filter(|(label, _)| **label == class).collect();
        let right = of.iter().filter(|(label, prediction)| label == prediction).count();
        (!of.is_empty()).then(|| right as f64 / of.len() as f64)
    };
    (0..classes).map(recall).collect()
}

/// Mean over images of how far the accuracy of their bin of 15 is from its mean confidence.
fn ece(confidences: &[f64], right: &[bool]) -> f64 {
    let mut bins = vec![(0.0, 0.0); 16];
    for (confidence, right) in confidences.iter().zip(right) {
        let bin = &mut bins[(confidence * 15.0).floor() as usize];
        bin.0 += confidence;
        bin.1 += f64::from(u8::from(*right));
    }
    bins.iter().map(|(said, right): &(f64, f64)| (said - right).abs()).sum::<f64>()
        / right.len() as f64
}

/// That the figures of the table are those of a model in summary.json.
fn check(columns: &Columns, figures: &Value) {
    let labels: Vec<usize> = numbers(columns, "label_index");
    let predictions: Vec<usize> = numbers(columns, "prediction_index");
    let p: Vec<Vec<f64>> = (0..3).map(|class| numbers(columns, &format!("p_{class}"))).collect();
    let recalls = recalls(&labels, &predictions, 3);
    let known: Vec<Option<f64>> = serde_json::from_value(figures["per_class"].clone()).unwrap();
    let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
    for (recall, known) in recalls.iter().zip(&known) {
        assert!(
            recall.zip(*known).map_or(recall.is_none() && known.is_none(), |(a, b)| close(a, b))
        );
    }
    let tested: Vec<f64> = recalls.into_iter().flatten().collect();
    let mean = tested.iter().sum::<f64>() / tested.len() as f64;
    assert!(close(mean, figures["arithmetic_mean"].as_f64().unwrap()), "{mean}");
    let confidences: Vec<f64> =
        predictions.iter().zip(0..).map(|(&class, row): (_, usize)| p[class][row]).collect();
    let rows = 0..labels.len();
    rows.for_each(|row| assert!((p.iter().map(|p| p[row]).sum::<f64>() - 1.0).abs() < 1e-12));
    let right: Vec<bool> = labels.iter().zip(&predictions).map(|(a, b)| a == b).collect();
    let error = ece(&confidences, &right);
    assert!(close(error, figures["ece"].as_f64().unwrap()), "{error}");
}

#[test]
fn the_figures_of_a_run_follow_from_its_predictions() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 4 --out run"));
    let quiet = "--features --quiet --predictions";
    place.succeed(&format!("evaluate run {quiet} p.csv"));
    place.succeed(&format!("evaluate run {quiet} best.CSV --weights best"));
    let summary = place.json("run/summary.json");
    let columns = csv(&place, "p.csv");
    check(&columns, &summary["last"]["test"]);
    check(&csv(&place, "best.CSV"), &summary["best"]["test"]);
    let own = csv(&place, "run/predictions.csv");
    assert_eq!((&own["path"], &own["last"]), (&columns["path"], &columns["prediction_index"]));
    assert!(
        ["blue", "green", "red"].iter().all(|name| columns["label"].contains(&name.to_string()))
    );
    assert!(columns.contains_key("feature_63") && columns.contains_key("projection_0"));

    place.succeed(&format!("evaluate run {quiet} p.jsonl"));
    let text = fs::read_to_string(place.path("p.jsonl")).unwrap();
    for (row, line) in text.lines().enumerate() {
        let object: Value = serde_json::from_str(line).unwrap();
        assert_eq!(object.as_object().unwrap().len(), columns.len());
        assert_eq!(object["path"], columns["path"][row]);
        assert_eq!(object["p_2"].as_f64(), columns["p_2"][row].parse().ok());
    }
    assert_eq!(text.lines().count(), columns["path"].len());
    place.succeed("evaluate run --quiet --predictions p.parquet");
    let bytes = fs::read(place.path("p.parquet")).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
}

#[test]
fn another_set_is_predicted_with_the_classes_of_the_run() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 2 --val 0 --out run"));
    fs::create_dir(place.path("others")).unwrap();
    for class in ["red", "blue"] {
        fs::rename(place.path("photos").join(class), place.path("others").join(class)).unwrap();
    }
    let printed = place.succeed("evaluate run --data others --json --predictions p.csv");
    let columns = csv(&place, "p.csv");
    check(&columns, &serde_json::from_str::<Value>(&printed).unwrap()["last"]["test"]);
    assert_eq!(columns["label"].len(), 19);
    // Of the run green is the second.
    assert!(columns["label_index"].iter().all(|label| label == "0" || label == "2"));
    let said = place.fail(1, "evaluate run --data others --predictions p.csv --weights best");
    assert!(said.contains("no best epoch"), "{said}");
}

#[test]
fn what_no_predictions_can_be_written_to_is_refused_before_any_work() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --max-steps 1 --out run"));
    for name in ["-", "p.xlsx", "/dev/stdout"] {
        let said = place.fail(2, &format!("evaluate run --predictions {name}"));
        assert!(said.contains(".csv, .jsonl or .parquet"), "{said}");
    }
    let said = place.fail(1, "evaluate run --predictions nowhere/p.csv");
    assert!(said.contains("nowhere"), "{said}");
    let log = fs::read(place.path("run/metrics.jsonl")).unwrap();
    for own in ["metrics.jsonl", "predictions.csv"] {
        let said = place.fail(1, &format!("evaluate run --predictions run/{own}"));
        assert!(said.contains("another name"), "{said}");
    }
    assert_eq!(fs::read(place.path("run/metrics.jsonl")).unwrap(), log);
    place.fail(2, "evaluate run --weights best");
}
