//! The Python version: pickles of Python 2 and 3, of NumPy 1 and 2, of every protocol; and bad ones.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use longtail::data::{Cifar, Integrity};
use proptest::prelude::*;
use tempfile::{TempDir, tempdir};

use super::support::{Files, PIXELS, batch, message, pickled, records, ten, write_folder};

/// What `pickles/make.py` wrote with real Pythons.
fn pickles(which: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pickles");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(which) && name.ends_with(".tar.gz")
    };
    let mut paths: Vec<_> = paths.filter(is_wanted).collect();
    paths.sort();
    assert_eq!(paths.len(), 10, "Python 2, protocols 2 to 5 under two NumPys, bytes by columns");
    paths
}

/// The same images in the binary version, by the formulas of `pickles/make.py`.
fn formula(which: &str) -> (TempDir, Files) {
    let image = |k: usize| (0..PIXELS).map(move |p| (37 * k + 5 * p + 11 * (p / 1024)) as u8);
    let ten = |k: usize| [(3 * k + 1) as u8 % 10].into_iter().chain(image(k)).collect::<Vec<_>>();
    let hundred = |k: usize| {
        let fine = ((7 * k + 3) % 100) as u8;
        [fine / 5, fine].into_iter().chain(image(k)).collect::<Vec<_>>()
    };
    let files: Files = match which {
        "ten" => (1..=5)
            .map(|i| (format!("data_batch_{i}.bin"), [ten(2 * i - 2), ten(2 * i - 1)].concat()))
            .chain([("test_batch.bin".into(), [ten(10), ten(11)].concat())])
            .collect(),
        _ => vec![
            ("train.bin".into(), (0..10).flat_map(hundred).collect()),
            ("test.bin".into(), (10..14).flat_map(hundred).collect()),
            (
                "fine_label_names.txt".into(),
                (0..100).flat_map(|i| format!("fine{i}\n").into_bytes()).collect(),
            ),
        ],
    };
    let dir = tempdir().unwrap();
    write_folder(dir.path(), &files);
    (dir, files)
}

#[test]
fn pickles_of_every_python_hold_the_images_of_the_binary_version() {
    for (which, cifar) in [("ten", Cifar::Ten), ("hundred", Cifar::Hundred)] {
        let (dir, _) = formula(which);
        let binary = cifar.load(dir.path(), Integrity::Any).unwrap();
        for path in pickles(which) {
            let python = cifar.load(&path, Integrity::Any).unwrap();
            assert_eq!(python.pool, binary.pool, "{}", path.display());
            assert_eq!(python.test, binary.test, "{}", path.display());
            assert_eq!(python.class_names, binary.class_names, "{}", path.display());
        }
    }
}

/// The files of an archive of `pickles/make.py`.
fn unpacked(path: &Path) -> Files {
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(path).unwrap()));
    let file = |entry: std::io::Result<tar::Entry<_>>| {
        let (mut entry, mut bytes) = (entry.unwrap(), Vec::new());
        Read::read_to_end(&mut entry, &mut bytes).unwrap();
        let name = entry.path().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        (name, bytes)
    };
    archive.entries().unwrap().map(file).collect()
}

/// CIFAR-10 in the Python version with one file changed.
fn with(name: &str, bytes: &[u8]) -> TempDir {
    let dir = tempdir().unwrap();
    let mut files = pickled(&ten());
    files.retain(|(file, _)| file != name);
    files.push((name.into(), bytes.to_vec()));
    write_folder(dir.path(), &files);
    dir
}

#[test]
fn a_pickle_that_asks_for_more_is_refused_by_name() {
    let attack = b"\x80\x02cos\nsystem\nU\x0ftouch /tmp/owned\x85R.";
    let text = message(Cifar::Ten, with("data_batch_2", attack).path());
    assert!(text.contains("data_batch_2") && text.contains("os.system: refused"), "{text}");
}

