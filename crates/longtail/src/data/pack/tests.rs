use std::fs;

use serde_json::{Value, json};

use super::*;
use crate::{
    data::Resize,
    recipe::{Recipe, RecipeFile},
};

fn data() -> Data {
    let file = RecipeFile::parse("[data]\nname = \"photos\"\n", "a test").unwrap();
    Recipe::resolve(&[file]).unwrap().0.data.clone()
}

/// 40 images of three classes with names, and 7 test images.
fn source(height: usize, width: usize) -> Source {
    sized(|_| [height, width], [height, width])
}

/// The same, each image larger than a view as `more` says.
fn sized(size: impl Fn(usize) -> [usize; 2], view: [usize; 2]) -> Source {
    let set = |count: usize, names: bool| {
        let sizes: Vec<_> = (0..count).map(&size).collect();
        let bytes: usize = sizes.iter().map(|[height, width]| height * width * 3).sum();
        let pixels = (0..bytes).map(|i| (i * i % 251) as u8).collect();
        let labels = (0..count as u32).map(|i| i % 3).collect();
        let names = (0..if names { count } else { 0 }).map(|i| format!("{i}.png")).collect();
        ImageSet::varied(view, &sizes, pixels, labels, names)
    };
    Source {
        name: "photos".into(),
        class_names: ["a", "b", "c"].map(String::from).to_vec(),
        pool: set(40, true),
        val: None,
        test: Some(set(7, false)),
    }
}

/// Portraits, landscapes and squares for views of `side` pixels.
fn varied(side: usize) -> Source {
    let size = move |i: usize| match i % 3 {
        0 => [side, side],
        1 => [side + i, side],
        _ => [side, side + 2 * i],
    };
    sized(size, [side, side])
}

fn split(source: &Source) -> Split {
    let request = super::super::SplitRequest {
        imbalance: Some(3.0),
        seed: 5,
        holdout: super::super::Holdout::PerClass(2),
    };
    Split::make(&crate::data::Listing::of(source), &request).unwrap().0
}

#[test]
fn what_is_packed_is_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    for (source, piece) in [
        (source(5, 7), None),
        (source(16, 16), Some(1000)),
        (source(1, 1), Some(1)),
        (varied(8), None),
        (varied(1), Some(100)),
    ] {
        let split = split(&source);
        let path = folder.path().join("p.pack");
        let files = write(&path, &data(), &source, &split, piece).unwrap();
        assert_eq!(files.len() > 1, piece.is_some());
        assert!(is_pack(&path));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), files.len());
        let loaded = load(&path, &data()).unwrap();
        assert_eq!(loaded.1, split);
        assert_eq!(loaded.0.test, source.test);
        let pool = &loaded.0.pool;
        assert_eq!((pool.labels(), pool.names()), (source.pool.labels(), source.pool.names()));
        let used = [&split.train[..], &split.val, &split.test].concat();
        for index in 0..40 {
            assert_eq!(pool.holds(index), used.contains(&(index as u32)));
            if pool.holds(index) {
                assert_eq!(pool.raster(index), source.pool.raster(index));
            }
        }
    }
}

#[test]
fn no_damage_goes_unnoticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.pack");
    [source(8, 8), varied(8)].iter().for_each(|source| notices_damage(&path, source));
}

fn notices_damage(path: &Path, source: &Source) {
    write(path, &data(), source, &split(source), None).unwrap();
    let bytes = fs::read(path).unwrap();
    let whole = load(path, &data()).unwrap();
    for cut in (1..bytes.len() - 1024).step_by(509) {
        fs::write(path, &bytes[..cut]).unwrap();
        assert!(load(path, &data()).is_err(), "cut at {cut}");
    }
    let mut noticed = 0;
    for place in (0..bytes.len()).step_by(101) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x55;
        fs::write(path, damaged).unwrap();
        match load(path, &data()) {
            Err(_) => noticed += 1,
            // Padding, or what tar says of owners and times.
            Ok(loaded) => {
                assert_eq!(loaded.1, whole.1, "at {place}");
                assert_eq!(loaded.0.pool, whole.0.pool, "at {place}");
                assert_eq!(loaded.0.test, whole.0.test, "at {place}");
            }
        }
    }
    assert!(noticed > 10);
}

