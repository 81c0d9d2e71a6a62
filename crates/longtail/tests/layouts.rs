//! Layouts of folders and lists as people and their tools make them, and what is said of what is left out.

use std::{fs, path::Path};

use image::{Rgb, RgbImage};
use longtail::data::{DataError, Lists, catalog::Catalog, folder, list};
use tempfile::{TempDir, tempdir};

/// A folder of files; every image is another.
fn folder_of(files: &[&str]) -> TempDir {
    let dir = tempdir().unwrap();
    for (i, file) in files.iter().enumerate() {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().to_lowercase();
        match name.ends_with(".png") {
            true => RgbImage::from_pixel(4, 3, Rgb([i as u8, 0, 0])).save(path).unwrap(),
            false => fs::write(path, "").unwrap(),
        }
    }
    dir
}

fn find(dir: &TempDir) -> Result<Catalog, DataError> {
    folder::find(dir.path())
}

fn refused(files: &[&str]) -> String {
    find(&folder_of(files)).unwrap_err().to_string()
}

fn counts(catalog: &Catalog) -> [Option<usize>; 3] {
    let of =
        |part: &str| catalog.parts().find(|(name, _)| *name == part).map(|(_, files)| files.len());
    ["train", "val", "test"].map(of)
}

#[test]
fn parts_go_by_their_usual_names_in_any_case() {
    for [train, val, test] in [
        ["train", "valid", "test"],
        ["training", "validation", "testing"],
        ["Train", "Val", "Test"],
        ["TRAINING", "VALID", "TEST"],
    ] {
        let files: Vec<String> = [(train, 2), (val, 1), (test, 1)]
            .iter()
            .flat_map(|(part, count)| {
                ["cat", "dog"].iter().flat_map(move |class| {
                    (0..*count).map(move |i| format!("{part}/{class}/{i}.png"))
                })
            })
            .collect();
        let dir = folder_of(&files.iter().map(String::as_str).collect::<Vec<_>>());
        let catalog = find(&dir).unwrap();
        assert_eq!(catalog.class_names, ["cat", "dog"], "{train}");
        assert_eq!(counts(&catalog), [Some(4), Some(2), Some(2)], "{train}");
        assert!(catalog.notes.is_empty(), "{:?}", catalog.notes);
    }
}

#[test]
fn what_a_folder_holds_decides_whether_it_is_a_part() {
    let vehicles = folder_of(&["bus/1.png", "car/2.png", "train/3.png", "test/4.png"]);
    assert_eq!(find(&vehicles).unwrap().class_names, ["bus", "car", "test", "train"]);
    let deep =
        folder_of(&["bus/1.png", "bus/old/2.png", "train/3.png", "train/4.png", "train/old/5.png"]);
    assert_eq!(find(&deep).unwrap().class_names, ["bus", "train"]);
    let said = refused(&["train/steam/1.png", "train/diesel/2.png", "bus/3.png"]);
    assert!(
        said.contains("\"bus\" holds images") && said.contains("if train/ is a class"),
        "{said}"
    );
}

#[test]
fn what_is_not_understood_is_named() {
    let dir = folder_of(&["train/a/1.png", "train/b/2.png", "test/a/3.png", "extra/a/4.png"]);
    let notes = find(&dir).unwrap().notes.join("\n");
    assert!(notes.contains("\"extra\" beside train/ is not looked at"), "{notes}");
    let said = refused(&["train/a/1.png", "train/b/2.png", "val/a/3.png", "valid/a/4.png"]);
    assert!(said.contains("val/ and valid/ name the same part"), "{said}");
    let said = refused(&["valid/a/1.png", "test/b/2.png"]);
    assert!(said.contains("no train/"), "{said}");
    let dir = folder_of(&["a/1.png", "b/2.png", "3.png"]);
    let notes = find(&dir).unwrap().notes.join("\n");
    assert!(notes.contains("1 image in the folder lies in no class folder"), "{notes}");
}

#[test]
fn parts_without_an_image_of_a_class_say_why_there_are_no_figures() {
    let kaggle = folder_of(&["train/a/1.png", "train/b/2.png", "test/3.png", "test/4.png"]);
    let catalog = find(&kaggle).unwrap();
    assert_eq!(counts(&catalog), [Some(2), None, None]);
    assert!(
        catalog.notes[0].contains("test/ holds 2 images in no class folder"),
        "{:?}",
        catalog.notes
    );
    let empty =
        folder_of(&["train/a/1.png", "train/b/2.png", "val/a/notes.txt", "test/b/notes.txt"]);
    let catalog = find(&empty).unwrap();
    assert_eq!(counts(&catalog), [Some(2), None, None]);
    assert_eq!(catalog.notes.len(), 2, "{:?}", catalog.notes);
}

