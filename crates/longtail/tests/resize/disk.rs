//! Images that stay in their files, beside the same images decoded.

mod archives;
mod cache;
mod tables;

use std::{fs, path::Path, sync::Arc};

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

fn said(data: &Data) -> String {
    Opened::open(data).map(|_| String::new()).unwrap_or_else(|error| error.to_string())
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
fn a_file_that_a_list_spells_in_two_ways_is_seen_as_the_copy_that_it_is() {
    let dir = folder();
    let root = dir.path().display().to_string();
    let own = |i: usize| format!("train/{}/{i}.png", i % 2);
    let mut lines: Vec<String> = (0..6).map(|i| format!("{} {}", own(i), i % 2)).collect();
    lines.push("train/1/../0/0.png 1".into());
    lines.push(format!("{root}/train/0/2.png 1"));
    lines.push("./train/0/4.png 0".into());
    let list = dir.path().join("list.txt");
    let notes = |lines: &[String], storage| {
        fs::write(&list, lines.join("\n")).unwrap();
        let data = section(&list, Resize::Crop, storage);
        Opened::open(&data).and_then(|opened| opened.split(&data)).map(|(_, notes)| notes)
    };
    for storage in [Storage::Memory, Storage::Disk] {
        let notes = notes(&lines[..8], storage).unwrap();
        let said = notes.iter().any(|note| note.contains("2 training images are copies"));
        assert!(said, "{storage}: {notes:?}");
    }
    let error = notes(&lines, Storage::Disk).unwrap_err().to_string();
    assert!(error.contains("stands in line 5 already"), "{error}");
}
