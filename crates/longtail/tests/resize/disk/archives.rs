//! Tar archives of images.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use longtail::{
    data::{Opened, Resize, Storage},
    recipe::Data,
};
use tempfile::tempdir;

use super::{batches, folder, load, said, section};

/// A tar archive of files by name.
fn archive(path: &Path, files: &[(String, Vec<u8>)]) {
    let mut archive = tar::Builder::new(File::create(path).unwrap());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    archive.finish().unwrap();
}

/// The files of a part of a folder, in its order, with their classes.
fn files(dir: &Path, part: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for class in ["0", "1"] {
        let folder = dir.join(part).join(class);
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        files.extend(names.into_iter().map(|path| (path, class.to_owned())));
    }
    files
}

#[test]
fn archives_are_the_folder_that_they_were_made_of() {
    let dir = folder();
    let shards = tempdir().unwrap();
    for part in ["train", "val", "test"] {
        let files = files(dir.path(), part);
        for (number, files) in files.chunks(5).enumerate() {
            let mut members = Vec::new();
            for (at, (path, class)) in files.iter().enumerate() {
                // A name longer than the field that plain archives have for it.
                let key = format!("{}/{number}{at}", "long".repeat(40));
                let ending = path.extension().unwrap().to_str().unwrap();
                members.push((format!("{key}.{ending}"), fs::read(path).unwrap()));
                let label = match at % 3 {
                    0 => (format!("{key}.cls"), class.clone()),
                    1 => (format!("{key}.cls"), format!("{class}\n")),
                    _ => (format!("{key}.json"), format!("{{\"width\": 3, \"label\": {class}}}")),
                };
                members.push((label.0, label.1.into_bytes()));
            }
            archive(&shards.path().join(format!("set-{part}-{number:03}.tar")), &members);
        }
    }
    // The same with classes as folders.
    let folders = tempdir().unwrap();
    for part in ["train", "val", "test"] {
        let named = |(path, class): &(PathBuf, String)| {
            let name = path.file_name().unwrap().to_str().unwrap();
            (format!("{class}/{name}"), fs::read(path).unwrap())
        };
        let members: Vec<_> = files(dir.path(), part).iter().map(named).collect();
        fs::create_dir(folders.path().join(part)).unwrap();
        archive(&folders.path().join(part).join("0.tar"), &members);
    }
    for storage in [Storage::Memory, Storage::Disk] {
        let of = |path: &Path| load(&section(path, Resize::Crop, storage));
        let (source, split) = of(dir.path());
        for made in [shards.path(), folders.path()] {
            let (other, of_other) = of(made);
            assert_eq!(of_other.train, split.train);
            if storage == Storage::Memory {
                assert_eq!(
                    (of_other.content, &other.pool.labels()),
                    (split.content.clone(), &source.pool.labels())
                );
            }
            let [own, others] = [source.pool.clone(), other.pool].map(Arc::new);
            assert_eq!(batches(&own), batches(&others));
            assert_eq!(other.test.unwrap().labels(), source.test.as_ref().unwrap().labels());
        }
    }
}

#[test]
fn archives_that_cannot_be_used_are_named_with_the_mend() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("photos.tar");
    let jpeg =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/jpeg/420.jpg")).unwrap();
    let file = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
    let of = |files: &[(String, Vec<u8>)]| {
        archive(&path, files);
        said(&section(&path, Resize::Crop, Storage::Disk))
    };
    for (files, says) in [
        (vec![], "it holds no image"),
        (vec![file("a.txt", b"words")], "it holds no image"),
        (vec![file("a.jpg", &jpeg)], "a.jpg has no label: put a.cls"),
        (vec![file("a.jpg", &jpeg), file("a.cls", b" ")], "a.cls is empty"),
        (vec![file("a.jpg", &jpeg), file("a.json", b"{")], "a.json is no JSON"),
        (vec![file("a.jpg", &jpeg), file("a.json", b"{}")], "a.jpg has no label"),
        (
            vec![file("a.jpg", &jpeg), file("a.seg.png", &jpeg), file("a.cls", b"1")],
            "a.jpg and a.seg.png are images of one sample",
        ),
        (
            vec![
                file("a.jpg", &jpeg),
                file("a.cls", b"0"),
                file("b.jpg", &jpeg),
                file("b.cls", b"2"),
            ],
            "no image has label 1",
        ),
    ] {
        let said = of(&files);
        assert!(said.contains("photos.tar") && said.contains(says), "{says}: {said}");
    }
    let whole = [file("0/a.jpg", &jpeg), file("1/b.jpg", &jpeg), file("1/c.jpg", &jpeg)];
    assert_eq!(of(&whole), "");
    let bytes = fs::read(&path).unwrap();
    let member = 512 + jpeg.len().next_multiple_of(512);
    for (cut, says) in [
        (700 + jpeg.len(), "cut off"),
        (600, "cut off"),
        (2 * member, "cut off"),
        (3 * member, "cut off"),
        (300, "no whole tar archive"),
    ] {
        fs::write(&path, &bytes[..cut]).unwrap();
        let said = said(&section(&path, Resize::Crop, Storage::Disk));
        assert!(said.contains(says) && said.contains("copy it again"), "{cut}: {said}");
    }
    fs::write(&path, b"\x1f\x8b\x08\0\0\0\0\0").unwrap();
    assert!(
        said(&section(&path, Resize::Crop, Storage::Disk)).contains("unpack it to a plain .tar")
    );
}

