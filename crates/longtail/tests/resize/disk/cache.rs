//! Images that are kept decoded.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use longtail::{
    data::{Opened, Resize, Storage},
    recipe::Data,
};
use tempfile::{TempDir, tempdir};

use super::{batches, folder, load, section};

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
    assert!(notes(&data(1.0))[0].starts_with("13 of 13 images are decoded"));
    fs::write(&path, padded(&other)).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    let said = notes(&data(1.0));
    assert!(
        said[0].starts_with("12 of 13 images are decoded"),
        "that of the changed file is not: {said:?}"
    );
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
fn a_full_cache_says_so_once() {
    let dir = folder();
    let cache = tempdir().unwrap();
    // Room for the tables and some images of 20 × 20 and more.
    let gib = 6_000.0 / f64::from(1 << 30);
    let data = Data {
        cache: cache.path().to_owned(),
        cache_gib: gib,
        shorter_side: 20,
        ..section(dir.path(), Resize::Crop, Storage::Disk)
    };
    let pool = Arc::new(load(&data).0.pool);
    assert_eq!(pool.news(), None);
    batches(&pool);
    let said = pool.news().unwrap();
    assert!(said.contains("takes no more images (--cache-gib is reached)"), "{said}");
    assert!(said.contains("of 13 images are in it"), "{said}");
    assert_eq!(pool.news(), None);
}
