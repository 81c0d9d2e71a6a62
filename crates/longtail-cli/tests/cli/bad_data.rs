//! Data that cannot be used: exit code 1, one sentence, nothing written.

use std::fs;

use super::program::{Place, SMALL};

fn refused(place: &Place, options: &str, says: &[&str]) {
    let text = place.fail(1, &format!("train {options} --quiet --out run"));
    says.iter().for_each(|part| assert!(text.contains(part), "{options}: {text}"));
    assert_eq!(text.trim_end().lines().count(), 1, "one sentence: {text}");
    assert!(!place.exists("run"), "{options}: nothing is written");
}

#[test]
fn data_that_is_not_there() {
    let place = Place::new();
    refused(&place, "--data nowhere", &["nowhere", "does not exist"]);
    refused(&place, "--data cifar10-lt", &["CIFAR-10", "data fetch", "--data-dir"]);
    place.write("archive.tar.gz", "no archive");
    let options = "--data cifar100-lt --data-dir archive.tar.gz";
    refused(&place, options, &["archive.tar.gz", "CIFAR-100", "download it again"]);
}

#[test]
fn folders_with_faults() {
    let place = Place::with_photos();
    place.write("photos/red/text.jpg", "these are words");
    refused(&place, SMALL, &["text.jpg", "its content is no JPEG"]);
    fs::remove_file(place.path("photos/red/text.jpg")).unwrap();
    place.write("photos/red/zero.png", "");
    refused(&place, SMALL, &["zero.png", "the file is empty"]);
    fs::remove_file(place.path("photos/red/zero.png")).unwrap();
    fs::create_dir(place.path("photos/empty")).unwrap();
    refused(&place, SMALL, &["class \"empty\" has no image"]);
}

/// With these images on disk, what breaks behind its header is met when its turn comes.
#[test]
fn an_image_that_breaks_while_a_run_goes_on_has_a_mend_that_holds_then() {
    let place = Place::with_photos();
    let train = format!("train {SMALL} --method la --epochs 4 --storage disk");
    place.succeed(&format!("{train} --max-steps 1 --out run"));
    // At least half of these are trained on.
    let images: Vec<_> = (0..8).map(|i| place.path(&format!("photos/red/{i:02}.png"))).collect();
    let whole: Vec<_> = images.iter().map(|path| fs::read(path).unwrap()).collect();
    for (path, whole) in images.iter().zip(&whole) {
        let mut broken = whole.clone();
        broken[45..].fill(0);
        fs::write(path, broken).unwrap();
    }
    let said = place.fail(1, "train --resume --out run --quiet");
    let mend = "--skip-broken (a run that has begun goes on once they are mended";
    assert!(said.contains("photos/red/0") && said.contains(mend), "{said}");
    let said = place.fail(1, "train --resume --out run --skip-broken --quiet");
    assert!(said.contains("started with other settings"), "{said}");
    place.succeed(&format!("{train} --skip-broken --out new"));
    for (path, whole) in images.iter().zip(&whole) {
        fs::write(path, whole).unwrap();
    }
    place.succeed("train --resume --out run --quiet");
}

#[test]
fn lists_with_faults() {
    let place = Place::with_photos();
    place.write("train.txt", "photos/red/00.png 0\nphotos/red/99.png 0\nphotos/blue/00.png 1\n");
    refused(&place, "--data train.txt", &["train.txt line 2", "99.png does not exist"]);
    place.write("train.txt", "photos/red/00.png 0\nphotos/blue/00.png 1\n");
    place.write("test.txt", "photos/blue/01.png 5\n");
    let options = "--data train.txt --test-list test.txt";
    refused(&place, options, &["test.txt line 1", "label \"5\" is out of range"]);
}

#[test]
fn sets_that_do_not_fit_the_settings() {
    let place = Place::with_photos();
    let small = SMALL.replace("--quiet", "");
    refused(&place, &format!("{small} --batch-size 1000"), &["batch size 1000", "--batch-size 1"]);
    refused(&place, &format!("{small} --imbalance 1e9"), &["imbalance", "class"]);
    refused(&place, &format!("{small} --split-seed 4294967296"), &["split seed 4294967296"]);
}

#[test]
fn output_folders_that_cannot_be_used() {
    let place = Place::with_photos();
    fs::create_dir(place.path("taken")).unwrap();
    place.write("taken/thesis.txt", "mine");
    let text = place.fail(1, &format!("train {SMALL} --out taken"));
    assert!(text.contains("taken exists already") && text.contains("--resume"), "{text}");
    assert_eq!(fs::read_dir(place.path("taken")).unwrap().count(), 1);

    place.write("file", "");
    let text = place.fail(1, &format!("train {SMALL} --out file/run"));
    assert!(text.contains("file/run") && text.contains("another --out"), "{text}");
}

#[test]
fn splits_of_other_data_are_refused() {
    let place = Place::with_photos();
    place.succeed("data split --data photos --image-size 16 --out split.json");
    fs::remove_file(place.path("photos/red/03.png")).unwrap();
    refused(&place, &format!("{SMALL} --split split.json"), &["made of other data"]);
    place.write("split.json", "{}");
    refused(&place, &format!("{SMALL} --split split.json"), &["split.json cannot be used"]);
}
