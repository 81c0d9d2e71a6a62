//! Parquet files of images.

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

use super::{batches, load, said, section};

/// The bytes of the image in a row of the tables that `tests/oracles/parquet.py` makes.
fn image_of_row(row: usize) -> Vec<u8> {
    let (width, height) = (2 + row % 5, 1 + row % 3);
    let pixels = (0..3 * width * height).map(|i| ((31 * row + 7 * i) % 256) as u8);
    format!("P6 {width} {height} 255\n").into_bytes().into_iter().chain(pixels).collect()
}

fn table(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/parquet");
    folder.join(format!("{name}.parquet"))
}

#[test]
fn parquet_files_are_the_lists_that_they_were_made_of() {
    let (hub, dir, cache) = (tempdir().unwrap(), tempdir().unwrap(), tempdir().unwrap());
    fs::create_dir(hub.path().join("data")).unwrap();
    let to = |name: &str| hub.path().join("data").join(name);
    fs::copy(table("snappy"), to("train-00000-of-00002.parquet")).unwrap();
    fs::copy(table("snappy"), to("train-00001-of-00002.parquet")).unwrap();
    fs::copy(table("snappy"), to("test-00000-of-00001.parquet")).unwrap();
    let of = |storage, cache: &Path| {
        let data = section(hub.path(), Resize::Crop, storage);
        load(&Data { cache: cache.to_owned(), ..data })
    };
    let (source, split) = of(Storage::Memory, Path::new(""));
    let rows = source.pool.len() / 2;
    assert_eq!(source.class_names, ["0", "1", "2", "3"]);
    // The same as files of a list.
    let mut list = String::new();
    for at in 0..2 * rows {
        let row = at % rows;
        fs::write(dir.path().join(format!("{at}.ppm")), image_of_row(row)).unwrap();
        list += &format!("{at}.ppm {}\n", 7 * row % 4);
    }
    let path = dir.path().join("list.txt");
    fs::write(&path, list).unwrap();
    let listed = load(&section(&path, Resize::Crop, Storage::Memory)).0.pool;
    assert_eq!(listed.labels(), source.pool.labels());
    let expected = batches(&Arc::new(listed));
    let pool = Arc::new(source.pool);
    assert_eq!(batches(&pool), expected);
    // Unpacked, then from what was unpacked; then anew, for one of the files was damaged.
    for damaged in [false, false, true] {
        if damaged {
            let images = fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().path());
            let images = images.filter(|path| path.extension().is_some_and(|e| e == "images"));
            images.for_each(|path| fs::write(path, "short").unwrap());
        }
        let (disk, of_disk) = of(Storage::Disk, cache.path());
        assert_eq!(disk.pool.names(), pool.names());
        assert_eq!(batches(&Arc::new(disk.pool)), expected);
        assert_eq!(of_disk.train, split.train);
        assert_eq!(disk.test.unwrap().len(), rows);
    }
}

#[test]
fn classes_of_a_parquet_file_have_the_names_that_it_says() {
    let opened = Opened::open(&section(&table("hub"), Resize::Crop, Storage::Memory)).unwrap();
    assert_eq!(opened.listing.class_names, ["oak", "ash", "elm", "yew"]);
    let said = &opened.notes[0];
    assert!(said.contains("column image.bytes of") && said.ends_with("column label"), "{said}");
    let texts = Opened::open(&section(&table("text-labels"), Resize::Crop, Storage::Memory));
    assert_eq!(texts.unwrap().listing.class_names, ["ash", "elm", "oak", "yew"]);
}

#[test]
fn parquet_files_that_cannot_be_used_are_named_with_the_mend() {
    let data = section(&table("hub"), Resize::Crop, Storage::Disk);
    assert!(said(&data).contains("say with --cache into which folder"), "{}", said(&data));
    let cache = tempdir().unwrap();
    let small = Data { cache: cache.path().to_owned(), cache_gib: 1e-7, ..data.clone() };
    assert!(said(&small).contains("--cache-gib"), "{}", said(&small));
    let left = ["images", "rows", "part"].map(|kind| ending(cache.path(), kind).len());
    assert_eq!(left, [0; 3], "nothing half-written is left");
    let file = cache.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(said(&Data { cache: file, ..data }).contains("cannot unpack images to"));
    let dir = tempdir().unwrap();
    let path = dir.path().join("cut.parquet");
    let bytes = fs::read(table("hub")).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let said = said(&section(&path, Resize::Crop, Storage::Memory));
    assert!(said.contains("cut.parquet") && said.contains("copy it again"), "{said}");
}

