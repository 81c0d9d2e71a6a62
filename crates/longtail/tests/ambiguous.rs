//! Folders and lists that can be read in two ways: refused with both, or used with a word on it.

use std::{fs, path::Path};

use image::{Rgb, RgbImage};
use longtail::data::{Cifar, Lists, catalog::Catalog, folder, list};
use tempfile::{TempDir, tempdir};

/// A folder of files; every image is another.
fn folder_of(files: &[&str]) -> TempDir {
    let dir = tempdir().unwrap();
    for (i, file) in files.iter().enumerate() {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::from_pixel(4, 3, Rgb([i as u8, 0, 0])).save(path).unwrap();
    }
    dir
}

/// `A/B/n.png` for every A and B.
fn tree(outer: &[&str], inner: &[&str]) -> Vec<String> {
    outer.iter().flat_map(|a| inner.iter().map(move |b| format!("{a}/{b}/1.png"))).collect()
}

fn find(files: &[String]) -> Result<Catalog, String> {
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    folder::find(folder_of(&files).path()).map_err(|error| error.to_string())
}

fn classes(files: &[&str]) -> Vec<String> {
    let files: Vec<String> = files.iter().map(|&file| file.to_owned()).collect();
    find(&files).unwrap().class_names
}

#[test]
fn folders_called_like_parts_are_refused_with_both_readings() {
    for [train, test] in [
        ["train_images", "test_images"],
        ["Train_set", "Test_set"],
        ["train2017", "val2017"],
        ["TrainingData", "ValidationData"],
        ["my train", "My Test"],
    ] {
        let said = find(&tree(&[train, test], &["a", "b", "c"])).unwrap_err();
        for what in [train, test, "train/CLASS/", "rename", "if they are classes"] {
            assert!(said.contains(what), "{train}: {said}");
        }
    }
    let beside = [tree(&["train_images", "test_images"], &["a", "b"]), vec!["docs/1.png".into()]];
    assert!(find(&beside.concat()).unwrap_err().contains("called like parts"));
    let flat = ["train/1.png".to_owned(), "test/2.png".to_owned()];
    let said = find(&flat).unwrap_err();
    assert!(said.contains("train/CLASS/") && !said.contains("rename"), "{said}");
}

#[test]
fn classes_called_like_parts_stay_classes() {
    assert_eq!(classes(&["bus/1.png", "car/2.png", "train/3.png"]), ["bus", "car", "train"]);
    assert_eq!(classes(&["flask/1.png", "test tube/2.png"]), ["flask", "test tube"]);
    assert_eq!(classes(&["invalid/1.png", "valid/2.png"]), ["invalid", "valid"]);
    let named = ["bus/1.png", "test tube/old/2.png", "train station/3.png"];
    assert_eq!(classes(&named), ["bus", "test tube", "train station"]);
    assert_eq!(classes(&["test_good/1.png", "test_bad/2.png"]), ["test_bad", "test_good"]);
}

#[test]
fn parts_below_every_class_are_refused() {
    let said = find(&tree(&["a", "b", "c"], &["train", "test"])).unwrap_err();
    assert!(said.contains("a/train/ to train/a/") && said.contains("a/test/ to test/a/"), "{said}");
    let only_some = [tree(&["a", "b"], &["Train", "valid"]), vec!["c/1.png".into()]].concat();
    assert!(find(&only_some).unwrap_err().contains("called like parts"));
    let beside = ["a/1.png", "a/test/2.png", "b/3.png", "b/test/4.png"].map(str::to_owned);
    assert!(find(&beside).unwrap_err().contains("a/test/ to test/a/"));
    assert_eq!(classes(&["rail/train/1.png", "rail/tram/2.png", "road/3.png"]), ["rail", "road"]);

    let sub = find(&tree(&["a", "b"], &["day", "night"])).unwrap();
    assert_eq!(sub.class_names, ["a", "b"]);
    assert!(sub.notes[0].contains("\"day\", \"night\""), "{:?}", sub.notes);
}

#[test]
fn parts_one_level_deeper_are_pointed_at() {
    let wrapped: Vec<String> = tree(&["set/train", "set/val"], &["a", "b"]);
    let said = find(&wrapped).unwrap_err();
    let set = Path::new("set").display().to_string();
    assert!(said.contains("\"train\", \"val\" stand one level deeper") && said.ends_with(&set));
    let dir = folder_of(&["only/a/1.png", "only/b/2.png"]);
    let one = folder::check_classes(&folder::find(dir.path()).unwrap()).unwrap_err().to_string();
    assert!(one.contains("it has 1 class, and training needs at least two"), "{one}");
    let only = dir.path().join("only").display().to_string();
    assert!(one.ends_with(&format!("if its folders are the classes, say --data {only}")), "{one}");
    assert!(folder::check_classes(&find(&tree(&["a", "b"], &["x"])).unwrap()).is_ok());
}

