//! The long-tail selection against NumPy's (`oracles/subset_seed0.json`) and what a split promises.

use longtail::data::{Holdout, ImageSet, Listed, Listing, Source, Split, SplitRequest};
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Images of one pixel, `per_class` of each of `classes`, classes taking turns or in blocks.
fn source(classes: usize, per_class: usize, blocked: bool) -> Source {
    let count = classes * per_class;
    let label = |i: usize| if blocked { i / per_class } else { i % classes } as u32;
    let pixels = (0..count * 3).map(|i| (i * 31 % 256) as u8).collect();
    Source {
        name: "cifar10-lt".into(),
        class_names: (0..classes).map(|c| format!("class {c}")).collect(),
        pool: ImageSet::new(1, 1, pixels, (0..count).map(label).collect(), Vec::new()),
        val: None,
        test: None,
    }
}

fn files(counts: &[usize]) -> Source {
    let labels: Vec<u32> =
        counts.iter().enumerate().flat_map(|(c, &n)| vec![c as u32; n]).collect();
    let names = (0..labels.len()).map(|i| format!("{i}.png")).collect();
    let pixels = (0..labels.len() * 3).map(|i| (i * 17 % 256) as u8).collect();
    Source {
        name: "photos".into(),
        class_names: (0..counts.len()).map(|c| format!("class {c}")).collect(),
        pool: ImageSet::new(1, 1, pixels, labels, names),
        val: None,
        test: None,
    }
}

fn request(imbalance: f64, seed: u64, holdout: Holdout) -> SplitRequest {
    SplitRequest { imbalance: (imbalance > 0.0).then_some(imbalance), seed, holdout }
}

fn make(source: &Source, request: SplitRequest) -> Split {
    Split::make(&Listing::of(source), &request).unwrap().0
}

#[test]
fn selection_is_numpys() {
    let oracle: Value = serde_json::from_str(include_str!("oracles/subset_seed0.json")).unwrap();
    let mut checked = 0;
    for (name, expected) in oracle.as_object().unwrap() {
        let Some((data, mu)) = name.split_once("_0.") else { continue };
        let factor = (1.0 / format!("0.{mu}").parse::<f64>().unwrap()).round();
        let (classes, per_class) = if data == "cifar10" { (10, 5000) } else { (100, 500) };
        // Blocked by class, so that the index within the class is index − class · per_class.
        let split = make(&source(classes, per_class, true), request(factor, 0, Holdout::None));
        let mut hash = Sha256::new();
        split.selected.iter().flatten().for_each(|index| hash.update(index.to_le_bytes()));
        let hash: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hash, expected["sha256_u32le_of_class*N+pos"].as_str().unwrap(), "{name}");
        assert_eq!(split.train.len() as u64, expected["n"].as_u64().unwrap());
        for (class, positions) in expected["first8_positions_within_class"].as_object().unwrap() {
            let class: usize = class.parse().unwrap();
            let selected = &split.selected[class];
            let actual: Vec<u32> = selected[..selected.len().min(8)]
                .iter()
                .map(|index| index - (class * per_class) as u32)
                .collect();
            // Of a class with fewer than eight, the oracle goes on with what was not selected.
            let expected = &positions.as_array().unwrap()[..actual.len()];
            assert!(!actual.is_empty());
            assert_eq!(serde_json::json!(actual), serde_json::json!(expected), "{name} {class}");
        }
        checked += 1;
    }
    assert_eq!(checked, 6);
}

#[test]
fn validation_takes_the_end_of_the_shuffled_order_and_says_what_left_training() {
    let source = source(10, 5000, false);
    let (split, notes) =
        Split::make(&Listing::of(&source), &request(100.0, 0, Holdout::Auto)).unwrap();
    assert_eq!(split.val.len(), 500);
    assert_eq!(split.selected[0].len(), 5000);
    assert_eq!(split.train_counts(source.pool.labels())[..3], [4950, 2997, 1796]);
    assert_eq!(split.val[..50], split.selected[0][4950..]);
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("class 0 50") && notes[0].contains("--val none"), "{}", notes[0]);
    let (_, notes) = Split::make(&Listing::of(&source), &request(100.0, 0, Holdout::None)).unwrap();
    assert!(notes.is_empty());
    let (split, notes) =
        Split::make(&Listing::of(&source), &request(1.0, 0, Holdout::PerClass(10))).unwrap();
    assert_eq!(split.train.len(), 49_900);
    assert!(notes[0].starts_with("100 selected images"), "{}", notes[0]);
}

#[test]
fn a_smaller_factor_keeps_every_image_of_a_larger_one() {
    let source = source(10, 500, false);
    let selected = |factor| make(&source, request(factor, 3, Holdout::None)).selected;
    let (many, some, few) = (selected(10.0), selected(50.0), selected(100.0));
    for class in 0..10 {
        assert!(many[class].starts_with(&some[class]) && some[class].starts_with(&few[class]));
    }
    assert_ne!(few, make(&source, request(100.0, 4, Holdout::None)).selected);
}

