//! Images that stay in their files, beside the same images decoded.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use longtail::{
    augment::{Normalize, ResizedCropConfig, SimConfig, View},
    batch::{Batch, Loader, LoaderConfig, Position, Sampler},
    data::{ImageSet, Opened, Resize, Source, Split, Storage},
    recipe::{Data, Recipe, RecipeFile},
};
use tempfile::{TempDir, tempdir};

use super::photos::write;

const SIZE: usize = 16;
/// Names of JPEGs of every kind that is decoded in part, and of one that is not.
const JPEGS: [&str; 7] =
    ["420", "420-progressive", "422", "444", "444-restart", "420-arithmetic", "410"];

/// Two classes of photographs of many sizes and kinds, with more to validate and to test.
fn folder() -> TempDir {
    let dir = tempdir().unwrap();
    let jpegs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/jpeg");
    for (i, size) in
        [[20, 30], [30, 20], [16, 16], [9, 12], [1, 40], [61, 33]].into_iter().enumerate()
    {
        write(&dir.path().join(format!("train/{}/{i}.png", i % 2)), size);
    }
    for (i, name) in JPEGS.into_iter().enumerate() {
        for part in ["train", "val", "test"] {
            let to = dir.path().join(format!("{part}/{}/{name}.jpg", i % 2));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(jpegs.join(format!("{name}.jpg")), to).unwrap();
        }
    }
    dir
}

fn section(path: &Path, resize: Resize, storage: Storage) -> Data {
    let data = format!("[data]\nname = {path:?}\nimage_size = {SIZE}\n");
    let (recipe, _) = Recipe::resolve(&[RecipeFile::parse(&data, "t").unwrap()]).unwrap();
    Data { resize, storage, ..recipe.into_sections().data }
}

fn load(data: &Data) -> (Source, Split) {
    let opened = Opened::open(data).unwrap();
    let (split, _) = opened.split(data).unwrap();
    (opened.load(&split, data).unwrap().0, split)
}

/// An epoch of one view, and one of three.
fn batches(images: &Arc<ImageSet>) -> Vec<Batch> {
    let crop = View::ResizedCrop(ResizedCropConfig { scale_min: 0.08, flip_p: 0.5 });
    let sim = View::Sim(SimConfig::default());
    let all = [vec![crop.clone()], vec![crop, sim, View::test_of(images)]].map(|views| {
        let samplers = vec![Sampler::new((0..images.len() as u32).collect(), 5, false, 3)];
        let config = LoaderConfig { samplers, views, normalize: Normalize::CIFAR, seed: 3 };
        let loader = Loader::start(Arc::clone(images), config, Position { epoch: 0, batch: 0 });
        (0..3).map(|_| loader.next_batch().unwrap()).collect::<Vec<_>>()
    });
    all.concat()
}

#[test]
fn views_are_those_of_the_decoded_images() {
    let dir = folder();
    for resize in [Resize::Crop, Resize::Squash, Resize::Full] {
        let of = |storage| load(&section(dir.path(), resize, storage)).0;
        let (memory, disk) = (of(Storage::Memory), of(Storage::Disk));
        assert_eq!(memory.class_names, disk.class_names);
        let parts = |source: Source| {
            [Some(source.pool), source.val, source.test].map(|images| Arc::new(images.unwrap()))
        };
        for (memory, disk) in parts(memory).iter().zip(&parts(disk)) {
            assert_eq!(memory.labels(), disk.labels());
            assert_eq!(memory.names(), disk.names());
            assert_eq!(batches(memory), batches(disk), "{resize}");
            assert!(disk.pixels().is_empty());
        }
    }
}

#[test]
fn whole_images_are_tested_on_as_those_brought_to_the_shorter_side_are() {
    let dir = folder();
    let test = |resize, shorter_side| {
        let data = Data { shorter_side, ..section(dir.path(), resize, Storage::Memory) };
        let images = Arc::new(load(&data).0.test.unwrap());
        let samplers = vec![Sampler::new((0..images.len() as u32).collect(), 7, false, 0)];
        let views = vec![View::test_of(&images)];
        let config = LoaderConfig { samplers, views, normalize: Normalize::CIFAR, seed: 0 };
        Loader::start(images, config, Position { epoch: 0, batch: 0 }).next_batch().unwrap()
    };
    assert_eq!(test(Resize::Full, 0), test(Resize::Crop, 18));
    assert_eq!(test(Resize::Full, 20), test(Resize::Crop, 20));
    assert_ne!(test(Resize::Full, 0), test(Resize::Crop, 0));
}

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