#[test]
fn labels_are_found_wherever_they_stand_in_an_archive() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("photos.tar");
    let jpeg =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/jpeg/420.jpg")).unwrap();
    let sample = |at: usize| {
        let label = (at * at % 3 % 2).to_string().into_bytes();
        [(format!("{at}.jpg"), jpeg.clone()), (format!("{at}.cls"), label)]
    };
    // Not in the order of their names.
    let pairs: Vec<_> = [7, 12, 3, 1, 10, 6].into_iter().flat_map(sample).collect();
    let (images, mut labels): (Vec<_>, Vec<_>) =
        pairs.iter().cloned().partition(|(name, _)| name.ends_with(".jpg"));
    labels.reverse();
    let apart = [images.clone(), labels.clone()].concat();
    let other_way_round = [labels, images].concat();
    let listing = |files: &[(String, Vec<u8>)]| {
        archive(&path, files);
        Opened::open(&section(&path, Resize::Crop, Storage::Disk)).unwrap().listing
    };
    let in_pairs = listing(&pairs);
    assert_eq!(in_pairs.pool.labels, [1, 0, 0, 1, 1, 0]);
    assert_eq!(listing(&apart), in_pairs);
    assert_eq!(listing(&other_way_round), in_pairs);
}

#[test]
fn a_sample_stands_once_and_its_name_ends_at_the_first_dot() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("photos.tar");
    let jpeg =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/jpeg/420.jpg")).unwrap();
    let of = |names: &[&str]| {
        let file = |name: &&str| {
            let bytes = if name.ends_with(".jpg") { jpeg.clone() } else { b"1".to_vec() };
            ((*name).to_owned(), bytes)
        };
        archive(&path, &names.iter().map(file).collect::<Vec<_>>());
        said(&section(&path, Resize::Crop, Storage::Disk))
    };
    for (names, says) in [
        (&["a.jpg", "a.cls", "b.jpg", "b.cls", "a.jpg", "a.cls"][..], "a.jpg stands in it twice"),
        (&["a.jpg", "a.cls", "b.jpg", "a.cls"], "a.cls stands in it twice"),
        (&["x/a.jpg", "y/b.jpg", "x/a.jpg"], "x/a.jpg stands in it twice"),
        (&["a.jpg", "b.cls", "a.cls", "b.jpg", "a.1.jpg"], "a.jpg and a.1.jpg are images of one"),
        (&["n.x.0.jpg", "n.x.0.cls", "n.x.1.jpg", "n.x.1.cls"], "only endings have dots"),
        (&["x/n.x.0.jpg", "x/n.x.0.cls"], "put x/n.cls"),
        (&["n.x.0.jpg", "n.x.0.cls"], "its name as a sample ends at its first dot"),
    ] {
        let said = of(names);
        assert!(said.contains("photos.tar") && said.contains(says), "{names:?}: {said}");
    }
    // Folders are the classes, whatever dots names have.
    assert_eq!(of(&["x/n.1.jpg", "x/n.2.jpg", "y/n.1.jpg", "notes.cls", "notes.cls"]), "");
}

#[test]
fn compressed_archives_are_told_wherever_they_are() {
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0";
    for name in ["a.tar.gz", "a.tgz", "train/0.tar.zst", "data/train-0.tar.xz"] {
        let dir = tempdir().unwrap();
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, gzip).unwrap();
        for named in [dir.path(), &path] {
            let said = said(&section(named, Resize::Crop, Storage::Disk));
            assert!(said.contains(name) && said.contains("unpack it to a plain .tar"), "{said}");
        }
    }
    // Beside the images of classes they are not looked at.
    let dir = folder();
    fs::write(dir.path().join("photos.tar.gz"), gzip).unwrap();
    assert_eq!(said(&section(dir.path(), Resize::Crop, Storage::Disk)), "");
}

