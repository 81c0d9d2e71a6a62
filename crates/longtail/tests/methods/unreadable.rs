//! Runs on images on disk that break while they train.

use std::{fs, path::Path};

use longtail::{
    data::Part,
    device,
    recipe::DataTyped,
    report::{LeftOut, Summary},
    run,
    train::Limits,
};
use tempfile::tempdir;

use super::small_run::{EPOCHS, Told, images, layer, start};

/// The file of the first image of a part.
fn first(data: &Path, part: Option<&Part>) -> std::path::PathBuf {
    let part = part.unwrap();
    data.join(&part.images.names()[part.indices[0] as usize])
}

#[test]
fn a_test_image_that_breaks_while_a_run_trains_is_left_out_of_its_figures_by_name() {
    let (data, place) = (tempdir().unwrap(), tempdir().unwrap());
    images(data.path());
    let (out, mut told) = (place.path().join("run"), Told::default());
    let mut trainer =
        start(&layer(data.path(), "la", "[data]\nstorage = \"disk\"\n"), &out, &mut told);
    let [test, val] = {
        let sets = trainer.sets();
        [sets.test.clone(), sets.val.clone()]
    };
    let count = test.as_ref().unwrap().indices.len();
    let path = first(data.path(), test.as_ref());
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    // One of validation goes as well, and is not missed in the epochs to come.
    let gone = first(data.path(), val.as_ref());
    let kept = fs::read(&gone).unwrap();
    fs::remove_file(&gone).unwrap();
    trainer.run(Limits::default(), &mut told).unwrap();
    assert_eq!(told.epochs, EPOCHS);
    assert!(told.notes.iter().any(|note| note.contains("1 validation image")), "{:?}", told.notes);
    let log = fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    assert!(log.lines().next().unwrap().contains("cannot be read: 1 validation image"), "{log}");
    let mut told = Told::default();
    let results = trainer.results().unwrap();
    trainer.write_results(&results, &mut told).unwrap();
    drop(trainer);
    let summary = Summary::load(out.join("summary.json")).unwrap();
    let Some(LeftOut { val: 1, test: 1, files }) = &summary.left_out else {
        panic!("{:?}", summary.left_out)
    };
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(files[0].contains(&name(&gone)) && files[1].contains(&name(&path)), "{files:?}");
    assert_eq!(summary.last.test.as_ref().unwrap().count, count - 1);
    assert!(told.notes.iter().any(|note| note.contains("1 test image")), "{:?}", told.notes);
    let report = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(report.contains("left out of the figures"));
    let predictions = fs::read_to_string(out.join("predictions.csv")).unwrap();
    assert_eq!(predictions.lines().count(), count, "a header, and no row of the broken one");
    // With the files as they were the figures are over all again.
    fs::write(&path, &whole).unwrap();
    fs::write(&gone, &kept).unwrap();
    run::evaluate(&out, DataTyped::default(), &device::cpu(), &mut told).unwrap();
    let summary = Summary::load(out.join("summary.json")).unwrap();
    assert_eq!((summary.left_out, summary.last.test.unwrap().count), (None, count));
}

#[test]
fn a_test_set_of_which_nothing_can_be_read_has_no_figures() {
    let (data, place) = (tempdir().unwrap(), tempdir().unwrap());
    images(data.path());
    let more = "[data]\nstorage = \"disk\"\n";
    let layers = layer(data.path(), "la", more);
    let mut told = Told::default();
    let mut trainer = start(&layers, &place.path().join("run"), &mut told);
    trainer.run(Limits { max_steps: Some(2) }, &mut told).unwrap();
    let test = trainer.sets().test.clone().unwrap();
    for index in test.indices {
        fs::remove_file(data.path().join(&test.images.names()[index as usize])).unwrap();
    }
    assert!(trainer.results().unwrap_err().to_string().contains(".ppm"));
}
