use longtail::report::{
    Answer, Prediction, PredictionFormat, PredictionWriter, ReportError, Unanswered,
};

use super::sample::NASTY;

fn names() -> Vec<String> {
    ["cat", NASTY, "dog, \"big\""].map(String::from).to_vec()
}

fn predictions() -> Vec<Prediction> {
    let of = |path, probabilities: [f32; 3], k| Prediction::of(path, &probabilities, &names(), k);
    [of("a b.png", [0.25, 0.5, 0.25], 3), of("c,d.jpg", [0.1, 0.2, 0.7], 1)]
        .map(Option::unwrap)
        .to_vec()
}

/// The predictions, and a file between them that cannot be read.
fn rows() -> Vec<Answer> {
    let mut rows: Vec<Answer> = predictions().into_iter().map(Ok).collect();
    let (path, reason) = ("e\u{1b}.png".to_owned(), "empty, \"0\" bytes".to_owned());
    rows.insert(1, Err(Unanswered { path, reason }));
    rows
}

/// What is written where the rows come `step` at a time.
fn written_by(format: PredictionFormat, rows: &[Answer], step: usize) -> String {
    let mut out = Vec::new();
    let mut writer = PredictionWriter::new(format, &names(), 3, &mut out).unwrap();
    rows.chunks(step).for_each(|rows| writer.write(rows).unwrap());
    writer.finish().unwrap();
    String::from_utf8(out).unwrap()
}

fn written(format: PredictionFormat, rows: &[Answer]) -> String {
    written_by(format, rows, 9)
}

#[test]
fn candidates_are_ranked_with_ties_by_label() {
    let top: Vec<_> =
        predictions()[0].top.iter().map(|candidate| candidate.class.clone()).collect();
    assert_eq!(top, [NASTY, "cat", "dog, \"big\""]);
    assert_eq!(predictions()[1].top.len(), 1);
    let unsure = Prediction::of("x", &[f32::NAN, 0.0, 0.0], &names(), 0).unwrap();
    assert_eq!((unsure.class.as_str(), unsure.top.len()), (NASTY, 1));
    assert_eq!(Prediction::of("x", &[], &[], 3), None);
}

#[test]
fn csv_is_read_back_whatever_the_names() {
    let text = written(PredictionFormat::Csv, &rows());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = "path,class,probability,class_2,probability_2,class_3,probability_3,error";
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>().join(","), header);
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    let record = |at: usize| records[at].iter().collect::<Vec<_>>();
    assert_eq!(record(0), ["a b.png", NASTY, "0.5", "cat", "0.25", "dog, \"big\"", "0.25", ""]);
    assert_eq!(record(1), ["e\u{1b}.png", "", "", "", "", "", "", "empty, \"0\" bytes"]);
    assert_eq!(record(2), ["c,d.jpg", "dog, \"big\"", "0.7", "", "", "", "", ""]);
    assert_eq!(written(PredictionFormat::Csv, &[]), format!("{header}\n"));
}

#[test]
fn no_more_classes_are_listed_than_there_are_and_one_at_least() {
    let header = |k| {
        let mut out = Vec::new();
        let writer = PredictionWriter::new(PredictionFormat::Csv, &names()[..2], k, &mut out);
        writer.unwrap().finish().unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!(header(0), "path,class,probability,error\n");
    assert_eq!(header(9), "path,class,probability,class_2,probability_2,error\n");
}

#[test]
fn jsonl_has_one_object_per_image() {
    let text = written(PredictionFormat::Jsonl, &rows());
    let objects: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 3);
    assert_eq!(objects[0]["class"], NASTY);
    assert_eq!(objects[0]["top"][2]["class"], "dog, \"big\"");
    assert_eq!(objects[0]["probability"], 0.5);
    let unread = serde_json::json!({ "path": "e\u{1b}.png", "error": "empty, \"0\" bytes" });
    assert_eq!(objects[1], unread);
}

#[test]
fn the_table_is_aligned_and_sends_no_control_characters() {
    let text = written(PredictionFormat::Table, &rows());
    let expected = "a b.png  <b>&\"x'\u{fffd}[31m    50.0%  cat 25.0%, dog, \"big\" 25.0%\n\
                    e\u{fffd}.png   cannot be read: empty, \"0\" bytes\n\
                    c,d.jpg  dog, \"big\"      70.0%\n";
    assert_eq!(text, expected, "\n{text}");
    assert_eq!(written(PredictionFormat::Table, &[]), "");
}

#[test]
fn rows_do_not_depend_on_how_many_come_at_a_time() {
    for format in [PredictionFormat::Table, PredictionFormat::Csv, PredictionFormat::Jsonl] {
        assert_eq!(written_by(format, &rows(), 1), written(format, &rows()));
    }
    // The first rows decide where the classes of a table stand; a wider path moves its own row alone.
    let long = "long/".repeat(30);
    let path = |path: &str| Ok(Prediction { path: path.into(), ..predictions()[1].clone() });
    let rows = [path("a.png"), path(&long), path("b.png")];
    let text = written_by(PredictionFormat::Table, &rows, 1);
    let starts: Vec<_> = text.lines().map(|line| line.find("dog").unwrap()).collect();
    assert_eq!(starts, [7, long.len() + 2, 7]);
    let text = written(PredictionFormat::Table, &rows);
    let starts: Vec<_> = text.lines().map(|line| line.find("dog").unwrap()).collect();
    assert_eq!(starts, [62, long.len() + 2, 62]);
}

#[test]
fn formats_have_names_and_failures_are_told() {
    assert_eq!("jsonl".parse(), Ok(PredictionFormat::Jsonl));
    let error = "xml".parse::<PredictionFormat>().unwrap_err();
    assert!(error.contains("`xml`") && error.contains("table, csv or jsonl"), "{error}");
    for format in [PredictionFormat::Table, PredictionFormat::Csv, PredictionFormat::Jsonl] {
        let mut full = [0_u8; 5];
        let writer = PredictionWriter::new(format, &names(), 1, full.as_mut_slice());
        let written = writer.and_then(|mut writer| writer.write(&rows()));
        let error = written.unwrap_err();
        assert!(matches!(error, ReportError::Predictions(_)), "{error}");
    }
}
