//! Runs that go on from where another one was.

use super::program::{Place, SMALL, stderr};

/// A run of two epochs that was stopped after one, of two steps.
fn trunk(place: &Place) {
    place.succeed(&format!("train {SMALL} --epochs 2 --max-steps 2 --out trunk"));
    assert_eq!(place.metrics("trunk").len(), 1);
}

#[test]
fn a_branch_under_the_same_settings_has_the_bits_of_the_unbroken_run() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 2 --out whole"));
    trunk(&place);
    // In mid-epoch as well.
    place.succeed(&format!("train {SMALL} --epochs 2 --max-steps 3 --out later"));
    for (from, out) in [("trunk", "a"), ("later", "b")] {
        let said = place.run(&format!("train --branch-from {from} --out {out}"));
        assert!(said.status.success(), "{}", stderr(&said));
        assert!(stderr(&said).contains("nothing changed"), "{}", stderr(&said));
        assert_eq!(place.weights(out), place.weights("whole"), "{from}");
        assert_eq!(place.metrics(out).len(), 2);
    }
}

#[test]
fn compression_that_begins_with_a_branch_has_the_bits_of_one_that_was_meant_from_the_start() {
    let place = Place::with_photos();
    trunk(&place);
    let compressed =
        "--compression fcc-like --set compression.start=1 --set compression.threshold=1";
    place.succeed(&format!("train {SMALL} --epochs 2 {compressed} --out whole"));
    let said = place.run(&format!("train --branch-from trunk {compressed} --out branch"));
    let text = stderr(&said);
    assert!(said.status.success(), "{text}");
    assert!(text.contains("branches from the run in trunk: 1 epoch, 2 steps"), "{text}");
    assert!(text.contains("compression.preset = \"fcc-like\" instead of \"off\""), "{text}");
    assert!(text.contains("compression after 1 epoch"), "{text}");
    assert_eq!(place.weights("branch"), place.weights("whole"));
    place.succeed(&format!("train {SMALL} --epochs 2 --out off"));
    assert_ne!(place.weights("branch"), place.weights("off"), "compression changes something");
    let recipe = std::fs::read_to_string(place.path("branch/recipe.toml")).unwrap();
    let branch = recipe.split_once("[branch]\n").unwrap().1;
    assert!(branch.contains("epoch = 1\nstep = 2\ndigest = "), "{branch}");
    // Its recipe alone is not the run.
    let said = place.fail(2, "train --recipe branch/recipe.toml --out again");
    assert!(said.contains("--branch-from"), "{said}");
}

#[test]
fn a_branch_is_killed_and_gone_on_with_like_any_run() {
    let place = Place::with_photos();
    trunk(&place);
    place.succeed("train --branch-from trunk --lr 0.01 --epochs 3 --out whole --quiet");
    place.succeed("train --branch-from trunk --lr 0.01 --epochs 3 --max-steps 5 --out cut --quiet");
    std::fs::remove_dir_all(place.path("trunk")).unwrap();
    place.succeed("train --resume --out cut --quiet");
    assert_eq!(place.weights("cut"), place.weights("whole"));
}

#[test]
fn what_a_branch_has_to_keep_is_refused_otherwise() {
    let place = Place::with_photos();
    trunk(&place);
    for (words, says) in [
        ("--batch-size 4", "train.batch_size = 8, not 4, which a branch keeps"),
        ("--image-size 8", "data.image_size = 16, not 8"),
        ("--backbone resnet20", "model.backbone = \"resnet8\", not \"resnet20\""),
        ("--method ce", "the network of bcl+rcl is another one than that of ce"),
        ("--epochs 1", "it has done 1 epoch, and the branch is to end after 1 epoch"),
    ] {
        let said = place.run(&format!("train --branch-from trunk {words} --out new --quiet"));
        let text = stderr(&said);
        assert!(!said.status.success() && text.contains(says), "{words}: {text}");
        assert!(text.lines().count() <= 2 && !place.exists("new"), "{words}: {text}");
    }
    let said = place.run("train --branch-from nowhere --out new");
    assert!(stderr(&said).contains("nowhere"), "{}", stderr(&said));
    // A method with the same network may take over.
    place.succeed("train --branch-from trunk --method bcl --out bcl --quiet");
    assert_eq!(place.json("bcl/summary.json")["method"], "bcl");
}
