//! Runs on images that stay on disk, and where they are kept decoded.

use std::fs;

use super::program::{Place, SMALL};

/// Files in a folder, as far as it is there.
fn files(place: &Place, folder: &str) -> usize {
    fs::read_dir(place.path(folder)).map_or(0, Iterator::count)
}

#[test]
fn a_cache_may_be_elsewhere_for_one_time() {
    let place = Place::with_photos();
    let train = format!("train {SMALL} --method la --epochs 1");
    place.succeed(&format!("{train} --cache one --out run"));
    let before = place.json("run/summary.json");
    fs::remove_dir_all(place.path("one")).unwrap();
    place.succeed("evaluate run --cache two --cache-gib 1 --quiet");
    assert_eq!(place.json("run/summary.json"), before);
    assert!(files(&place, "two") > 0 && files(&place, "one") == 0);
    fs::remove_dir_all(place.path("two")).unwrap();
    place.succeed("train --resume --out run --epochs 2 --cache two --quiet");
    assert!(files(&place, "two") > 0 && files(&place, "one") == 0);
    // What is in memory has none.
    place.succeed(&format!("{train} --out memory"));
    for words in ["evaluate memory --cache two", "train --resume --out memory --cache two"] {
        let said = place.fail(1, words);
        assert!(said.contains("images in memory") && said.contains("leave --cache"), "{said}");
    }
    place.succeed(&format!("{train} --storage disk --out disk"));
    place.succeed("evaluate disk --cache two --quiet");
}

#[test]
fn a_run_on_disk_is_scored_on_an_archive_with_a_cache_of_its_own() {
    let place = Place::with_photos();
    let train = format!("train {SMALL} --method la --epochs 1 --storage disk");
    place.succeed(&format!("{train} --out run"));
    let tables =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../longtail/tests/images/parquet");
    fs::copy(tables.join("hub.parquet"), place.path("hub.parquet")).unwrap();
    for class in ["oak", "ash", "elm", "yew"] {
        let to = place.path("trees").join(class);
        fs::create_dir_all(&to).unwrap();
        for i in 0..5 {
            fs::copy(place.path(&format!("photos/red/{i:02}.png")), to.join(format!("{i}.png")))
                .unwrap();
        }
    }
    let trees = train.replace("--data photos", "--data trees");
    place.succeed(&format!("{trees} --out of-trees"));
    let said = place.fail(1, "evaluate of-trees --data hub.parquet");
    assert!(said.contains("--cache"), "{said}");
    let words = "evaluate of-trees --data hub.parquet --cache unpacked --json";
    let figures: serde_json::Value = serde_json::from_str(&place.succeed(words)).unwrap();
    assert!(figures["last"]["test"]["count"].as_u64() > Some(3), "{figures}");
    assert!(files(&place, "unpacked") > 0);
}

#[test]
fn a_split_of_images_in_memory_is_none_of_the_same_on_disk() {
    let place = Place::with_photos();
    place.succeed("data split --data photos --out memory.json");
    place.succeed("data split --data photos --storage disk --out disk.json");
    let train = format!("train {SMALL} --epochs 1 --out run").replace("--val 1", "");
    let said = place.fail(1, &format!("{train} --storage disk --split memory.json"));
    assert!(
        said.contains("made of images in memory") && said.contains("--storage memory"),
        "{said}"
    );
    let said = place.fail(1, &format!("{train} --split disk.json"));
    assert!(said.contains("made of images on disk") && said.contains("--storage disk"), "{said}");
}
