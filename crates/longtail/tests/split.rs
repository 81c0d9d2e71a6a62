//! The long-tail selection against NumPy's (`oracles/subset_seed0.json`) and what a split promises.

use longtail::data::{Holdout, ImageSet, Source, Split, SplitRequest};
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
    Split::make(source, &request).unwrap().0
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
    let (split, notes) = Split::make(&source, &request(100.0, 0, Holdout::Auto)).unwrap();
    assert_eq!(split.val.len(), 500);
    assert_eq!(split.selected[0].len(), 5000);
    assert_eq!(split.train_counts(&source)[..3], [4950, 2997, 1796]);
    assert_eq!(split.val[..50], split.selected[0][4950..]);
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("class 0 50") && notes[0].contains("--val none"), "{}", notes[0]);
    let (_, notes) = Split::make(&source, &request(100.0, 0, Holdout::None)).unwrap();
    assert!(notes.is_empty());
    let (split, notes) = Split::make(&source, &request(1.0, 0, Holdout::PerClass(10))).unwrap();
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
fn folders_keep_one_training_image_and_small_classes_whole() {
    let source = files(&[40, 10, 4, 3, 1]);
    for holdout in [Holdout::Auto, Holdout::PerClass(50), Holdout::None] {
        let split = make(&source, request(0.0, 0, holdout));
        let train = split.train_counts(&source);
        assert!(train.iter().all(|&n| n >= 1), "{holdout:?} {train:?}");
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
    read.check(&source).unwrap();

    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"train\":[", "\"train\":[0,", 1)).unwrap();
    let message = Split::load(&path).unwrap_err().to_string();
    assert!(message.contains("split.json") && message.contains("hash"), "{message}");
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert!(Split::load(&path).is_err());

    let mut pixels = source.pool.pixels().to_vec();
    pixels[0] ^= 1;
    let pool = ImageSet::new(1, 1, pixels, source.pool.labels().to_vec(), Vec::new());
    let message = split.check(&Source { pool, ..source.clone() }).unwrap_err().to_string();
    assert!(message.contains("the images deviate"), "{message}");
    let class_names = source.class_names.iter().rev().cloned().collect();
    let message = split.check(&Source { class_names, ..source }).unwrap_err().to_string();
    assert!(message.contains("the classes deviate"), "{message}");
}

#[test]
fn requests_that_cannot_be_met_are_named() {
    let source = source(10, 100, false);
    let error = |request| Split::make(&source, &request).unwrap_err().to_string();
    assert!(error(request(1000.0, 0, Holdout::None)).contains("imbalance 1000"));
    assert!(error(request(10.0, 0, Holdout::PerClass(100))).contains("--val 100"));
    assert!(error(request(10.0, 1 << 32, Holdout::None)).contains("4294967296"));
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
        let split = make(&source, request(factor, seed, Holdout::PerClass(val)));
        prop_assert!(split.check(&source).is_ok());
        let selected: Vec<u32> = split.selected.concat();
        for index in split.train.iter().chain(&split.val).chain(&split.test) {
            prop_assert!(selected.contains(index));
        }
        prop_assert!(split.train_counts(&source).iter().all(|&n| n >= 1));
        prop_assert_eq!(&split, &make(&source, request(factor, seed, Holdout::PerClass(val))));
    }
}
