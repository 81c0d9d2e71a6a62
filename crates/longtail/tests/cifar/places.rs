//! Where a CIFAR is found: by what is there, whatever it is called.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use longtail::data::{Cifar, CifarName, Integrity};
use tempfile::tempdir;

use super::support::{Files, archive, hundred, message, pickled, tar, ten, write_folder};

/// CIFAR-10 whose first image is red to this degree.
fn marked(red: u8) -> Files {
    let mut files = ten();
    files[0].1[1] = red;
    files
}

fn mark(path: &Path) -> u8 {
    Cifar::Ten.load(path, Integrity::Any).unwrap().pool.image(0)[0]
}

#[test]
fn any_name_will_do() {
    for (red, files) in [(1, marked(1)), (2, pickled(&marked(2)))] {
        let dir = tempdir().unwrap();
        let folder = dir.path().join("holder").join("images");
        write_folder(&folder, &files);
        assert_eq!(mark(&folder), red);
        assert_eq!(mark(&dir.path().join("holder")), red);

        let dir = tempdir().unwrap();
        let path = archive(dir.path(), "some/where", "download(1)", &files);
        assert_eq!(mark(&path), red);
        assert_eq!(mark(dir.path()), red);

        let dir = tempdir().unwrap();
        fs::write(dir.path().join("plain.bin"), tar(&[(".", &files)])).unwrap();
        assert_eq!(mark(&dir.path().join("plain.bin")), red);
        assert_eq!(mark(dir.path()), red);
    }
}

#[test]
fn of_several_the_binary_version_comes_first_then_the_folder_then_the_name() {
    let dir = tempdir().unwrap();
    let add = |name: &str, red: u8, python: bool, packed: bool| {
        let files = if python { pickled(&marked(red)) } else { marked(red) };
        match packed {
            true => drop(archive(dir.path(), "folder", name, &files)),
            false => write_folder(&dir.path().join(name), &files),
        }
        mark(dir.path())
    };
    assert_eq!(add("m.tar.gz", 1, true, true), 1);
    assert_eq!(add("a.tar.gz", 2, true, true), 2);
    assert_eq!(add("z", 3, true, false), 3);
    assert_eq!(add("b", 4, true, false), 4);
    assert_eq!(add("c.tar.gz", 5, false, true), 5);
    assert_eq!(add("y", 6, false, false), 6);
    assert_eq!(add("x", 7, false, false), 7);
    write_folder(dir.path(), &marked(8));
    assert_eq!(mark(dir.path()), 8);

    // One archive of both.
    let both = dir.path().join("both");
    fs::write(&both, tar(&[("a", &pickled(&marked(9))), ("b", &marked(10))])).unwrap();
    assert_eq!(mark(&both), 10);
}

#[test]
fn what_cannot_be_used_gives_way_to_what_can() {
    let dir = tempdir().unwrap();
    let cut = archive(dir.path(), "folder", "cifar-10-binary.tar.gz", &marked(1));
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let text = message(Cifar::Ten, dir.path());
    assert!(text.contains("cifar-10-binary.tar.gz") && text.contains("cut off"), "{text}");

    let mut lacking = marked(2);
    lacking.remove(3);
    write_folder(&dir.path().join("incomplete"), &lacking);
    write_folder(&dir.path().join("python"), &pickled(&marked(3)));
    assert_eq!(mark(dir.path()), 3);
    let text = message(Cifar::Ten, &dir.path().join("incomplete"));
    assert!(text.contains("lacks data_batch_4.bin"), "{text}");
}

#[test]
fn what_is_understood_is_said_where_there_is_none() {
    let dir = tempdir().unwrap();
    // Class folders, and files that only have the names.
    fs::create_dir_all(dir.path().join("train")).unwrap();
    fs::create_dir_all(dir.path().join("other")).unwrap();
    for (name, content) in [("test", "words"), ("other/train", "words"), ("other/train.bin", "")] {
        fs::write(dir.path().join(name), content).unwrap();
    }
    fs::write(dir.path().join("photos.tar.gz"), "no archive").unwrap();
    for (cifar, version) in [(Cifar::Ten, "cifar-10"), (Cifar::Hundred, "cifar-100")] {
        let text = message(cifar, dir.path());
        for layout in ["binary.tar.gz", "python.tar.gz"] {
            assert!(text.contains(&format!("{version}-{layout}")), "{text}");
        }
        assert!(text.contains("data fetch") && text.contains("--data-dir"), "{text}");
    }
    let text = message(Cifar::Ten, dir.path());
    assert!(
        text.contains("cifar-10-batches-bin") && text.contains("cifar-10-batches-py"),
        "{text}"
    );
}

