use std::{fs, path::Path};

use longtail::report::{EpochRecord, MetricsLog, ReportError};

use super::sample::{records, summary};

fn written(path: &Path, epochs: usize) -> Vec<EpochRecord> {
    let records = records(&summary(10, epochs, true));
    let mut log = MetricsLog::open(path, 0).unwrap();
    for record in &records {
        log.append(record).unwrap();
    }
    records
}

#[test]
fn records_come_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let records = written(&path, 5);
    assert_eq!(MetricsLog::read(&path).unwrap().len(), 5);
    for (read, record) in MetricsLog::read(&path).unwrap().iter().zip(&records) {
        assert_eq!((read.epoch, read.step, &read.val), (record.epoch, record.step, &record.val));
        assert_eq!(read.note, record.note);
        assert!((read.loss - record.loss).abs() < 1e-12);
    }
    let first = fs::read_to_string(&path).unwrap();
    let first: serde_json::Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    let keys: Vec<_> = first.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "epoch",
        "step",
        "lr",
        "loss",
        "loss_parts",
        "train_accuracy",
        "images_per_second",
        "seconds",
        "waited",
        "val",
        "note",
    ];
    expected.sort_unstable();
    assert_eq!(keys, expected);
}

#[test]
fn a_log_cut_anywhere_is_read_and_continued() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let records = written(&path, 3);
    let whole = fs::read(&path).unwrap();
    let ends: Vec<_> = (0..whole.len()).filter(|&at| whole[at] == b'\n').collect();
    for length in 0..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let lines = ends.iter().filter(|&&end| end < length).count();
        assert_eq!(MetricsLog::read(&path).unwrap().len(), lines, "cut at {length}");
        let mut log = MetricsLog::open(&path, lines).unwrap();
        for record in &records[lines..] {
            log.append(record).unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), whole, "cut at {length}");
    }
}

#[test]
fn opening_cuts_off_the_epochs_that_are_trained_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let records = written(&path, 6);
    let mut log = MetricsLog::open(&path, 2).unwrap();
    log.append(&records[2]).unwrap();
    let epochs: Vec<_> =
        MetricsLog::read(&path).unwrap().iter().map(|record| record.epoch).collect();
    assert_eq!(epochs, [0, 1, 2]);
    MetricsLog::open(&path, 0).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"");
}

#[test]
fn a_tail_of_zeros_is_cut_off_but_damage_amid_the_log_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    written(&path, 3);
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{whole}\0\0\0\n")).unwrap();
    assert_eq!(MetricsLog::read(&path).unwrap().len(), 3);

    fs::write(&path, whole.replacen("\"epoch\":1", "\"epoch\":x", 1)).unwrap();
    for error in [MetricsLog::read(&path).unwrap_err(), MetricsLog::open(&path, 3).unwrap_err()] {
        assert!(matches!(error, ReportError::MetricsLine { line: 2, .. }), "{error}");
        assert!(error.to_string().contains("metrics.jsonl, line 2"), "{error}");
    }
}

#[test]
fn records_that_would_not_be_read_back_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let mut record = written(&path, 1).remove(0);
    let before = fs::read(&path).unwrap();
    record.epoch = 1;
    record.loss_parts.add("contrastive", f64::NAN);
    let error = MetricsLog::open(&path, 1).unwrap().append(&record).unwrap_err().to_string();
    assert!(error.starts_with("epoch 1: contrastive is NaN"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gone").join("metrics.jsonl");
    for error in [MetricsLog::open(&path, 0).unwrap_err(), MetricsLog::read(&path).unwrap_err()] {
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    assert!(MetricsLog::open(folder.path().join("new.jsonl"), 7).is_ok());
}
