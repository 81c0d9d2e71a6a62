use std::{collections::BTreeMap, time::Duration};

use super::{event::masked_crc, *};
use crate::{
    data::ImageSet,
    eval::{EvalOptions, Evaluation, Outputs, Rows},
    report::{Best, LossParts, Outcome},
};

/// An epoch, the parts of whose loss change on the way, with figures of validation.
fn record(epoch: usize, loss: f64) -> EpochRecord {
    let mut parts = LossParts::default();
    parts.add("classifier", loss / 2.0);
    if epoch > 1 {
        parts.add("../late <b>", 1e-7);
        parts.add("../late [b]", -1e300);
    }
    let val = Evaluation::of(&[0, 1, 1], &[0, 0, 1], &[9, 3, 1], &EvalOptions::default());
    EpochRecord {
        epoch,
        step: 10 * (epoch as u64 + 1),
        lr: 0.1,
        loss,
        loss_parts: parts,
        train_accuracy: (epoch > 0).then_some(0.25),
        images_per_second: 99.5,
        seconds: 2.25,
        waited: 0.125,
        val: val.ok(),
        note: (epoch == 1).then(|| "=switched, \"here\"".to_owned()),
    }
}

fn records(epochs: usize) -> Vec<EpochRecord> {
    (0..epochs).map(|epoch| record(epoch, 1.0 / (epoch as f64 + 3.0))).collect()
}

fn run() -> LoggedRun {
    LoggedRun {
        name: "r\u{e9}d: \"1\"\u{202e}".into(),
        experiment: "my photos".into(),
        settings: vec![("loss.tau".into(), "1.3".into()), ("a/b".into(), "x\ny".into())],
        started: UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
        artifacts: Vec::new(),
    }
}

const ALL: [LogKind; 3] = [LogKind::TensorBoard, LogKind::Csv, LogKind::MlFlow];

fn logs(folder: &Path, records: &[EpochRecord]) -> Logs {
    Logs::new(folder, ALL.to_vec(), run(), records)
}

/// Three classes with hard names, of which the last has no image; features of one of three images are no numbers.
fn end() -> (Summary, ScoredImages) {
    let names = ["a\tb\nc", "\u{202e}<i>", "unseen"].map(String::from);
    let text = r#"{"last":{"test":null,"val":null},"best":null,"epochs":3,"steps":30,"seed":0,
        "split_hash":"","data":"x","method":"la","classes":[],"seconds":6.0,
        "images_per_second":1.0,"longtail_version":"0","compression":null}"#;
    let mut summary: Summary = serde_json::from_str(text).unwrap();
    let of = Evaluation::of(&[0, 1, 1], &[0, 2, 1], &[9, 3, 1], &EvalOptions::default()).unwrap();
    summary.last.test = Some(of.clone());
    summary.best = Some(Best { epoch: 1, outcome: Outcome { test: Some(of), val: None } });
    let outputs = Outputs {
        labels: vec![0, 1, 1],
        logits: Rows::new(vec![9.0, 0.0, 0.0, 0.0, 0.0, 9.0, 0.0, 9.0, 0.0], 3).unwrap(),
        features: Rows::new(vec![0.5, 1e-9, f32::NAN, 1.0, 2.0, 3.0], 2).unwrap(),
        projections: None,
    };
    let images = ImageSet::new(1, 1, vec![0; 9], vec![0, 1, 1], vec!["a\t1.png".into(); 3]);
    let scored = ScoredImages::new(&images, &[0, 1, 2], &names, outputs).unwrap();
    (summary, scored)
}

/// Every file below a folder with its bytes; the name of an event file without its number.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for path in entries(&at).into_iter().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            let mut name = path.strip_prefix(folder).unwrap().display().to_string();
            if let Some(at) = name.find("tfevents") {
                if bytes.is_empty() {
                    continue;
                }
                name.truncate(at);
            }
            assert!(all.insert(name, bytes).is_none(), "two event files");
        }
    }
    all
}

