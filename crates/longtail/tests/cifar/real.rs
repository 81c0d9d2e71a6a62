//! The real CIFAR-10, where it is at hand: in every version the official images in the official order.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use flate2::read::GzDecoder;
use longtail::data::{Cifar, Holdout, Integrity, Listing, Source, Split, SplitRequest};
use tempfile::{TempDir, tempdir};

use super::support::{Files, pickled, write_folder};

/// The archive; without it a test is skipped and says so.
fn real() -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/cifar-10-binary.tar.gz");
    if !path.is_file() {
        eprintln!("skipped: there is no CIFAR-10 archive at {}", path.display());
        return None;
    }
    Some(path)
}

/// The folder that the archive holds.
fn extracted(archive: &Path) -> (TempDir, PathBuf) {
    let dir = tempdir().unwrap();
    tar::Archive::new(GzDecoder::new(File::open(archive).unwrap())).unpack(dir.path()).unwrap();
    let folder = dir.path().join("cifar-10-batches-bin");
    (dir, folder)
}

/// Images, their order and every split are the same.
fn assert_same(one: &Source, other: &Source) {
    assert_eq!(one.class_names, other.class_names);
    assert!(one.pool == other.pool, "50,000 training images in their order");
    assert!(one.test == other.test, "10,000 test images in their order");
    for (imbalance, seed) in [(Some(100.0), 0), (Some(10.0), 7), (None, 0)] {
        let request = SplitRequest { imbalance, seed, holdout: Holdout::Auto };
        let hash = |source| Split::make(&Listing::of(source), &request).unwrap().0.hash;
        assert_eq!(hash(one), hash(other));
    }
}

#[test]
fn the_real_archive_is_the_official_content() {
    let Some(path) = real() else { return };
    let source = Cifar::Ten.load(&path, Integrity::Official).unwrap();
    assert_eq!((source.pool.len(), source.test.unwrap().len()), (50_000, 10_000));
    // The first training image is a frog.
    assert_eq!(source.class_names[source.pool.labels()[0] as usize], "frog");
}

#[test]
fn python_2s_pickles_of_the_real_images_are_the_official_content() {
    let Some(archive) = real() else { return };
    let (_kept, folder) = extracted(&archive);
    let names = (1..=5).map(|i| format!("data_batch_{i}.bin")).chain(["test_batch.bin".into()]);
    let binary: Files = names.map(|n| (n.clone(), fs::read(folder.join(n)).unwrap())).collect();
    let mut python = pickled(&binary);
    let dir = tempdir().unwrap();
    write_folder(dir.path(), &python);
    let read = Cifar::Ten.load(dir.path(), Integrity::Official).unwrap();
    assert_same(&read, &Cifar::Ten.load(&archive, Integrity::Official).unwrap());

    let (name, bytes) = &mut python[4];
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(dir.path().join(name), bytes).unwrap();
    let text = Cifar::Ten.load(dir.path(), Integrity::Official).unwrap_err().to_string();
    assert!(text.contains("deviate"), "one bit of one image: {text}");
}

#[test]
fn numpys_pickles_of_the_real_images_are_the_official_content() {
    let Some(archive) = real() else { return };
    let (_kept, folder) = extracted(&archive);
    let dir = tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pickles/convert.py");
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    match Command::new(python).arg(script).args([&folder, dir.path()]).status() {
        Ok(status) if status.success() => {}
        Ok(status) if status.code() != Some(3) => panic!("convert.py: {status}"),
        _ => return eprintln!("skipped: there is no python3 with NumPy"),
    }
    let read = Cifar::Ten.load(dir.path(), Integrity::Official).unwrap();
    assert_same(&read, &Cifar::Ten.load(&archive, Integrity::Official).unwrap());
}