#[test]
fn a_class_may_lack_images_in_one_part_but_not_in_training() {
    let dir = folder_of(&["train/a/1.png", "train/b/2.png", "test/a/3.png", "test/b/notes.txt"]);
    assert_eq!(counts(&find(&dir).unwrap()), [Some(2), None, Some(1)]);
    let said = refused(&["train/a/1.png", "train/b/2.png", "test/c/3.png"]);
    assert!(said.contains("test/ has a class \"c\" that train/ lacks"), "{said}");
    let said = refused(&["a/1.png", "b/2.heic", "b/3.heic"]);
    assert!(said.contains("class \"b\"") && said.contains("2 .heic"), "{said}");
}

#[test]
fn files_that_are_not_read_are_counted_by_ending() {
    let dir =
        folder_of(&["a/1.png", "a/2.heic", "a/3.HEIC", "b/4.PNG", "b/5.avif", "b/readme.txt"]);
    let notes = find(&dir).unwrap().notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("1 .avif, 2 .heic") && !notes[0].contains("txt"), "{notes:?}");
}

#[test]
fn runs_and_hidden_folders_are_no_classes() {
    let dir = folder_of(&[
        "a/1.png",
        "b/2.png",
        ".ipynb_checkpoints/3.png",
        "__MACOSX/a/4.png",
        "runs/photos-la-0/recipe.toml",
        "runs/photos-la-0/split.json",
        "runs/photos-la-0/checkpoints/5.png",
        "mine/recipe.toml",
        "mine/split.json",
    ]);
    assert_eq!(find(&dir).unwrap().class_names, ["a", "b"]);
    assert_eq!(folder::title(&dir.path().join("a/..")), folder::title(dir.path()));
    assert!(!folder::title(Path::new(".")).starts_with('.'));
}

/// Three classes of two images in `images/CLASS/`, and a list of them.
fn listed(text: &str) -> (TempDir, Lists) {
    let classes = ["cat", "dog", "fox"];
    let files: Vec<String> =
        classes.iter().flat_map(|c| (0..2).map(move |i| format!("images/{c}/{i}.png"))).collect();
    let dir = folder_of(&files.iter().map(String::as_str).collect::<Vec<_>>());
    fs::write(dir.path().join("list"), text).unwrap();
    let lists = Lists { train: dir.path().join("list"), ..Lists::default() };
    (dir, lists)
}

fn catalog(text: &str) -> Result<Catalog, String> {
    let (_dir, lists) = listed(text);
    list::find(&lists).map_err(|error| error.to_string())
}

/// A list of all six images; `row` writes one from its class, its number and its class's number.
fn rows(header: &str, row: impl Fn(&str, usize, usize) -> String) -> String {
    let mut text = header.to_owned();
    for (number, class) in ["cat", "dog", "fox"].iter().enumerate() {
        (0..2).for_each(|i| text += &row(class, i, number));
    }
    text
}