#[test]
fn a_cifar_given_as_a_folder_is_told() {
    let dir = tempdir().unwrap();
    let folder = dir.path().join("cifar-10-batches-bin");
    fs::create_dir(&folder).unwrap();
    let batches = (1..6).map(|i| format!("data_batch_{i}.bin")).chain(["test_batch.bin".into()]);
    let archive = dir.path().join("photos.tar");
    let mut tar = tar::Builder::new(fs::File::create(&archive).unwrap());
    for name in batches {
        fs::write(folder.join(&name), [0; 3073]).unwrap();
        tar.append_path_with_name(folder.join(&name), format!("c/{name}")).unwrap();
    }
    tar.finish().unwrap();
    let answer = |path: &Path| Cifar::Ten.answer(path);
    assert!(answer(&folder).contains("this is CIFAR-10: use --data cifar10-lt --data-dir"));
    for path in [dir.path(), &folder] {
        let said = folder::find(path).unwrap_err().to_string();
        assert!(said.ends_with(&answer(path)), "{said}");
    }
    let said = list::find(&Lists { train: archive.clone(), ..Lists::default() }).unwrap_err();
    assert!(said.to_string().ends_with(&answer(&archive)), "{said}");
    // What holds images is no CIFAR, whatever lies beside them.
    for class in ["cat", "dog"] {
        fs::create_dir_all(dir.path().join(class)).unwrap();
        RgbImage::new(4, 3).save(dir.path().join(class).join("1.png")).unwrap();
    }
    let said = folder::find(dir.path()).unwrap_err().to_string();
    assert!(said.contains("class \"cifar-10-batches-bin\" has no image"), "{said}");
}

/// The catalog of a list of `0.png` to `5.png`, of two classes.
fn listed(header: &str, row: impl Fn(usize) -> String) -> Result<Catalog, String> {
    let names: Vec<String> = (0..6).map(|i| format!("{i}.png")).collect();
    let dir = folder_of(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let rows: String = (0..6).map(|i| format!("{i}.png,{}\n", row(i))).collect();
    fs::write(dir.path().join("list.csv"), format!("{header}\n{rows}")).unwrap();
    let lists = Lists { train: dir.path().join("list.csv"), ..Lists::default() };
    list::find(&lists).map_err(|error| error.to_string())
}

fn class(i: usize) -> &'static str {
    ["cat", "dog"][i % 2]
}

fn counts(catalog: &Catalog) -> [Option<usize>; 3] {
    let of =
        |part: &str| catalog.parts().find(|(name, _)| *name == part).map(|(_, files)| files.len());
    ["train", "val", "test"].map(of)
}

#[test]
fn quotes_end_in_their_line() {
    for (broken, line) in
        [("\"cat", 4), ("\"cat\nand dog\"", 4), ("\"a \"\"cat", 4), ("\"cat\"\"", 4)]
    {
        let row = |i: usize| if i == 2 { broken.to_owned() } else { class(i).to_owned() };
        let said = listed("path,label", row).unwrap_err();
        assert!(said.contains(&format!("line {line}: a quote opens here")), "{broken}: {said}");
    }
    let last = |i: usize| if i == 5 { "\"dog".to_owned() } else { class(i).to_owned() };
    assert!(listed("path,label", last).unwrap_err().contains("line 7: a quote"));
    assert!(listed("\"path,label", |i| class(i).into()).unwrap_err().contains("line 1: a quote"));
    let quoted = listed("path,label", |i| format!("\"12\"\" {}, the\"", class(i))).unwrap();
    assert_eq!(quoted.class_names, ["12\" cat, the", "12\" dog, the"]);
    assert_eq!(listed("path,label", |i| format!("{} 12\"", class(i))).unwrap().train.len(), 6);
}

#[test]
fn columns_of_parts_are_obeyed_together() {
    for (yes, no) in [("1", "0"), ("True", "False"), ("1.0", "0.0"), ("yes", "no")] {
        let flag = |i: usize| if i < 4 { yes } else { no };
        let catalog =
            listed("path,label,is_train", |i| format!("{},{}", class(i), flag(i))).unwrap();
        assert_eq!(counts(&catalog), [Some(4), None, Some(2)], "{yes}");
        assert!(catalog.notes[0].contains("\"is_train\" is false are its test images"));
        let valid =
            |i: usize| format!("{},{},{}", class(i), flag(i), if i == 5 { yes } else { no });
        let catalog = listed("path,label,is_train,is_valid", valid).unwrap();
        assert_eq!(counts(&catalog), [Some(4), Some(1), Some(1)], "{yes}");
        let catalog =
            listed("path,label,is_valid", |i| format!("{},{}", class(i), flag(i))).unwrap();
        assert_eq!(counts(&catalog), [Some(2), Some(4), None], "{yes}");
    }
    let both = |test: &'static str| {
        listed("path,label,split,is_test", move |i| match i {
            4 | 5 => format!("{},test,{test}", class(i)),
            _ => format!("{},train,0", class(i)),
        })
    };
    assert_eq!(counts(&both("1").unwrap()), [Some(4), None, Some(2)]);
    let said = both("0").unwrap_err();
    assert!(said.contains("line 6: the columns split and is_test contradict each other"), "{said}");
    for value in ["maybe", "", "nan"] {
        let said = listed("path,label,is_train", |i| format!("{},{value}", class(i))).unwrap_err();
        assert!(said.contains("neither true nor false (column is_train)"), "{said}");
    }
}

