//! Runs that a later version has written.

use std::fs;

use super::program::{Place, SMALL};

#[test]
fn every_command_that_reads_a_newer_run_says_that_it_is_one() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --max-steps 1 --seeds 0 --out runs"));
    let recipe = fs::read_to_string(place.path("runs/seed-0/recipe.toml")).unwrap();
    let newer = recipe.replace("[train]\n", "[train]\nnew_thing = 3\n");
    assert_ne!(newer, recipe);
    place.write("runs/seed-0/recipe.toml", &newer);
    let said = place.fail(2, "evaluate runs/seed-0");
    assert!(said.contains("unknown key \"new_thing\"") && !said.contains("newer"), "{said}");
    let mut summary = place.json("runs/seed-0/summary.json");
    summary["longtail_version"] = "9.9.0".into();
    place.write("runs/seed-0/summary.json", &summary.to_string());
    for words in [
        "evaluate runs/seed-0",
        "evaluate runs/seed-0 --data photos",
        "predict runs/seed-0 photos",
        "export runs/seed-0 --format pth",
        "compare runs/seed-0",
        "train --resume --out runs/seed-0",
        "train --method crt --stage1 runs/seed-0 --out new",
        "train --branch-from runs/seed-0 --out new",
        &format!("train {SMALL} --max-steps 1 --seeds 0 --out runs"),
        &format!("train {SMALL} --method ride --teacher runs/seed-0 --out new"),
    ] {
        let said = place.fail(1, words);
        let says = "was written by Longtail 9.9.0, which is newer than this one";
        assert!(said.contains(says) && said.contains("new_thing"), "{words}: {said}");
        assert!(said.contains("use a program as new"), "{words}: {said}");
    }
    // What has no unknown key but a list of images that this version does not know.
    place.write("runs/seed-0/recipe.toml", &recipe);
    let mut split = place.json("runs/seed-0/split.json");
    split["new_thing"] = 3.into();
    place.write("runs/seed-0/split.json", &split.to_string());
    for words in ["evaluate runs/seed-0", "predict runs/seed-0 photos"] {
        let said = place.fail(1, words);
        assert!(said.contains("Longtail 9.9.0") && said.contains("new_thing"), "{words}: {said}");
    }
}