#[test]
fn a_column_of_parts_is_obeyed_like_folders_of_them() {
    let opened =
        |name: &str| Opened::open(&section(&table(name), Resize::Crop, Storage::Memory)).unwrap();
    let parts = opened("parts");
    let labels = |rows: std::ops::Range<usize>| -> Vec<u32> {
        rows.map(|row| (7 * row % 4) as u32).collect()
    };
    assert_eq!(parts.listing.pool.labels, labels(0..6));
    assert_eq!(parts.listing.val.unwrap().labels, labels(6..9));
    assert_eq!(parts.listing.test.unwrap().labels, labels(9..12));
    assert!(parts.notes[0].ends_with("parts those of column split"), "{:?}", parts.notes);
    let others = opened("no-parts");
    assert_eq!((others.listing.pool.labels, others.listing.test), (labels(0..12), None));
    assert!(others.notes[0].contains("column split is not looked at"), "{:?}", others.notes);
    // A file cannot be of another part than its rows.
    let dir = tempdir().unwrap();
    fs::copy(table("snappy"), dir.path().join("train.parquet")).unwrap();
    fs::copy(table("parts"), dir.path().join("test.parquet")).unwrap();
    let said = said(&section(dir.path(), Resize::Crop, Storage::Memory));
    assert!(said.contains("test.parquet") && said.contains("is of train"), "{said}");
}

#[test]
fn classes_that_a_table_does_not_name_are_told() {
    let opened =
        Opened::open(&section(&table("few-names"), Resize::Crop, Storage::Memory)).unwrap();
    assert_eq!(opened.listing.class_names, ["0", "1", "2", "3"]);
    let said = opened.notes.iter().find(|note| note.contains("none for label 3"));
    assert!(said.is_some(), "{:?}", opened.notes);
}

/// The files of a folder that end so.
fn ending(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.to_str().unwrap().ends_with(ending)).collect()
}

#[test]
fn unpacked_images_that_rot_are_seen_and_come_out_of_the_table_again() {
    let cache = tempdir().unwrap();
    let data = Data {
        cache: cache.path().to_owned(),
        ..section(&table("groups"), Resize::Full, Storage::Disk)
    };
    // Not by a loader, which reads ahead of what is asked for.
    let images = || -> Vec<Vec<u8>> {
        let pool = load(&data).0.pool;
        let image = |index| pool.read(index, &mut Vec::new()).unwrap().data.to_vec();
        (0..pool.len()).map(image).collect()
    };
    let expected = images();
    // Bits change where no file system tells; old lists have no checksums.
    let rot = || {
        let images = &ending(cache.path(), ".images")[0];
        let changed = images.metadata().unwrap().modified().unwrap();
        let mut bytes = fs::read(images).unwrap();
        bytes.iter_mut().skip(20).step_by(40).for_each(|byte| *byte ^= 1);
        fs::write(images, bytes).unwrap();
        File::options().write(true).open(images).unwrap().set_modified(changed).unwrap();
    };
    rot();
    assert_eq!(images(), expected);
    assert!(ending(cache.path(), ".rows").is_empty(), "the next run unpacks them anew");
    assert_eq!(images(), expected);
    rot();
    let list = &ending(cache.path(), ".rows")[0];
    let text = fs::read_to_string(list).unwrap();
    let old: Vec<&str> = text.split(",\"crc\":").collect();
    let old = old.iter().enumerate().map(|(at, part)| match at {
        0 => (*part).to_owned(),
        _ => part.trim_start_matches(|digit: char| digit.is_ascii_digit()).to_owned(),
    });
    fs::write(list, old.collect::<String>()).unwrap();
    load(&data);
    let rows = |text: &str| text.split_once("rows").unwrap().1.to_owned();
    assert_eq!(rows(&fs::read_to_string(list).unwrap()), rows(&text));
    assert_eq!(images(), expected);
}

#[test]
fn what_a_killed_run_has_left_is_removed_and_takes_no_room() {
    let cache = tempdir().unwrap();
    for name in [".0123456789abcdef.images.part", ".0123456789abcdef.rows.part"] {
        fs::write(cache.path().join(name), [0; 1 << 20]).unwrap();
    }
    let other = cache.path().join("notes.part");
    fs::write(&other, "mine").unwrap();
    let gib = f64::from(1 << 16) / f64::from(1 << 30);
    let data = section(&table("groups"), Resize::Crop, Storage::Disk);
    let data = Data { cache: cache.path().to_owned(), cache_gib: gib, ..data };
    load(&data);
    assert_eq!(ending(cache.path(), ".part"), [other]);
    assert_eq!(ending(cache.path(), ".images").len(), 1);
}