#[test]
fn columns_that_are_not_looked_at_are_said() {
    let row = |i: usize| format!("{},{},x", class(i), i % 3);
    let catalog = listed("path,label,class,category", row).unwrap();
    assert_eq!(catalog.class_names, ["cat", "dog"]);
    let note = &catalog.notes[0];
    assert!(note.contains("\"label\" (classes) are used; not looked at: \"class\", \"category\""));
    assert!(listed("path,label", |i| class(i).into()).unwrap().notes.is_empty());
}

#[test]
fn numbers_take_their_names_from_a_column_beside_them() {
    for column in ["category", "class_name", "species"] {
        for first in [0, 7] {
            let row = |i: usize| format!("{},{}", first + i % 2, class(i));
            let catalog = listed(&format!("path,label,{column}"), row).unwrap();
            assert_eq!(catalog.class_names, ["cat", "dog"], "{column}");
        }
    }
    let ids = listed("path,label,class_id,category", |i| format!("{},5,{}", i % 2, class(i)));
    assert_eq!(ids.unwrap().class_names, ["cat", "dog"]);
    let one_wrong = |i: usize| format!("{},{}", i % 2, if i == 4 { "dog" } else { class(i) });
    let said = listed("path,label,class_name", one_wrong).unwrap_err();
    assert!(said.contains("line 6: label 0 is named \"dog\" here and \"cat\" in line 2"), "{said}");
    let crane = listed("path,label,class_name", |i| format!("{},crane", i % 2)).unwrap();
    assert_eq!(crane.class_names, ["0", "1"]);
    assert!(crane.notes.iter().any(|n| n.contains("labels 0 and 1")), "{:?}", crane.notes);
}

#[test]
fn a_missing_label_is_no_class() {
    for (label, says) in [("", "has no label"), ("NaN", "the label NaN"), ("<NA>", "missing one")] {
        let row = |i: usize| if i == 3 { label.to_owned() } else { class(i).to_owned() };
        let said = listed("path,label", row).unwrap_err();
        assert!(said.contains("line 5: 3.png") && said.contains(says), "{said}");
        // Of the test images too.
        let of_part = |i: usize| match i {
            5 => format!("{label},test"),
            _ => format!("{},train", class(i)),
        };
        assert!(listed("path,label,split", of_part).unwrap_err().contains(says));
    }
}

#[test]
fn lists_say_what_is_wrong_in_a_few_words() {
    let said = |bytes: &[u8]| {
        let dir = folder_of(&["a.png", "b.png"]);
        fs::write(dir.path().join("list"), bytes).unwrap();
        let lists = Lists { train: dir.path().join("list"), ..Lists::default() };
        list::find(&lists).map(|catalog| catalog.train.len()).map_err(|error| error.to_string())
    };
    assert_eq!(said(b"path,label\ra.png,cat\rb.png,dog\r"), Ok(2), "lines of old Macs");
    let json = format!("[{}]", "{\"file\": \"a.png\", \"label\": \"cat\"}, ".repeat(100));
    for text in [json.as_str(), "{\"file\": \"a.png\"}\n", "[\n{}]"] {
        assert!(said(text.as_bytes()).unwrap_err().contains("line 1: it is JSON"), "{text}");
    }
    let long = format!("a.png cat {} dog", "b.png cat ".repeat(1000));
    assert!(said(long.as_bytes()).unwrap_err().len() < 1000);
    let latin1 = said(b"path,label\na.png,caf\xe9\nb.png,dog\n").unwrap_err();
    assert!(
        latin1.contains("line 2: byte 0xE9") && latin1.contains("save it as UTF-8"),
        "{latin1}"
    );
    let empty = said(b"path,label\na.png,cat\n,dog\n").unwrap_err();
    assert!(empty.contains("line 3: it names no image"), "{empty}");
    let here = said(b"path,label\na.png,cat\n..,dog\n").unwrap_err();
    assert!(here.contains("is a folder, and no image"), "{here}");
    let gone = Lists { train: "nowhere.csv".into(), ..Lists::default() };
    let said = list::find(&gone).unwrap_err().to_string();
    assert!(said.contains("nowhere.csv") && said.contains("--data-dir"), "{said}");
}