/// The fields of a message of protobuf: number, and the value as bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = bytes.split_off_first().unwrap();
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let value = match key & 7 {
            0 => varint(&mut bytes).to_le_bytes().to_vec(),
            1 => bytes.split_off(..8).unwrap().to_vec(),
            5 => bytes.split_off(..4).unwrap().to_vec(),
            _ => {
                let length = varint(&mut bytes) as usize;
                bytes.split_off(..length).unwrap().to_vec()
            }
        };
        fields.push((key >> 3, value));
    }
    fields
}

fn field(message: &[u8], number: u64) -> Option<Vec<u8>> {
    fields(message).into_iter().find_map(|(known, value)| (known == number).then_some(value))
}

/// The messages of an event file, whose checksums have to be right.
fn events(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let mut take = |count: usize| bytes.split_off(..count).unwrap();
        let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
        let length = take(8);
        assert_eq!(word(take(4)), masked_crc(length));
        let data = take(u64::from_le_bytes(length.try_into().unwrap()) as usize);
        assert_eq!(word(take(4)), masked_crc(data));
        events.push(data.to_vec());
    }
    events
}

/// Step, tag and figure of every scalar.
fn scalars(bytes: &[u8]) -> Vec<(u64, String, f32)> {
    let mut all = Vec::new();
    for event in events(bytes) {
        let step = field(&event, 2).map_or(0, |step| u64::from_le_bytes(step.try_into().unwrap()));
        let values = field(&event, 5).into_iter().flat_map(|summary| fields(&summary));
        for (_, value) in values {
            if let Some(figure) = field(&value, 2) {
                let tag = String::from_utf8(field(&value, 1).unwrap()).unwrap();
                all.push((step, tag, f32::from_le_bytes(figure.try_into().unwrap())));
            }
        }
    }
    all
}

#[test]
fn a_record_is_framed_as_tensorflow_does_it() {
    assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
    let folder = tempfile::tempdir().unwrap();
    logs(folder.path(), &[]).write(None).unwrap();
    let bytes = &contents(folder.path())["tensorboard/events.out."];
    // With which every event file begins that TensorFlow writes.
    assert_eq!(bytes[..12], [24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22]);
    let events = events(bytes);
    assert_eq!(field(&events[0], 3).unwrap(), b"brain.Event:2");
    let time = f64::from_le_bytes(field(&events[0], 1).unwrap().try_into().unwrap());
    assert_eq!(time, 1_700_000_000.123);
    assert_eq!(field(&field(&events[1], 7).unwrap(), 1).unwrap()[0], 1, "a session starts");
}

#[test]
fn scalars_are_those_of_the_records() {
    let folder = tempfile::tempdir().unwrap();
    let records = records(3);
    logs(folder.path(), &records).write(None).unwrap();
    let scalars = scalars(&contents(folder.path())["tensorboard/events.out."]);
    let of = |tag: &str| -> Vec<_> {
        let known = scalars.iter().filter(|(_, known, _)| known == tag);
        known.map(|(step, _, value)| (*step, *value)).collect()
    };
    let losses = records.iter().map(|record| (record.step, record.loss as f32));
    assert_eq!(of("train/loss"), losses.collect::<Vec<_>>());
    assert_eq!(of("train/epoch"), [(10, 0.0), (20, 1.0), (30, 2.0)]);
    assert_eq!(of("train/accuracy"), [(20, 0.25), (30, 0.25)]);
    assert_eq!(of("loss_parts/../late <b>"), [(30, 1e-7)]);
    assert_eq!(of("val/arithmetic_mean"), [(10, 0.75), (20, 0.75), (30, 0.75)]);
}

#[test]
fn a_part_that_comes_later_has_a_column_and_no_note_is_a_formula() {
    let folder = tempfile::tempdir().unwrap();
    logs(folder.path(), &records(3)).write(None).unwrap();
    let text = &contents(folder.path())["csv/metrics.csv"];
    let mut reader = csv::Reader::from_reader(&text[..]);
    let header = reader.headers().unwrap().clone();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let column = |name: &str| -> Vec<&str> {
        let at = header.iter().position(|known| known == name).unwrap();
        rows.iter().map(|row| &row[at]).collect()
    };
    assert_eq!(column("epoch"), ["0", "1", "2"]);
    assert_eq!(column("loss_parts/../late <b>"), ["", "", "1e-7"]);
    assert_eq!(column("train/accuracy"), ["", "0.25", "0.25"]);
    assert_eq!(column("note"), ["", "'=switched, \"here\"", ""]);
    let losses: Vec<f64> = column("train/loss").iter().map(|text| text.parse().unwrap()).collect();
    assert_eq!(losses, records(3).iter().map(|record| record.loss).collect::<Vec<_>>());
}