/// A pack's members, some of them changed.
fn rewritten(path: &Path, change: impl Fn(&str, Vec<u8>) -> Vec<u8>) {
    let members = members(path).unwrap();
    let mut archive = tar::Builder::new(PieceWriter::create(path, None).unwrap());
    let first = |name: &&String| (name.as_str() != HEADER, name.as_str() != SPLIT);
    let mut names: Vec<_> = members.keys().collect();
    names.sort_by_key(first);
    for name in names {
        append(&mut archive, name, &change(name, members[name].clone())).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap();
}

/// The header of the pack at `path`.
fn header_of(path: &Path) -> Value {
    serde_json::from_slice(&decompressed(&members(path).unwrap()[HEADER]).unwrap()).unwrap()
}

#[test]
fn only_what_is_new_makes_a_new_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.pack");
    let pack = |source: &Source, how: Resize| {
        let data = Data { resize: how, ..data() };
        write(&path, &data, source, &split(source), None).unwrap();
        assert_eq!(load(&path, &data).unwrap().0.test, source.test);
        assert_eq!(header(&path).unwrap().data.resize.unwrap_or(Resize::Crop), how);
        let header = header_of(&path);
        let says = |object: &Value, key: &str| object.get(key).is_some();
        (
            header["version"].as_u64().unwrap(),
            says(&header["data"], "resize"),
            says(&header["pool"], "sizes"),
        )
    };
    // As in the first version, whose files were squashed.
    assert_eq!(pack(&source(8, 8), Resize::Squash), (1, false, false));
    assert_eq!(pack(&source(8, 8), Resize::Crop), (2, true, false));
    assert_eq!(pack(&varied(8), Resize::Crop), (2, true, true));
    let mut without_files = source(8, 8);
    let pool = without_files.pool;
    let (pixels, labels) = (pool.pixels().to_vec(), pool.labels().to_vec());
    without_files.pool = ImageSet::new(8, 8, pixels, labels, Vec::new());
    assert_eq!(pack(&without_files, Resize::Crop), (1, false, false));
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.pack");
    let source = varied(8);
    let split = split(&source);
    let with_sizes = |change: &dyn Fn(&mut Vec<Value>)| {
        write(&path, &data(), &source, &split, None).unwrap();
        rewritten(&path, |name, bytes| match name {
            HEADER => {
                let json = decompressed(&bytes).unwrap();
                let mut header: Value = serde_json::from_slice(&json).unwrap();
                change(header["pool"]["sizes"].as_array_mut().unwrap());
                compressed(&serde_json::to_vec(&header).unwrap()).unwrap()
            }
            _ => bytes,
        });
        load(&path, &data()).map(|_| ()).map_err(|error| error.to_string())
    };
    with_sizes(&|_| {}).unwrap();
    let says = |change: &dyn Fn(&mut Vec<Value>), what: &str| {
        let text = with_sizes(change).unwrap_err();
        assert!(text.contains(what), "{text}");
    };
    let misfit = "do not fit each other";
    says(&|sizes| drop(sizes.pop()), misfit);
    says(&|sizes| sizes[0] = json!([7, 8]), misfit);
    says(&|sizes| sizes[0] = json!([0, 8]), misfit);
    says(&|sizes| sizes[0] = json!([8, 16_385]), misfit);
    says(&|sizes| sizes[0] = json!([8, -1]), "invalid value");
    says(&|sizes| sizes[0] = json!([8, 4_294_967_296_u64]), "invalid value");
    says(&|sizes| sizes.fill(json!([16_384, 16_384])), "is missing");
    says(&|sizes| sizes[0] = json!([9, 8]), "another size than it should");
    // Turned within the strip, which is as wide and high as before.
    let turned = |sizes: &mut Vec<Value>| {
        let other = sizes.iter().position(|size| *size != sizes[0]).unwrap();
        sizes.swap(0, other);
    };
    says(&turned, "not the ones that were packed");
}

#[test]
fn more_bytes_than_its_images_can_take_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.pack");
    let source = source(8, 8);
    let refused = |says: &str| {
        let text = load(&path, &data()).map(|_| ()).unwrap_err().to_string();
        assert!(text.contains("p.pack") && text.contains(says), "{text}");
    };
    write(&path, &data(), &source, &split(&source), None).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(5 << 30).unwrap();
    refused("more bytes than its images can take");

    write(&path, &data(), &source, &split(&source), None).unwrap();
    let padded = |name: &str, bytes: Vec<u8>| match name {
        HEADER => {
            let blanks = vec![b' '; LARGEST_JSON as usize];
            compressed(&[blanks, decompressed(&bytes).unwrap()].concat()).unwrap()
        }
        _ => bytes,
    };
    rewritten(&path, padded);
    refused("more than 128 MiB");
}

#[test]
fn entries_that_only_name_others_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.pack");
    let source = source(8, 8);
    write(&path, &data(), &source, &split(&source), None).unwrap();
    let mut entry = tar::Header::new_gnu();
    entry.set_path("././@LongLink").unwrap();
    entry.set_entry_type(tar::EntryType::GNULongName);
    entry.set_size(1024);
    entry.set_cksum();
    let bytes = fs::read(&path).unwrap();
    // Behind the header's member, as if it named the split's.
    let header = tar::Archive::new(&bytes[..]).entries().unwrap().next().unwrap().unwrap().size();
    let at = 512 + (header as usize).next_multiple_of(512);
    let with = [&bytes[..at], entry.as_bytes(), &[b'x'; 1024], &bytes[at..]].concat();
    fs::write(&path, with).unwrap();
    assert_eq!(load(&path, &data()).unwrap().1, split(&source));
}