fn said(data: &Data) -> String {
    Opened::open(data).map(|_| String::new()).unwrap_or_else(|error| error.to_string())
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
fn a_file_that_goes_or_is_damaged_is_named_when_it_is_needed() {
    let dir = folder();
    let data = section(dir.path(), Resize::Full, Storage::Disk);
    let (source, _) = load(&data);
    let index = source.pool.names().iter().position(|name| name.ends_with("420.jpg")).unwrap();
    let path = dir.path().join(&source.pool.names()[index]);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let normalize = Normalize::CIFAR;
    let draw = |index: usize| {
        let mut buffer = Vec::new();
        let image = source.pool.open(index, 1, &mut buffer).map_err(|error| error.to_string())?;
        let mut rng = longtail::rng::stream(0, longtail::rng::Purpose::View, 0, 0, 0);
        let mut out = vec![0.0; SIZE * SIZE * 3];
        let view = View::ResizedCrop(ResizedCropConfig::default());
        view.draw(&*image, [SIZE; 2], &normalize, &mut rng, &mut Default::default(), &mut out)
            .map_err(|reason| source.pool.unreadable(index, reason).to_string())
    };
    let said = draw(index).unwrap_err();
    assert!(said.contains("420.jpg") && said.contains("ends before its image does"), "{said}");
    fs::remove_file(&path).unwrap();
    let said = draw(index).unwrap_err();
    assert!(said.contains("420.jpg"), "{said}");
    assert!(draw(index + 1).is_ok());
}

#[test]
fn files_are_told_apart_by_name_and_length_and_broken_ones_left_out_if_asked() {
    let dir = folder();
    let data = section(dir.path(), Resize::Crop, Storage::Disk);
    let content = |data: &Data| Opened::open(data).unwrap().listing.pool.content;
    let before = content(&data);
    assert_eq!(content(&data), before);
    let path = dir.path().join("train/0/0.png");
    let mut bytes = fs::read(&path).unwrap();
    bytes.push(0);
    fs::write(&path, &bytes).unwrap();
    let longer = content(&data);
    assert_ne!(longer, before);
    fs::write(&path, b"no image").unwrap();
    assert!(said(&data).contains("0.png"), "headers are looked at");
    let opened = Opened::open(&Data { skip_broken: true, ..data.clone() }).unwrap();
    assert!(opened.notes.iter().any(|note| note.contains("0.png")), "{:?}", opened.notes);
    fs::remove_file(&path).unwrap();
    let without = Opened::open(&data).unwrap();
    assert_eq!(opened.listing.pool.content, without.listing.pool.content);
}

#[test]
fn a_cache_gives_the_same_views_and_follows_its_files() {
    let dir = folder();
    let cache = tempdir().unwrap();
    let data = |gib| Data {
        cache: cache.path().to_owned(),
        cache_gib: gib,
        shorter_side: 20,
        ..section(dir.path(), Resize::Crop, Storage::Auto)
    };
    let plain = Data { cache: PathBuf::new(), ..data(1.0) };
    let pool = |data: &Data| Arc::new(load(data).0.pool);
    let expected = batches(&pool(&plain));
    let notes = |data: &Data| {
        let opened = Opened::open(data).unwrap();
        let (split, _) = opened.split(data).unwrap();
        opened.load(&split, data).unwrap().1
    };
    // Too little room, then enough, then all from there.
    for gib in [2e-6, 1.0, 1.0] {
        assert_eq!(batches(&pool(&data(gib))), expected);
    }
    let said = notes(&data(1.0));
    assert!(said[0].starts_with("13 of 13 images are decoded in "), "{said:?}");
    // What was changed and keeps its length is decoded again.
    let path = dir.path().join("train/0/0.png");
    let bytes = fs::read(&path).unwrap();
    let other = fs::read(dir.path().join("train/0/2.png")).unwrap();
    let longest = bytes.len().max(other.len());
    let padded = |bytes: &[u8]| {
        let mut padded = bytes.to_vec();
        padded.resize(longest, 0);
        padded
    };
    fs::write(&path, padded(&bytes)).unwrap();
    let before = batches(&pool(&data(1.0)));
    fs::write(&path, padded(&other)).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    let after = batches(&pool(&data(1.0)));
    assert_ne!(before, after);
    assert_eq!(after, batches(&pool(&plain)));
    // Where nothing can be kept, the folder is named.
    let file = cache.path().join("file");
    fs::write(&file, "").unwrap();
    let opened = Opened::open(&data(1.0)).unwrap();
    let (split, _) = opened.split(&data(1.0)).unwrap();
    let error = opened.load(&split, &Data { cache: file, ..data(1.0) }).unwrap_err().to_string();
    assert!(error.contains("cannot keep decoded images in"), "{error}");
}

/// The bytes of the image in a row of the tables that `tests/oracles/parquet.py` makes.
fn image_of_row(row: usize) -> Vec<u8> {
    let (width, height) = (2 + row % 5, 1 + row % 3);
    let pixels = (0..3 * width * height).map(|i| ((31 * row + 7 * i) % 256) as u8);
    format!("P6 {width} {height} 255\n").into_bytes().into_iter().chain(pixels).collect()
}

fn table(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/parquet").join(name)
}

#[test]
fn parquet_files_are_the_lists_that_they_were_made_of() {
    let (hub, dir, cache) = (tempdir().unwrap(), tempdir().unwrap(), tempdir().unwrap());
    fs::create_dir(hub.path().join("data")).unwrap();
    let to = |name: &str| hub.path().join("data").join(name);
    fs::copy(table("snappy.parquet"), to("train-00000-of-00002.parquet")).unwrap();
    fs::copy(table("snappy.parquet"), to("train-00001-of-00002.parquet")).unwrap();
    fs::copy(table("snappy.parquet"), to("test-00000-of-00001.parquet")).unwrap();
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
    let opened =
        Opened::open(&section(&table("hub.parquet"), Resize::Crop, Storage::Memory)).unwrap();
    assert_eq!(opened.listing.class_names, ["oak", "ash", "elm", "yew"]);
    let said = &opened.notes[0];
    assert!(said.contains("column image.bytes of") && said.ends_with("column label"), "{said}");
    let texts =
        Opened::open(&section(&table("text-labels.parquet"), Resize::Crop, Storage::Memory));
    assert_eq!(texts.unwrap().listing.class_names, ["ash", "elm", "oak", "yew"]);
}

#[test]
fn parquet_files_that_cannot_be_used_are_named_with_the_mend() {
    let data = section(&table("hub.parquet"), Resize::Crop, Storage::Disk);
    assert!(said(&data).contains("say with --cache into which folder"), "{}", said(&data));
    let cache = tempdir().unwrap();
    let small = Data { cache: cache.path().to_owned(), cache_gib: 1e-7, ..data.clone() };
    assert!(said(&small).contains("--cache-gib"), "{}", said(&small));
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0, "nothing half-written is left");
    let file = cache.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(said(&Data { cache: file, ..data }).contains("cannot unpack images to"));
    let dir = tempdir().unwrap();
    let path = dir.path().join("cut.parquet");
    let bytes = fs::read(table("hub.parquet")).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let said = said(&section(&path, Resize::Crop, Storage::Memory));
    assert!(said.contains("cut.parquet") && said.contains("copy it again"), "{said}");
}

#[test]
fn sets_that_differ_in_nothing_but_their_place_have_caches_of_their_own() {
    let cache = tempdir().unwrap();
    let made = |level: u8| {
        let dir = tempdir().unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        for at in 0..8 {
            let path = dir.path().join(format!("{}/{at}.ppm", at % 2));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, [b"P6 20 20 255\n".to_vec(), vec![level + at; 1_200]].concat())
                .unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        }
        dir
    };
    let (one, other) = (made(10), made(200));
    let views = |dir: &TempDir, cache: &Path| {
        let data = section(dir.path(), Resize::Crop, Storage::Disk);
        batches(&Arc::new(load(&Data { cache: cache.to_owned(), ..data }).0.pool))
    };
    let kept = [&one, &other].map(|dir| views(dir, cache.path()));
    assert_eq!(kept, [&one, &other].map(|dir| views(dir, Path::new(""))));
    assert_ne!(kept[0], kept[1]);
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