#[test]
fn a_store_of_mlflow_has_every_figure_under_a_name_that_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let (summary, scored) = end();
    let end = LoggedEnd { summary: &summary, scored: Some(&scored) };
    logs(folder.path(), &records(3)).write(Some(end)).unwrap();
    let files = contents(&folder.path().join("mlflow"));
    let named = |name: &str| {
        let (path, bytes) = files.iter().find(|(path, _)| path.ends_with(name)).unwrap();
        (path.clone(), String::from_utf8(bytes.clone()).unwrap())
    };
    let (path, losses) = named("metrics/train/loss");
    let parts: Vec<&str> = path.split('/').collect();
    let [experiment, id, ..] = parts[..] else { panic!("{path}") };
    assert!(experiment.len() == 18 && id.len() == 32, "{path}");
    let lines = losses.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let expected = [("1700000002373", 10), ("1700000004623", 20), ("1700000006873", 30)];
    assert_eq!(lines.clone().count(), expected.len());
    for ((line, (time, step)), record) in lines.zip(expected).zip(records(3)) {
        assert_eq!((line[0], line[2]), (time, step.to_string().as_str()));
        assert_eq!(line[1].parse::<f64>().unwrap(), record.loss);
    }
    let parts = ["metrics/loss_parts/.._late _b_", "metrics/loss_parts/.._late _b__"];
    assert_eq!(parts.map(|part| named(part).1.lines().count()), [1, 1]);
    assert_eq!(named("params/loss.tau").1, "1.3");
    assert_eq!(named("params/a/b").1, "x\u{fffd}y");
    assert!(named("metrics/last_test/top1").1.contains(" 0.666666666667 30"));
    let meta = named(&format!("{id}/meta.yaml")).1;
    assert!(meta.contains("run_name: \"r\u{e9}d: \\\"1\\\"\\U0000202e\"\n"), "{meta}");
    assert!(meta.contains("status: 3\n") && meta.contains("end_time: 1700000006873\n"), "{meta}");
    assert!(meta.contains(&format!("/mlflow/{experiment}/{id}/artifacts\"\n")), "{meta}");
    assert!(named(&format!("{experiment}/meta.yaml")).1.contains("name: \"my photos\"\n"));
}

#[test]
fn the_end_has_a_picture_and_the_projector_its_tables() {
    let folder = tempfile::tempdir().unwrap();
    let (summary, scored) = end();
    let end = LoggedEnd { summary: &summary, scored: Some(&scored) };
    logs(folder.path(), &records(3)).write(Some(end)).unwrap();
    let files = contents(folder.path());
    let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    assert_eq!(text("tensorboard/tensors.tsv"), "0.5\t1e-9\n2.0\t3.0\n");
    let rows = "label\tprediction\tindex\tpath\na\u{fffd}b\u{fffd}c\ta\u{fffd}b\u{fffd}c\t0\ta\u{fffd}1.png\n\
                \u{fffd}<i>\t\u{fffd}<i>\t2\ta\u{fffd}1.png\n";
    assert_eq!(text("tensorboard/metadata.tsv"), rows);
    assert!(text("tensorboard/projector_config.pbtxt").contains("tensors.tsv"));
    assert!(text("csv/final.csv").contains("\nbest_test/top1,0.666666666667\n"));
    let event = events(&files["tensorboard/events.out."]).pop().unwrap();
    let values = fields(&field(&event, 5).unwrap());
    let picture = field(&field(&values.last().unwrap().1, 4).unwrap(), 4).unwrap();
    let picture = image::load_from_memory(&picture).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (96, 96));
    // All of the first class are called so, half of the second are called the third, which has none.
    let at = |row: u32, column: u32| picture.get_pixel(32 * column + 9, 32 * row + 9).0;
    assert_eq!((at(0, 0), at(0, 1)), ([8, 48, 107], [255; 3]));
    assert_eq!((at(1, 1), at(1, 2)), (at(1, 2), [132, 152, 181]));
    assert_eq!((at(2, 0), at(2, 2)), ([236, 200, 200], [236, 200, 200]));
}

