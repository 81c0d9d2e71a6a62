//! CIFAR archives: layouts, damage, and the real one where it is at hand.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use longtail::data::{Cifar, Integrity};
use tempfile::{TempDir, tempdir};

const PIXELS: usize = 3072;

/// `count` records with labels that go round; the red plane is the record's number.
fn records(count: usize, label_bytes: usize, classes: usize) -> Vec<u8> {
    let record = |i: usize| {
        let mut bytes = vec![(i % 20) as u8; label_bytes - 1];
        bytes.push((i % classes) as u8);
        bytes.extend([[i as u8; 1024], [100; 1024], [200; 1024]].concat());
        bytes
    };
    (0..count).flat_map(record).collect()
}

fn ten() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> =
        (1..=5).map(|i| (format!("data_batch_{i}.bin"), records(20, 1, 10))).collect();
    files.push(("test_batch.bin".into(), records(10, 1, 10)));
    files
}

fn hundred() -> Vec<(String, Vec<u8>)> {
    let names: String = (0..100).map(|i| format!("fine{i}\n")).collect();
    vec![
        ("train.bin".into(), records(200, 2, 100)),
        ("test.bin".into(), records(100, 2, 100)),
        ("fine_label_names.txt".into(), names.into_bytes()),
    ]
}

fn archive(dir: &Path, folder: &str, name: &str, files: &[(String, Vec<u8>)]) -> PathBuf {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (file, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("{folder}/{file}"), &bytes[..]).unwrap();
    }
    let path = dir.join(name);
    fs::write(&path, tar.into_inner().unwrap().finish().unwrap()).unwrap();
    path
}

fn archive_ten(files: &[(String, Vec<u8>)]) -> (TempDir, PathBuf) {
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
        fs::create_dir(extracted.path().join(folder)).unwrap();
        for (file, bytes) in &files {
            fs::write(extracted.path().join(folder).join(file), bytes).unwrap();
        }
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

#[test]
fn the_real_archive_is_the_official_content() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/cifar-10-binary.tar.gz");
    if !path.is_file() {
        eprintln!("skipped: there is no CIFAR-10 archive at {}", path.display());
        return;
    }
    let source = Cifar::Ten.load(&path, Integrity::Official).unwrap();
    assert_eq!((source.pool.len(), source.test.unwrap().len()), (50_000, 10_000));
    // The first training image is a frog.
    assert_eq!(source.class_names[source.pool.labels()[0] as usize], "frog");
}
