//! Splits that travel as one file.

use std::fs;

use super::program::{Place, SMALL, shared_data};

const KNOBS: &str = "--backbone resnet8 --batch-size 8 --lr 0.05 --quiet";

#[test]
fn a_run_from_a_pack_is_the_run_from_the_folder() {
    let place = Place::with_photos();
    let data = "--data photos --image-size 16 --val 1 --imbalance 2.5 --split-seed 3";
    place.succeed(&format!("data pack {data} --out small.pack"));
    place.succeed(&format!("train {data} {KNOBS} --max-steps 4 --out folder"));
    fs::rename(place.path("photos"), place.path("elsewhere")).unwrap();
    place.succeed(&format!("train --data small.pack {KNOBS} --max-steps 4 --out pack"));
    assert_eq!(place.weights("pack"), place.weights("folder"));
    assert_eq!(place.json("pack/split.json"), place.json("folder/split.json"));
    let test = |run: &str| place.json(&format!("{run}/summary.json"))["last"]["test"].clone();
    assert_eq!(test("pack"), test("folder"));
    let text = place.succeed("data stats --data small.pack");
    assert!(text.contains("red") && text.contains("imbalance factor"), "{text}");
}

#[test]
fn a_run_goes_on_from_a_pack_in_pieces() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --max-steps 6 --out whole"));
    place.succeed(&format!("train {SMALL} --max-steps 3 --out moved"));
    place.succeed("data pack --data photos --image-size 16 --val 1 --out photos.pack");
    // Pieces of a MiB hold it all: smaller ones are made by hand.
    let bytes = fs::read(place.path("photos.pack")).unwrap();
    for (number, piece) in bytes.chunks(bytes.len().div_ceil(3)).enumerate() {
        fs::write(place.path(&format!("pieces.pack.{:03}", number + 1)), piece).unwrap();
    }
    fs::remove_dir_all(place.path("photos")).unwrap();
    fs::remove_file(place.path("photos.pack")).unwrap();
    place.succeed("train --resume --out moved --data-dir pieces.pack --max-steps 6 --quiet");
    assert_eq!(place.weights("moved"), place.weights("whole"));
}

#[test]
fn a_pack_of_lists_needs_no_lists() {
    let place = Place::with_photos();
    let lines = |part: &str, classes: &[(&str, u32)]| {
        let line = |(label, (class, count)): (usize, &(&str, u32))| {
            (0..*count).map(|i| format!("photos/{class}/{i:02}.png {label}\n")).collect::<String>()
        };
        place.write(part, &classes.iter().enumerate().map(line).collect::<String>());
    };
    lines("train.txt", &[("red", 12), ("green", 8), ("blue", 4)]);
    lines("test.txt", &[("red", 3), ("green", 3), ("blue", 3)]);
    place.succeed(
        "data pack --data train.txt --test-list test.txt --image-size 16 --val 1 --out lists.pack",
    );
    for gone in ["train.txt", "test.txt"] {
        fs::remove_file(place.path(gone)).unwrap();
    }
    fs::rename(place.path("photos"), place.path("elsewhere")).unwrap();
    place.succeed(&format!("train --data lists.pack {KNOBS} --max-steps 2 --out run"));
    place.succeed("train --resume --out run --max-steps 3 --quiet");
    place.succeed("predict run elsewhere/red/00.png");
}

#[test]
fn what_a_pack_cannot_give_is_said() {
    let place = Place::with_photos();
    place.succeed("data pack --data photos --image-size 16 --val 1 --out photos.pack");
    let refused = place.fail(2, "train --data photos.pack --imbalance 2 --out run");
    assert!(refused.contains("leave imbalance out"), "{refused}");
    let refused = place
        .fail(1, "train --data photos --data-dir photos.pack --image-size 16 --val 2 --out run");
    assert!(refused.contains("photos.pack") && refused.contains("data.val"), "{refused}");
    let bytes = fs::read(place.path("photos.pack")).unwrap();
    fs::write(place.path("half.pack"), &bytes[..bytes.len() / 2]).unwrap();
    let refused = place.fail(1, "train --data half.pack --out run");
    assert!(refused.contains("half.pack"), "{refused}");
    place.write("notes.txt", "mine");
    let refused = place.fail(1, "data pack --data photos --out notes.txt");
    assert!(refused.contains("notes.txt"), "{refused}");
    assert_eq!(fs::read_to_string(place.path("notes.txt")).unwrap(), "mine");
    for name in ["other.001", "photos.pack.001"] {
        place.write(name, "mine");
        let out = name.trim_end_matches(".001");
        let refused = place.fail(1, &format!("data pack --data photos --out {out}"));
        assert!(refused.contains(name), "{refused}");
        assert_eq!(fs::read_to_string(place.path(name)).unwrap(), "mine");
    }
    assert!(!place.exists("run"));
}

#[test]
fn a_long_tailed_cifar_travels_in_pieces() {
    let Some(archive) = shared_data("cifar-10-binary.tar.gz") else { return };
    let place = Place::new();
    let data = format!("--data cifar10-lt --data-dir {}", archive.display());
    place.succeed(&format!("data pack {data} --out cifar.pack --piece-size 30"));
    let size = |name: &str| fs::metadata(place.path(name)).unwrap().len();
    assert!(size("cifar.pack.001") == 30 << 20 && !place.exists("cifar.pack"));
    let run = "--backbone resnet8 --batch-size 16 --max-steps 2 --method ce --quiet";
    place.succeed(&format!("train {data} {run} --out archive"));
    place.succeed(&format!("train --data cifar.pack {run} --out pack"));
    assert_eq!(place.weights("pack"), place.weights("archive"));
    assert_eq!(place.metrics("pack"), place.metrics("archive"));
}
