//! Settings that mean nothing: exit code 2, one sentence, nothing written.

use super::program::{Place, SMALL};

fn refused(options: &str, says: &[&str]) {
    let place = Place::with_photos();
    let text = place.fail(2, &format!("train {SMALL} --out run {options}"));
    says.iter().for_each(|part| assert!(text.contains(part), "{options}: {text}"));
    assert!(!place.exists("run"), "{options}: nothing is written");
}

#[test]
fn numbers_out_of_range() {
    refused("--epochs 0", &["epochs", "at least one"]);
    refused("--batch-size 0", &["batch_size = 0"]);
    refused("--temperature 0", &["temperature = 0", "at least"]);
    refused("--temperature -1", &["temperature = -1"]);
    refused("--imbalance 0.5", &["imbalance = 0.5"]);
    refused("--imbalance 0", &["imbalance = 0", "leave it out"]);
    refused("--imbalance nan", &["imbalance = NaN"]);
    refused("--lr inf", &["lr = inf"]);
    refused("--lr -0.1", &["lr = -0.1"]);
    refused("--weight-decay -1", &["weight_decay = -1"]);
    refused("--tau nan", &["tau = NaN"]);
    refused("--alpha -1", &["alpha = -1"]);
    refused("--threads 9999", &["9999", "1..=1024"]);
    refused("--backbone resnet33", &["resnet33", "6n+2"]);
}

#[test]
fn options_that_would_do_nothing() {
    refused("--test-list none.txt", &["test_list = none.txt", "--train-list"]);
    let place = Place::new();
    let text = place.fail(2, "train --image-size 64 --out run");
    assert!(text.contains("image_size = 64") && !place.exists("run"), "{text}");
}

#[test]
fn data_sets_that_are_none() {
    let place = Place::new();
    for (words, says) in [
        ("train --data sinthetic --out run", "the nearest data set is \"synthetic\""),
        ("train --data synthetic --data-dir here --out run", "leave --data-dir out"),
        ("data stats --data sinthetic", "the nearest data set is \"synthetic\""),
    ] {
        let text = place.fail(2, words);
        assert!(text.contains(says) && text.lines().count() == 1, "{words}: {text}");
    }
    assert!(!place.exists("run"));
}

#[test]
fn words_that_are_not_known() {
    refused("--method bcl-rcl", &["bcl-rcl", "bcl+rcl"]);
    refused("--val some", &["some", "none"]);
    refused("--set loss.betta=1", &["betta", "the nearest is \"beta\""]);
    refused("--set loss.beta=much", &["--set loss.beta=much", "much"]);
    refused("--set nonsense", &["section.key=value"]);
    refused("--nonsense", &["--nonsense"]);
}

#[test]
fn recipes_with_unknown_keys_or_wrong_types() {
    let place = Place::with_photos();
    for (text, says) in [
        (
            "[loss]\nalpha = 2.0\ntua = 1.0\n",
            "r.toml line 3: unknown key \"tua\"; the nearest is \"tau\"",
        ),
        ("[los]\n", "r.toml line 1: unknown key \"los\"; the nearest is \"loss\""),
        ("[train]\n\nepochs = \"many\"\n", "r.toml line 3: "),
        ("[train]\nepochs = \n", "r.toml line 2: "),
        ("[method]\nname = \"bcll\"\n", "the nearest is \"bcl\""),
    ] {
        place.write("r.toml", text);
        let said = place.fail(2, &format!("train {SMALL} --recipe r.toml --out run"));
        assert!(said.contains(says), "{text:?}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "one sentence: {said}");
    }
    let said = place.fail(2, &format!("train {SMALL} --recipe nowhere.toml --out run"));
    assert!(said.contains("nowhere.toml"), "{said}");
    assert!(!place.exists("run"));
}