#[test]
fn files_that_are_no_batches_are_named() {
    let whole = batch(&records(20, 1, 10));
    let changed = |from: &[u8], to: &[u8]| {
        let place = whole.windows(from.len()).position(|window| window == from).unwrap();
        [&whole[..place], to, &whole[place + from.len()..]].concat()
    };
    for (bytes, says) in [
        (whole[..whole.len() - 1].to_vec(), "test_batch cannot be read: the pickle ends too early"),
        (b"\x80\x04N.".to_vec(), "test_batch has no \"labels\" with whole numbers"),
        (changed(b"labels", b"labelz"), "test_batch has no \"labels\" with whole numbers"),
        (changed(b"K\x03K\x04", b"K\x03N"), "test_batch has no \"labels\" with whole numbers"),
        (
            changed(b"\x04data", b"\x04date"),
            "test_batch has no \"data\" with a NumPy array of bytes",
        ),
        (changed(b"K\x03K\x04", b"K\x03K\x0a"), "record 4 of test_batch has label 10"),
        (changed(b"K\x03K\x04", b"K\x03M\x00\x01"), "record 4 of test_batch has label 256"),
        (changed(b"K\x03K\x04", b"K\x03J\xff\xff\xff\xff"), "record 4 of test_batch has label -1"),
        (changed(b"K\x03K\x04", b"K\x03"), "test_batch has 20 images and 19 labels"),
        (
            changed(b"J\x14\x00\x00\x00M\x00\x0c\x86", b"J\x28\x00\x00\x00M\x00\x06\x86"),
            "shape [40, 1536] instead of [n, 3072]",
        ),
        (batch(&[]), "test_batch has 0 images"),
        (b"these are words".to_vec(), "no pickle of protocol 2, 3, 4 or 5"),
    ] {
        let text = message(Cifar::Ten, with("test_batch", &bytes).path());
        assert!(text.contains(says) && text.contains("download it again"), "{says}: {text}");
    }
}

#[test]
fn class_names_have_to_be_those_of_the_binary_version() {
    let names = |names: &[&str]| {
        let names: Vec<u8> = names
            .iter()
            .flat_map(|name| [&[b'U', name.len() as u8], name.as_bytes()].concat())
            .collect();
        [b"\x80\x02}U\x0blabel_names](", &names[..], b"es."].concat()
    };
    let right =
        ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
    let source = Cifar::Ten.load(with("batches.meta", &names(&right)).path(), Integrity::Any);
    assert_eq!(source.unwrap().class_names, right);
    let mut swapped = right;
    swapped.swap(3, 5);
    for (bytes, says) in [
        (names(&swapped), "batches.meta names other classes than airplane"),
        (names(&right[..9]), "batches.meta has 9 names instead of 10"),
        (b"\x80\x02}.".to_vec(), "batches.meta has no \"label_names\" with strings"),
    ] {
        let text = message(Cifar::Ten, with("batches.meta", &bytes).path());
        assert!(text.contains(says), "{says}: {text}");
    }
}

#[test]
fn the_official_content_is_asked_for() {
    let dir = with("test_batch", &batch(&records(10, 1, 10)));
    let text = Cifar::Ten.load(dir.path(), Integrity::Official).unwrap_err().to_string();
    assert!(text.contains("deviate") && text.contains("--any-content"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Changes where a pickle says what it is, which is before and behind its images.
    #[test]
    fn changed_pickles_are_read_or_refused(
        path in prop::sample::select([pickles("ten"), pickles("hundred")].concat()),
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((0..600_usize, any::<u8>()), 1..4),
        end in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut files = unpacked(&path);
        let which = which.index(files.len());
        let (_, bytes) = &mut files[which];
        for (place, byte) in changes {
            let place = if place < 300 { place } else { bytes.len().saturating_sub(place - 300) };
            if let Some(old) = bytes.get_mut(place) {
                *old = byte;
            }
        }
        if let Some(end) = end {
            bytes.truncate(end.index(bytes.len()));
        }
        let dir = tempdir().unwrap();
        write_folder(dir.path(), &files);
        let cifar = if files.len() == 7 { Cifar::Ten } else { Cifar::Hundred };
        match cifar.load(dir.path(), Integrity::Any) {
            Ok(source) => prop_assert!(source.test.is_some_and(|test| !test.is_empty())),
            Err(error) => prop_assert!(error.to_string().contains(dir.path().to_str().unwrap())),
        }
    }
}