#[test]
fn what_of_archives_would_go_unheard_is_refused() {
    let dir = tempdir().unwrap();
    let jpeg =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/jpeg/420.jpg")).unwrap();
    let file = |name: &str| (name.to_owned(), jpeg.clone());
    let path = dir.path().join("0.tar");
    archive(
        &path,
        &[file("set/train/0/a.jpg"), file("set/train/1/b.jpg"), file("set/test/1/c.jpg")],
    );
    let of = |path: &Path| section(path, Resize::Crop, Storage::Memory);
    assert!(said(&of(&path)).contains("it holds train/ and test/"), "{}", said(&of(&path)));
    archive(&path, &[file("0/a.jpg"), file("1/b.jpg"), file("1/c.jpg")]);
    assert_eq!(said(&of(dir.path())), "");
    let listed = Data { test_list: "test.txt".into(), ..of(dir.path()) };
    assert!(said(&listed).contains("data.test_list"), "{}", said(&listed));
    fs::write(dir.path().join("train-1.tar.gz"), b"\x1f\x8b\x08\0\0\0\0\0").unwrap();
    let message = said(&of(dir.path()));
    assert!(message.contains("train-1.tar.gz") && message.contains("unpack it"), "{message}");
}

#[test]
fn a_tree_in_an_archive_has_the_classes_that_it_has_on_disk() {
    let (dir, archives) = (tempdir().unwrap(), tempdir().unwrap());
    let jpeg =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/jpeg/420.jpg")).unwrap();
    let names =
        ["10/a/1.jpg", "10/b/2.jpg", "2/3.jpg", "2/deep/er/4.jpg", "cat/5.jpg", "cat/0/6.jpg"];
    for part in ["train", "test"] {
        let mut members = Vec::new();
        for name in names {
            let path = dir.path().join(part).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &jpeg).unwrap();
            members.push((format!("photos/{part}/{name}"), jpeg.clone()));
        }
        archive(&archives.path().join(format!("{part}.tar")), &members);
    }
    let of =
        |path: &Path| Opened::open(&section(path, Resize::Crop, Storage::Disk)).unwrap().listing;
    let (on_disk, archived) = (of(dir.path()), of(archives.path()));
    assert_eq!(on_disk.class_names, ["10", "2", "cat"]);
    assert_eq!(archived.class_names, on_disk.class_names);
    let sorted = |mut labels: Vec<u32>| {
        labels.sort_unstable();
        labels
    };
    assert_eq!(archived.pool.labels, on_disk.pool.labels);
    let labels = [&archived, &on_disk].map(|of| sorted(of.test.as_ref().unwrap().labels.clone()));
    assert_eq!(labels[0], labels[1]);
}

#[test]
fn archives_that_do_not_belong_together_are_named() {
    let dir = tempdir().unwrap();
    let jpeg =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/jpeg/420.jpg")).unwrap();
    let labelled = |name: &str, labels: [&str; 2]| {
        let members = labels.iter().enumerate().flat_map(|(i, label)| {
            [(format!("{i}.jpg"), jpeg.clone()), (format!("{i}.cls"), label.as_bytes().to_vec())]
        });
        archive(&dir.path().join(name), &members.collect::<Vec<_>>());
    };
    let of = |data: &Data| said(data);
    let data = section(dir.path(), Resize::Crop, Storage::Disk);
    labelled("train-00000-of-00003.tar", ["0", "1"]);
    labelled("train-00001-of-00003.tar", ["cat", "dog"]);
    let message = of(&data);
    assert!(message.contains("train-00002-of-00003.tar is missing"), "{message}");
    assert!(message.contains("--skip-broken"), "{message}");
    let skipping = Data { skip_broken: true, ..data.clone() };
    let message = of(&skipping);
    assert!(
        message.contains("train-00001-of-00003.tar cannot be used: its labels are names"),
        "{message}"
    );
    labelled("train-00001-of-00003.tar", ["1", "0"]);
    let notes = Opened::open(&skipping).unwrap().notes;
    assert!(notes[0].contains("train-00002-of-00003.tar is missing"), "{notes:?}");
    labelled("train-00002-of-00003.tar", ["1", "0"]);
    assert_eq!(of(&data), "");
    // One that is named is meant alone, and is no list.
    let one = dir.path().join("train-00000-of-00003.tar");
    assert_eq!(of(&section(&one, Resize::Crop, Storage::Disk)), "");
    let listed = Data { train_list: one, ..data };
    assert!(of(&listed).contains("say --data"), "{}", of(&listed));
}
