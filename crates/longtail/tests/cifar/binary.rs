//! The binary version: layouts and damage.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use longtail::data::{Cifar, Integrity};
use tempfile::{TempDir, tempdir};

use super::support::{Files, PIXELS, archive, hundred, ten, write_folder};

fn archive_ten(files: &Files) -> (TempDir, PathBuf) {
    let dir = tempdir().unwrap();
    let path = archive(dir.path(), "cifar-10-batches-bin", "cifar-10-binary.tar.gz", files);
    (dir, path)
}

fn message(path: &Path, integrity: Integrity) -> String {
    Cifar::Ten.load(path, integrity).unwrap_err().to_string()
}

#[test]
fn both_layouts_are_read_from_archive_folder_and_parent() {
    for (cifar, folder, name, files, train, classes) in [
        (Cifar::Ten, "cifar-10-batches-bin", "cifar-10-binary.tar.gz", ten(), 100, 10),
        (Cifar::Hundred, "cifar-100-binary", "cifar-100-binary.tar.gz", hundred(), 200, 100),
    ] {
        let dir = tempdir().unwrap();
        let path = archive(dir.path(), folder, name, &files);
        let packed = cifar.load(&path, Integrity::Any).unwrap();
        assert_eq!(packed.pool.len(), train);
        assert_eq!(packed.class_names.len(), classes);
        assert_eq!(packed.pool.labels()[13], 13 % classes as u32);
        assert_eq!(packed.pool.image(13)[..6], [13, 100, 200, 13, 100, 200]);
        assert_eq!(cifar.load(dir.path(), Integrity::Any).unwrap().pool, packed.pool);

        let extracted = tempdir().unwrap();
        write_folder(&extracted.path().join(folder), &files);
        for place in [extracted.path().to_owned(), extracted.path().join(folder)] {
            let loaded = cifar.load(&place, Integrity::Any).unwrap();
            assert_eq!((loaded.pool, loaded.test), (packed.pool.clone(), packed.test.clone()));
        }
    }
}

#[test]
fn the_fine_label_counts_on_cifar_100() {
    let dir = tempdir().unwrap();
    let path = archive(dir.path(), "cifar-100-binary", "cifar-100-binary.tar.gz", &hundred());
    let source = Cifar::Hundred.load(&path, Integrity::Official).unwrap();
    assert_eq!(source.pool.labels()[57], 57, "the coarse label would be 17");
    assert_eq!(source.class_names[99], "fine99");
    assert!(Cifar::Hundred.note(Integrity::Official).unwrap().contains("only its layout"));
}

#[test]
fn content_that_deviates_is_refused_unless_asked_for() {
    let (_dir, path) = archive_ten(&ten());
    let text = message(&path, Integrity::Official);
    assert!(text.contains("deviate") && text.contains("--any-content"), "{text}");
    assert!(Cifar::Ten.load(&path, Integrity::Any).is_ok());
}

#[test]
fn truncated_and_corrupt_archives_are_named() {
    let (dir, path) = archive_ten(&ten());
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle..middle + 8].iter_mut().for_each(|byte| *byte ^= 0xff);
    let damaged: [&[u8]; 4] = [&whole[..whole.len() / 2], &flipped, b"no archive at all", b""];
    for bytes in damaged {
        fs::File::create(&path).unwrap().write_all(bytes).unwrap();
        let text = message(&path, Integrity::Any);
        assert!(text.contains("cifar-10-binary.tar.gz"), "{text}");
        assert!(text.contains("download"), "{text}");
    }
    drop(dir);
}

#[test]
fn missing_files_are_named() {
    let dir = tempdir().unwrap();
    let text = message(&dir.path().join("nothing"), Integrity::Any);
    assert!(text.contains("nothing") && text.contains("data fetch"), "{text}");

    let mut files = ten();
    files.remove(2);
    let (_dir, path) = archive_ten(&files);
    let text = message(&path, Integrity::Any);
    assert!(text.contains("lacks data_batch_3.bin"), "{text}");
}

#[test]
fn records_of_wrong_size_or_label_are_named() {
    let mut files = ten();
    files[1].1.pop();
    let (_dir, path) = archive_ten(&files);
    let text = message(&path, Integrity::Official);
    assert!(text.contains("data_batch_2.bin has 61459 bytes"), "{text}");

    let mut files = ten();
    files[5].1[7 * (PIXELS + 1)] = 10;
    let (_dir, path) = archive_ten(&files);
    let text = message(&path, Integrity::Any);
    assert!(text.contains("record 7 of test_batch.bin has label 10"), "{text}");
}