#[test]
fn lists_are_read_as_people_have_them() {
    for text in [
        rows("", |c, i, n| format!("images/{c}/{i}.png {n}\n")),
        rows("", |c, i, n| format!("images/{c}/{i}.png,{n}\r\n")),
        rows("", |c, i, _| format!("images/{c}/{i}.png\t{c}\n")),
        rows("\u{feff}image_id,label\n", |c, i, n| format!("images/{c}/{i}.png,{n}\n")),
        rows("filepath,class_name\n", |c, i, _| format!("images/{c}/{i}.png,{c}\n")),
        rows("image name;class label\n", |c, i, _| format!("images/{c}/{i}.png;{c}\n")),
        rows("ID\tTarget\n", |c, i, n| format!("images/{c}/{i}.png\t{n}.0\n")),
        rows("n,file,y\n", |c, i, n| format!("{i},./images/{c}/{i}.png,{n}\n")),
        rows("id,breed\n", |c, i, _| format!("images/{c}/{i},{c}\n")),
        rows("path,label,class_name\n", |c, i, n| format!("images/{c}/{i}.png,{n},{c}\n")),
    ] {
        let catalog = catalog(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(catalog.class_names, ["cat", "dog", "fox"], "{text}");
        assert_eq!(catalog.train.labels, [0, 0, 1, 1, 2, 2], "{text}");
        assert!(!catalog.train.names[0].starts_with('.'), "{text}");
    }
}

#[test]
fn a_column_of_parts_is_obeyed() {
    for (column, [train, val, test]) in
        [("split", ["train", "valid", "test"]), ("Subset", ["Training", "val", "TESTING"])]
    {
        let row = |c: &str, i: usize, n: usize| {
            let part = if i == 0 { train } else { [val, test, test][n] };
            format!("images/{c}/{i}.png,{n},{part}\n")
        };
        let catalog = catalog(&rows(&format!("path,label,{column}\n"), row)).unwrap();
        assert_eq!(counts(&catalog), [Some(3), Some(1), Some(2)]);
        assert_eq!(catalog.test.unwrap().labels, [1, 2]);
    }
    let row = |c: &str, i: usize, n: usize| format!("images/{c}/{i}.png,{n},{}\n", i == 1);
    let catalog_of = |column: &str| catalog(&rows(&format!("path,label,{column}\n"), row)).unwrap();
    assert_eq!(counts(&catalog_of("is_valid")), [Some(3), Some(3), None]);
    assert_eq!(counts(&catalog_of("is_test")), [Some(3), None, Some(3)]);
    let row = |c: &str, i: usize, n: usize| format!("images/{c}/{i}.png,{n},fold {i}\n");
    let said = catalog(&rows("path,label,split\n", row)).unwrap_err();
    assert!(said.contains("line 2") && said.contains("train, val (or valid) and test"), "{said}");

    // The same table for two lists: each takes its own rows.
    let row =
        |c: &str, i: usize, n: usize| format!("images/{c}/{i}.png,{n},{}\n", ["train", "test"][i]);
    let (_dir, mut lists) = listed(&rows("path,label,split\n", row));
    lists.test = Some(lists.train.clone());
    assert_eq!(counts(&list::find(&lists).unwrap()), [Some(3), None, Some(3)]);
}

#[test]
fn labels_mean_what_is_written() {
    let zeros = rows("path,label\n", |c, i, n| {
        format!("images/{c}/{i}.png,{}{}\n", if n == 2 { "0" } else { "" }, 1 + n % 2)
    });
    assert_eq!(catalog(&zeros).unwrap().class_names, ["01", "1", "2"]);

    let from_one =
        catalog(&rows("", |c, i, n| format!("images/{c}/{i}.png {}\n", 1 + 3 * n))).unwrap();
    assert_eq!(from_one.class_names, ["cat", "dog", "fox"]);
    assert_eq!(from_one.train.labels, [0, 0, 1, 1, 2, 2]);
    assert!(from_one.notes[0].contains("labels 1 to 7"), "{:?}", from_one.notes);

    let unnamed = "images/cat/0.png 1\nimages/dog/0.png 1\nimages/fox/0.png 2\n";
    let said = catalog(unnamed).unwrap_err();
    assert!(said.contains("no image has label 0"), "{said}");
    let said = catalog("images/cat/0.png 0\nimages/dog/0.png\t\n").unwrap_err();
    assert!(said.contains("line 2"), "{said}");
}

#[test]
fn lists_that_cannot_be_read_say_what_is_understood() {
    for text in [
        "images/cat/0.png 0 500 375\nimages/dog/0.png 1 500 375\n",
        "picture,animal\nimages/cat/0.png,cat\n",
    ] {
        let said = catalog(text).unwrap_err();
        assert!(said.contains("line 1") && said.contains("semicolons or tabs"), "{said}");
        assert!(said.contains("image_id") && said.contains("class_name"), "{said}");
    }
    let said = catalog("path,label\nimages/cat/0.png,0,extra\n").unwrap_err();
    assert!(said.contains("line 2: it has 3 columns, and the first line 2"), "{said}");
}

#[test]
fn archives_and_pictures_are_told_for_what_they_are() {
    let dir = tempdir().unwrap();
    let said = |name: &str, bytes: &[u8]| {
        let train = dir.path().join(name);
        fs::write(&train, bytes).unwrap();
        list::find(&Lists { train, ..Lists::default() }).unwrap_err().to_string()
    };
    for (name, bytes, what) in [
        ("photos.zip", &b"PK\x03\x04\xff\xfe"[..], "it is an archive and no list"),
        ("photos.tgz", b"\x1f\x8b\x08\0\xff", "it is an archive and no list"),
        ("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "it is a picture and no list"),
        ("list.txt", b"\xff\xfea\0.\0p\0n\0g\0", "UTF-16"),
        ("noise", b"\xfa\xce\xb0\x0c", "no text in UTF-8"),
    ] {
        let said = said(name, bytes);
        assert!(said.contains(what) && said.contains("unpacked"), "{name}: {said}");
        assert_eq!(
            said.matches("UTF-8").count(),
            usize::from(what.contains("UTF-8")) + usize::from(what == "UTF-16")
        );
    }
}