#[test]
fn folders_keep_two_training_images_and_small_classes_whole() {
    let source = files(&[40, 10, 4, 3, 1]);
    for holdout in [Holdout::Auto, Holdout::PerClass(1), Holdout::Share(0.1), Holdout::None] {
        let split = make(&source, request(0.0, 0, holdout));
        let train = split.train_counts(source.pool.labels());
        assert!(train[..3].iter().all(|&n| n >= 2), "{holdout:?} {train:?}");
        assert_eq!(train[3..], [3, 1], "classes under 4 images give none away");
        assert_eq!(split.test.len(), 8 + 2 + 1);
    }
    assert_eq!(make(&source, request(0.0, 0, Holdout::Auto)).val.len(), 4 + 1 + 1);
    let thinned = make(&files(&[5, 200, 50]), request(20.0, 0, Holdout::None));
    let lengths: Vec<usize> = thinned.selected.iter().map(Vec::len).collect();
    assert_eq!(lengths, [5, 200, 44], "ranked by size, never more than there are");
}

#[test]
fn a_split_survives_its_file_and_refuses_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("split.json");
    let source = source(10, 100, false);
    let split = make(&source, request(10.0, 1, Holdout::PerClass(5)));
    split.save(&path).unwrap();
    let read = Split::load(&path).unwrap();
    assert_eq!(read, split);
    assert_eq!(read.check(&Listing::of(&source)).unwrap(), None);

    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"train\":[", "\"train\":[0,", 1)).unwrap();
    let message = Split::load(&path).unwrap_err().to_string();
    assert!(message.contains("split.json") && message.contains("hash"), "{message}");
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert!(Split::load(&path).is_err());

    let mut pixels = source.pool.pixels().to_vec();
    pixels[0] ^= 1;
    let pool = ImageSet::new(1, 1, pixels, source.pool.labels().to_vec(), Vec::new());
    let error = |source: Source| split.check(&Listing::of(&source)).unwrap_err().to_string();
    let message = error(Source { pool, ..source.clone() });
    assert!(message.contains("the images deviate"), "{message}");
    let class_names = source.class_names.iter().rev().cloned().collect();
    let message = error(Source { class_names, ..source.clone() });
    assert!(message.contains("the classes deviate"), "{message}");
    let message = error(Source { test: Some(source.pool.clone()), ..source });
    assert!(message.contains("the test images deviate"), "{message}");
}

#[test]
fn requests_that_cannot_be_met_are_named() {
    let source = source(10, 100, false);
    let error = |request| Split::make(&Listing::of(&source), &request).unwrap_err().to_string();
    assert!(error(request(1000.0, 0, Holdout::None)).contains("imbalance 1000"));
    assert!(error(request(10.0, 0, Holdout::PerClass(100))).contains("--val 100"));
    assert!(error(request(10.0, 1 << 32, Holdout::None)).contains("4294967296"));

    let files = Listing::of(&files(&[40, 10, 4, 3]));
    let error = |holdout| Split::make(&files, &request(0.0, 0, holdout)).unwrap_err().to_string();
    let message = error(Holdout::PerClass(2));
    assert!(
        message.contains("class \"class 2\"") && message.contains("choose 1 or less"),
        "{message}"
    );
    assert!(error(Holdout::Share(0.9)).contains("class \"class 0\""));
    let own = Listing { val: Some(files.pool.clone()), ..files.clone() };
    let message =
        Split::make(&own, &request(0.0, 0, Holdout::PerClass(1))).unwrap_err().to_string();
    assert!(message.contains("validation images of its own"), "{message}");
}

/// A listing of files, each identified by one byte.
fn listing(files: &[(u32, u8)]) -> Listing {
    let labels: Vec<u32> = files.iter().map(|(label, _)| *label).collect();
    let classes = labels.iter().max().map_or(0, |max| max + 1);
    Listing {
        name: "photos".into(),
        class_names: (0..classes).map(|c| format!("class {c}")).collect(),
        pool: Listed::of_files(labels, files.iter().map(|(_, byte)| [*byte; 32]).collect()),
        val: None,
        test: None,
        is_files: true,
        by_names: false,
    }
}

#[test]
fn copies_stay_in_one_part() {
    for copies in [2, 3, 5] {
        let mut pairs = Vec::new();
        for label in 0..3 {
            for picture in 0..20_u8 {
                pairs.extend(vec![(label, label as u8 * 20 + picture); copies]);
            }
        }
        let listing = listing(&pairs);
        for seed in 0..5 {
            let (split, _) = Split::make(&listing, &request(0.0, seed, Holdout::Auto)).unwrap();
            let pictures = |part: &[u32]| -> std::collections::HashSet<u8> {
                part.iter().map(|&index| pairs[index as usize].1).collect()
            };
            let [train, val, test] = [&split.train, &split.val, &split.test].map(|p| pictures(p));
            assert!(train.is_disjoint(&val) && train.is_disjoint(&test) && val.is_disjoint(&test));
            // A fifth tests and a tenth validates, as without copies.
            let whole = 20 * copies;
            assert!((whole / 10 * 3..=whole).contains(&split.test.len()), "{}", split.test.len());
            assert!(!split.val.is_empty() && split.train.len() >= 3 * whole / 2);
        }
    }
    // One picture many times over stays where it fits, and trains.
    let same: Vec<_> = (0..12).map(|_| (0, 7)).chain((0..12).map(|i| (1, i))).collect();
    let (split, _) = Split::make(&listing(&same), &request(0.0, 0, Holdout::Auto)).unwrap();
    assert!(split.train.iter().filter(|&&index| index < 12).count() == 12);
}