#[test]
fn after_a_kill_the_logs_are_those_of_an_unbroken_run() {
    let [unbroken, broken] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (summary, scored) = end();
    let end = LoggedEnd { summary: &summary, scored: Some(&scored) };
    logs(unbroken.path(), &records(3)).write(Some(end)).unwrap();
    // Come to another end, and then gone on with from the second epoch, which took other figures.
    let others = [record(0, 1.0 / 3.0), record(1, 5.0), record(2, 6.0), record(3, 7.0)];
    logs(broken.path(), &others).write(Some(end)).unwrap();
    fs::write(broken.path().join("csv/metrics.csv"), "epo").unwrap();
    logs(broken.path(), &records(1)).write(None).unwrap();
    let files = contents(broken.path());
    assert!(files.keys().all(|name| !name.contains("last_test") && !name.contains(".tsv")));
    assert!(!files.contains_key("csv/final.csv"));
    let mut logs = logs(broken.path(), &records(1));
    let event_files = || {
        let files = entries(&broken.path().join("tensorboard"));
        let names = files.iter().map(|file| file.file_name().into_string().unwrap());
        names.filter(|name| name.contains("tfevents")).collect::<Vec<_>>()
    };
    let before = event_files();
    // The second is read, and the one before is empty.
    assert_eq!(before, [1, 2].map(|number| format!("events.out.tfevents.{number:08}.longtail")));
    for record in &records(3)[1..] {
        logs.push(record);
        logs.write(None).unwrap();
    }
    assert_eq!(event_files(), before, "TensorBoard reads on in the same file");
    logs.write(Some(end)).unwrap();
    let strip = |files: BTreeMap<String, Vec<u8>>| -> BTreeMap<String, Vec<u8>> {
        // Where the folder is.
        files.into_iter().filter(|(name, _)| !name.ends_with("meta.yaml")).collect()
    };
    assert_eq!(strip(contents(broken.path())), strip(contents(unbroken.path())));
}

#[test]
fn what_is_torn_is_made_whole_and_what_is_the_same_stays() {
    let folder = tempfile::tempdir().unwrap();
    let logs = logs(folder.path(), &records(3));
    logs.write(None).unwrap();
    let whole = contents(folder.path());
    let event = entries(&folder.path().join("tensorboard"))[0].path();
    let bytes = fs::read(&event).unwrap();
    fs::write(&event, &bytes[..bytes.len() - 5]).unwrap();
    logs.write(None).unwrap();
    assert_eq!(contents(folder.path()), whole);
    assert_eq!(fs::read(&event).unwrap(), bytes, "the same file");
    assert_eq!(LogKind::found_in(folder.path()), ALL);
    assert_eq!(LogKind::found_in(&folder.path().join("csv")), []);
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    let [folder, outside] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    std::os::unix::fs::symlink(outside.path(), folder.path().join("csv")).unwrap();
    let logs = Logs::new(folder.path(), vec![LogKind::Csv], run(), &records(1));
    let error = logs.write(None).unwrap_err().to_string();
    assert!(error.contains("it is a link"), "{error}");
    assert!(entries(outside.path()).is_empty());
    fs::remove_file(folder.path().join("csv")).unwrap();
    logs.write(None).unwrap();
    let csv = folder.path().join("csv/metrics.csv");
    let bytes = fs::read(&csv).unwrap();
    fs::rename(&csv, outside.path().join("theirs")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("theirs"), &csv).unwrap();
    logs.write(None).unwrap();
    assert!(!csv.is_symlink() && fs::read(&csv).unwrap() == bytes);
}
