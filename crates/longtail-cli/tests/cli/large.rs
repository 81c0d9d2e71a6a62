//! Large networks and images: a batch in parts, and a step of every recipe of images in lists.

use std::{collections::BTreeSet, fs, path::Path};

use image::{Rgb, RgbImage};
use serde_json::Value;

use super::program::{Place, SMALL, stderr};

#[test]
fn a_batch_is_worked_off_in_parts_and_a_larger_part_than_the_batch_is_refused() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --micro-batch 3 --epochs 2 --out parts"));
    place.succeed(&format!("train {SMALL} --micro-batch 3 --epochs 2 --out again --threads 1"));
    place.succeed(&format!("train {SMALL} --micro-batch 8 --epochs 2 --out one"));
    place.succeed(&format!("train {SMALL} --epochs 2 --out whole"));
    assert_eq!(place.weights("parts"), place.weights("again"));
    assert_eq!(place.metrics("one"), place.metrics("whole"), "one part is the whole");
    assert_ne!(place.metrics("parts"), place.metrics("whole"));
    let said = place.fail(2, &format!("train {SMALL} --micro-batch 9 --out new"));
    assert!(said.contains("train.micro_batch = 9") && said.contains("batch of 8"), "{said}");
    let said = place.fail(1, "train --resume --out parts --micro-batch 4");
    assert!(said.contains("micro_batch"), "{said}");
    assert!(!place.exists("new"));
}

#[test]
fn a_dry_run_says_what_fits_and_a_scaled_learning_rate_how_to_keep_it() {
    let place = Place::with_photos();
    let forecast: Value = serde_json::from_str(
        &place.succeed(&format!("train {SMALL} --micro-batch 4 --dry-run --json")),
    )
    .unwrap();
    assert_eq!(forecast["micro_batch"], 4);
    let words = SMALL.replace("--quiet", "").replace("--lr 0.05", "");
    let output = place.run(&format!("train {words} --micro-batch 4 --dry-run"));
    let (said, notes) = (String::from_utf8(output.stdout.clone()).unwrap(), stderr(&output));
    assert!(said.contains("8 images in 3 views, at most 4 at a time"), "{said}");
    let scaled = "scaled with the batch size, from ";
    assert!(notes.contains(scaled) && notes.contains("--lr sets it"), "{notes}");
    if cfg!(target_os = "linux") {
        let fits = &forecast["fits"];
        // Batches end at the training images, of which there are fewer than memory holds.
        assert!(fits["largest_batch"].as_u64().unwrap() < 28, "{fits}");
        assert_eq!(fits["largest_micro_batch"], 8);
        assert!(fits["needed"].as_u64() < fits["free"].as_u64(), "{fits}");
        assert!(said.contains("--micro-batch 8 with a batch of 8"), "{said}");
    }
}

/// Recipes of images in lists.
fn recipes() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut recipes: Vec<_> = paths
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.strip_suffix(".toml")?.to_owned();
            let text = fs::read_to_string(&path).unwrap();
            text.contains("train_list").then_some((name, text))
        })
        .collect();
    recipes.sort();
    recipes
}

/// Images of three classes as large as photographs, and the lists that the recipes name.
fn lists(place: &Place, recipes: &[(String, String)]) {
    let (mut train, mut test) = (String::new(), String::new());
    for (label, base) in [[180_u8, 20, 20], [20, 180, 20], [20, 20, 180]].into_iter().enumerate() {
        for i in 0..8 - 2 * label as u32 {
            let pixel =
                |x: u32, y: u32| Rgb(base.map(|v| v + ((x * 7 + y * 3 + i * 5) % 71) as u8));
            let name = format!("made/{label}-{i}.png");
            let path = place.path(&name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            RgbImage::from_fn(300, 260, pixel).save(path).unwrap();
            let list = if i == 0 { &mut test } else { &mut train };
            *list += &format!("{label}-{i}.png {label}\n");
        }
    }
    let named: BTreeSet<String> = recipes
        .iter()
        .flat_map(|(_, text)| {
            let recipe: toml::Table = text.parse().unwrap();
            let keys = ["train_list", "val_list", "test_list"];
            keys.map(|key| Some(recipe["data"].get(key)?.as_str()?.to_owned()))
        })
        .flatten()
        .collect();
    for list in named {
        place.write(&list, if list.contains("train") { &train } else { &test });
    }
}

/// `cargo test --release --workspace --test cli every_recipe_of_lists -- --ignored`
#[test]
#[ignore = "two dozen steps of ResNet-50 at 224 × 224 take minutes"]
fn every_recipe_of_lists_takes_a_step_at_its_size() {
    let (place, recipes) = (Place::new(), recipes());
    assert!(recipes.len() > 20, "{}", recipes.len());
    lists(&place, &recipes);
    for (name, text) in &recipes {
        let few = "--batch-size 4 --micro-batch 2 --max-steps 1";
        let words = format!("train --recipe {name} --data-dir made {few} --out {name} --json");
        let summary: Value = serde_json::from_str(&place.succeed(&words)).unwrap();
        assert_eq!(summary["steps"], 1, "{name}");
        let recipe: toml::Table =
            fs::read_to_string(place.path(name).join("recipe.toml")).unwrap().parse().unwrap();
        let typed: toml::Table = text.parse().unwrap();
        for section in ["views", "model", "method"] {
            for (key, value) in typed[section].as_table().unwrap() {
                assert_eq!(recipe[section].get(key), Some(value), "{name}: {section}.{key}");
            }
        }
        assert_eq!(recipe["data"]["image_size"].as_integer(), Some(224), "{name}");
    }
}