#[test]
fn copies_across_given_parts_and_labels_are_told() {
    let mut own = listing(&[(0, 1), (0, 2), (1, 3), (1, 4), (1, 1)]);
    own.test = Some(Listed::of_files(vec![0, 1], vec![[2; 32], [9; 32]]));
    let (_, notes) = Split::make(&own, &request(0.0, 0, Holdout::None)).unwrap();
    let said = notes.join("\n");
    assert!(said.contains("1 test image is a copy of training images"), "{said}");
    assert!(said.contains("1 training image is a copy of an image of another class"), "{said}");
}

#[test]
fn the_notes_tell_what_validates_from_what_tests_and_who_is_untested() {
    let source = files(&[20, 10, 3, 1]);
    let notes = |holdout| {
        let (split, notes) = Split::make(&Listing::of(&source), &request(0.0, 0, holdout)).unwrap();
        (split, notes.join("\n"))
    };
    let (split, said) = notes(Holdout::Auto);
    assert_eq!((split.val.len(), split.test.len()), (3, 6));
    assert!(said.starts_with("3 selected images validate and 6 test"), "{said}");
    assert!(said.contains("2 classes of 4 have no test image"), "{said}");
    assert!(said.contains("class 2, class 3"), "{said}");
    let (_, said) = notes(Holdout::None);
    assert!(said.starts_with("6 selected images test") && !said.contains("--val none"), "{said}");
}

#[test]
fn the_hash_is_that_of_images_labels_and_parts() {
    let make = |listing: &Listing, seed| {
        Split::make(listing, &request(0.0, seed, Holdout::Auto)).unwrap().0.hash
    };
    let images: Vec<(u32, u8)> = (0..40).map(|i| (i % 2, i as u8)).collect();
    let photos = listing(&images);
    let elsewhere = Listing { name: "/mnt/disk/photos".into(), ..photos.clone() };
    assert_eq!(make(&photos, 0), make(&elsewhere, 0));
    assert_ne!(make(&photos, 0), make(&photos, 1), "other parts");
    let mut others = images.clone();
    others[3].1 = 99;
    assert_ne!(make(&photos, 0), make(&listing(&others), 0), "another image");
    let class_names = ["b", "a"].map(String::from).to_vec();
    assert_ne!(make(&photos, 0), make(&Listing { class_names, ..photos.clone() }, 0));
    let tested = |byte| Listing {
        test: Some(Listed::of_files(vec![0, 1], vec![[byte; 32], [8; 32]])),
        ..photos.clone()
    };
    assert_ne!(make(&tested(1), 0), make(&tested(2), 0), "another test image");
}

/// As the version before wrote it of eight images of one pixel.
#[test]
fn a_split_of_the_first_layout_is_read_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("split.json");
    let mut split = make(&source(2, 4, true), request(0.0, 0, Holdout::None));
    let v1 = include_str!("fixtures/split-1.json");
    std::fs::write(&path, v1).unwrap();
    let read = Split::load(&path).unwrap();
    assert_eq!((read.version, read.train.clone()), (1, split.train.clone()));
    assert_eq!(read.check(&Listing::of(&source(2, 4, true))).unwrap(), None);
    std::fs::write(&path, v1.replacen("cifar10-lt", "cifar10", 1)).unwrap();
    assert!(Split::load(&path).is_err(), "the first layout counts the name");
    split.data = "another name".into();
    split.save(&path).unwrap();
    Split::load(&path).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn parts_never_overlap(
        counts in prop::collection::vec(1..60_usize, 2..8),
        seed in 0..5_u64,
        val in 0..20_usize,
        factor in prop_oneof![Just(0.0), Just(2.0)],
    ) {
        let source = files(&counts);
        let asked = request(factor, seed, Holdout::PerClass(val));
        let Ok((split, _)) = Split::make(&Listing::of(&source), &asked) else {
            // Refused exactly where a class of four or more would keep fewer than two.
            let kept = |n: usize| if n < 4 { n } else { n - ((n + 2) / 5).max(1) };
            prop_assert!(factor > 0.0 || counts.iter().any(|&n| n >= 4 && kept(n) < val + 2));
            return Ok(());
        };
        prop_assert!(split.check(&Listing::of(&source)).is_ok());
        let selected: Vec<u32> = split.selected.concat();
        for index in split.train.iter().chain(&split.val).chain(&split.test) {
            prop_assert!(selected.contains(index));
        }
        prop_assert!(split.train_counts(source.pool.labels()).iter().all(|&n| n >= 1));
        prop_assert_eq!(&split, &make(&source, asked));
    }
}