#[test]
fn the_other_cifar_is_named() {
    let dir = tempdir().unwrap();
    write_folder(&dir.path().join("folder"), &hundred());
    let packed = archive(dir.path(), "folder", "packed", &ten());
    for path in [dir.path().join("folder"), dir.path().join("folder/..")] {
        assert!(Cifar::Hundred.load(&path, Integrity::Any).is_ok());
    }
    let text = message(Cifar::Ten, &dir.path().join("folder"));
    assert!(text.contains("it holds CIFAR-100: choose --data cifar100-lt"), "{text}");
    let text = message(Cifar::Hundred, &packed);
    assert!(text.contains("it holds CIFAR-10: choose --data cifar10-lt"), "{text}");
}

#[test]
fn files_larger_than_any_cifar_are_not_read() {
    let dir = tempdir().unwrap();
    write_folder(dir.path(), &marked(1));
    File::create(dir.path().join("data_batch_3.bin")).unwrap().set_len(5 << 30).unwrap();
    let text = message(Cifar::Ten, dir.path());
    assert!(text.contains("data_batch_3.bin") && text.contains("more than 200 MB"), "{text}");

    let mut header = tar::Header::new_gnu();
    header.set_path("folder/data_batch_1.bin").unwrap();
    header.set_size(5 << 30);
    header.set_cksum();
    let path = dir.path().join("huge.tar");
    fs::write(&path, [&header.as_bytes()[..], &[0; 1024]].concat()).unwrap();
    let text = message(Cifar::Ten, &path);
    assert!(text.contains("huge.tar") && text.contains("more than 200 MB"), "{text}");
    assert!(!text.contains("damaged"), "{text}");
}

#[test]
fn unpacking_stops_at_the_size_that_cifar_has() {
    let dir = tempdir().unwrap();
    let sizes = [("folder/data_batch_1.bin", tar::EntryType::Regular, 150_000_000_usize)];
    let long_name = [("././@LongLink", tar::EntryType::GNULongName, 300_000_000)];
    let twice = [sizes[0], ("other/data_batch_1.bin", tar::EntryType::Regular, 150_000_000)];
    for (name, entries) in [("name", &long_name[..]), ("twice", &twice)] {
        let path = dir.path().join(name);
        let file = File::create(&path).unwrap();
        let mut zip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        for (name, kind, size) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_path(name).unwrap();
            header.set_entry_type(*kind);
            header.set_size(*size as u64);
            header.set_cksum();
            zip.write_all(header.as_bytes()).unwrap();
            zip.write_all(&vec![0; size.next_multiple_of(512)]).unwrap();
        }
        zip.finish().unwrap();
        let text = message(Cifar::Ten, &path);
        assert!(text.contains(name) && text.contains("more than 200 MB"), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_opened() {
    use std::os::unix::net::UnixListener;
    let dir = tempdir().unwrap();
    write_folder(dir.path(), &marked(1));
    fs::remove_file(dir.path().join("data_batch_4.bin")).unwrap();
    let _listener = UnixListener::bind(dir.path().join("data_batch_4.bin")).unwrap();
    let text = message(Cifar::Ten, dir.path());
    assert!(text.contains("data_batch_4.bin") && text.contains("a socket"), "{text}");
    let text = message(Cifar::Ten, &dir.path().join("data_batch_4.bin"));
    assert!(text.contains("a socket"), "{text}");
}

#[test]
fn the_checksum_of_an_archive_counts() {
    let dir = tempdir().unwrap();
    let path = archive(dir.path(), "cifar-100-binary", "cifar-100-binary.tar.gz", &hundred());
    let mut bytes = fs::read(&path).unwrap();
    let checksum = bytes.len() - 8;
    bytes[checksum] ^= 1;
    fs::write(&path, bytes).unwrap();
    let text = message(Cifar::Hundred, &path);
    assert!(text.contains("cut off or damaged"), "{text}");
}

#[test]
fn names_stand_for_a_cifar() {
    let of =
        |name| Cifar::of_name(name).map(|CifarName { cifar, long_tailed }| (cifar, long_tailed));
    assert_eq!(of("cifar10"), Some((Cifar::Ten, false)));
    assert_eq!(of("cifar10-lt"), Some((Cifar::Ten, true)));
    assert_eq!(of("cifar100"), Some((Cifar::Hundred, false)));
    assert_eq!(of("cifar100-lt"), Some((Cifar::Hundred, true)));
    assert_eq!(of("CIFAR10-LT").or(of("cifar")).or(of("")), None);
}
