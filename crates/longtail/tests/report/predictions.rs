use longtail::report::{Prediction, PredictionFormat, ReportError};

use super::sample::NASTY;

fn names() -> Vec<String> {
    ["cat", NASTY, "dog, \"big\""].map(String::from).to_vec()
}

fn rows() -> Vec<Prediction> {
    let of = |path, probabilities: [f32; 3], k| Prediction::of(path, &probabilities, &names(), k);
    [of("a b.png", [0.25, 0.5, 0.25], 3), of("c,d.jpg", [0.1, 0.2, 0.7], 1)]
        .map(Option::unwrap)
        .to_vec()
}

fn written(format: PredictionFormat, rows: &[Prediction]) -> String {
    let mut out = Vec::new();
    format.write(rows, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn candidates_are_ranked_with_ties_by_label() {
    let top: Vec<_> = rows()[0].top.iter().map(|candidate| candidate.class.clone()).collect();
    assert_eq!(top, [NASTY, "cat", "dog, \"big\""]);
    assert_eq!(rows()[1].top.len(), 1);
    let unsure = Prediction::of("x", &[f32::NAN, 0.0, 0.0], &names(), 0).unwrap();
    assert_eq!((unsure.class.as_str(), unsure.top.len()), (NASTY, 1));
    assert_eq!(Prediction::of("x", &[], &[], 3), None);
}

#[test]
fn csv_is_read_back_whatever_the_names() {
    let text = written(PredictionFormat::Csv, &rows());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = "path,class,probability,class_2,probability_2,class_3,probability_3";
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>().join(","), header);
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(
        records[0].iter().collect::<Vec<_>>(),
        ["a b.png", NASTY, "0.5", "cat", "0.25", "dog, \"big\"", "0.25"]
    );
    assert_eq!(
        records[1].iter().collect::<Vec<_>>(),
        ["c,d.jpg", "dog, \"big\"", "0.7", "", "", "", ""]
    );
    assert_eq!(written(PredictionFormat::Csv, &[]), "path,class,probability\n");
}

#[test]
fn jsonl_has_one_object_per_image() {
    let text = written(PredictionFormat::Jsonl, &rows());
    let objects: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[0]["class"], NASTY);
    assert_eq!(objects[0]["top"][2]["class"], "dog, \"big\"");
    assert_eq!(objects[0]["probability"], 0.5);
}

#[test]
fn the_table_is_aligned_and_sends_no_control_characters() {
    let text = written(PredictionFormat::Table, &rows());
    let expected = "a b.png  <b>&\"x'\u{fffd}[31m    50.0%  cat 25.0%, dog, \"big\" 25.0%\n\
                    c,d.jpg  dog, \"big\"      70.0%\n";
    assert_eq!(text, expected, "\n{text}");
    assert_eq!(written(PredictionFormat::Table, &[]), "");
}

#[test]
fn formats_have_names_and_failures_are_told() {
    assert_eq!("jsonl".parse(), Ok(PredictionFormat::Jsonl));
    let error = "xml".parse::<PredictionFormat>().unwrap_err();
    assert!(error.contains("`xml`") && error.contains("table, csv or jsonl"), "{error}");
    for format in [PredictionFormat::Table, PredictionFormat::Csv, PredictionFormat::Jsonl] {
        let mut full = [0_u8; 5];
        let error = format.write(&rows(), full.as_mut_slice()).unwrap_err();
        assert!(matches!(error, ReportError::Predictions(_)), "{error}");
    }
}
