//! Runs on images that stay on disk, and where they are kept decoded.

use std::{collections::BTreeMap, fs};

use super::program::{Place, SMALL, stderr};

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

/// What is said of a dry run.
fn said_of(place: &Place, words: &str) -> String {
    let made = place.run(&format!("{words} --dry-run").replace(" --quiet", ""));
    assert!(made.status.success(), "{}", stderr(&made));
    stderr(&made) + &String::from_utf8_lossy(&made.stdout)
}

#[test]
fn a_cache_outlives_a_change_of_its_set() {
    let place = Place::with_photos();
    let train = format!("train {SMALL} --method la --epochs 1 --cache kept");
    place.succeed(&format!("{train} --out run"));
    let all = said_of(&place, &train);
    let images: usize = fs::read_dir(place.path("photos"))
        .unwrap()
        .map(|class| fs::read_dir(class.unwrap().path()).unwrap().count())
        .sum();
    assert!(all.contains(&format!("{images} of {images} images are decoded")), "{all}");
    fs::copy(place.path("photos/red/00.png"), place.path("photos/red/aaa.png")).unwrap();
    fs::remove_file(place.path("photos/red/01.png")).unwrap();
    let said = said_of(&place, &train);
    assert!(said.contains(&format!("{} of {images} images are decoded", images - 1)), "{said}");
}

#[test]
fn a_cache_among_the_classes_is_none_of_them() {
    let place = Place::with_photos();
    let before = place.succeed("data stats --data photos");
    place.succeed(&format!("train {SMALL} --method la --epochs 1 --cache photos/cache --out run"));
    assert!(files(&place, "photos/cache") > 1);
    assert_eq!(place.succeed("data stats --data photos"), before);
    place.succeed("evaluate run --quiet");
    // One that others have marked is a class as any.
    place.write("photos/green/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    assert!(place.succeed("data stats --data photos").contains("green"));
    // What holds images of people stays theirs.
    place.succeed(&format!("train {SMALL} --method la --epochs 1 --cache photos/red --out other"));
    assert!(place.succeed("data stats --data photos").contains("red"));
}

#[test]
fn a_cache_of_whole_images_is_said_to_keep_none() {
    let place = Place::with_photos();
    let train = format!("train {SMALL} --method la --epochs 1 --resize full --cache kept");
    let said = said_of(&place, &train);
    assert!(said.contains("nothing is kept in") && said.contains("--resize crop"), "{said}");
    assert_eq!(said.matches("nothing is kept in").count(), 1, "{said}");
    assert!(said.trim_end().ends_with("nothing was written") && !place.exists("kept"), "{said}");
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
    // `evaluate` has no --storage.
    assert!(said.contains("--cache into which folder (or train with"), "{said}");
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

/// `order` and `order-turned` name the same classes, each in an order of its own.
#[test]
fn a_label_means_what_its_own_table_calls_it() {
    let place = Place::new();
    let tables =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../longtail/tests/images/parquet");
    fs::create_dir(place.path("trees")).unwrap();
    for (from, to) in [("order", "train"), ("order-turned", "test")] {
        let to = place.path(&format!("trees/{to}.parquet"));
        fs::copy(tables.join(format!("{from}.parquet")), to).unwrap();
    }
    let words =
        format!("train {SMALL} --epochs 1 --out run").replace("--data photos", "--data trees");
    let made = place.run(&words.replace(" --quiet", ""));
    let said = stderr(&made);
    assert!(made.status.success(), "{said}");
    assert!(said.contains("numbered as in") && said.contains("test.parquet are taken"), "{said}");
    place.succeed("evaluate run --quiet --predictions p.csv");
    let rows = fs::read_to_string(place.path("p.csv")).unwrap();
    let name_and_label = |line: &str| {
        let cells: Vec<String> = line.split(',').map(String::from).collect();
        (cells[1].clone(), cells[2].clone())
    };
    let found: BTreeMap<_, _> = rows.lines().skip(1).map(name_and_label).collect();
    let class = |row: usize| ["oak", "ash", "elm", "yew"][7 * row % 4].to_owned();
    assert_eq!(found, (0..12).map(|row| (format!("{}.ppm", 12 + row), class(row))).collect());
}
