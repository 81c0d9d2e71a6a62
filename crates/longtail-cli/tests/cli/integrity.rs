//! A run that was changed, lost a file or is looked at where nothing can be written: said or refused, never silent.

use std::{fs, path::PathBuf};

use super::program::{Place, SMALL, stderr};

const COMMANDS: [&str; 3] =
    ["train --resume --out run --quiet", "evaluate run", "predict run photos/red"];

fn trained(options: &str) -> Place {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --out run {options}"));
    place
}

fn checkpoints(place: &Place, name: &str) -> PathBuf {
    place.path("run/checkpoints").join(name)
}

#[test]
fn a_changed_byte_of_a_checkpoint_is_refused_by_every_command() {
    let place = trained("--epochs 2");
    let path = checkpoints(&place, "last.safetensors");
    let whole = fs::read(&path).unwrap();
    for at in [9, 200, whole.len() / 2, whole.len() - 1] {
        let mut changed = whole.clone();
        changed[at] ^= 4;
        fs::write(&path, changed).unwrap();
        for command in COMMANDS {
            let text = place.fail(1, command);
            assert!(text.contains("last.safetensors is damaged"), "{text}");
            assert!(text.contains("previous.safetensors"), "{text}");
        }
    }
}

#[test]
fn a_run_goes_on_from_the_checkpoint_before_a_damaged_one() {
    let unbroken = trained("--epochs 4");
    let place = trained("--epochs 4 --checkpoint-steps 1");
    fs::write(checkpoints(&place, "last.safetensors"), "no checkpoint").unwrap();
    let text = place.fail(1, "train --resume --out run --quiet");
    assert!(text.contains("put") && text.contains("in its place"), "{text}");
    fs::rename(
        checkpoints(&place, "previous.safetensors"),
        checkpoints(&place, "last.safetensors"),
    )
    .unwrap();
    place.succeed("train --resume --out run --quiet");
    assert_eq!(place.weights("run"), unbroken.weights("run"));
    assert_eq!(place.metrics("run"), unbroken.metrics("run"));
}

#[test]
fn weights_without_a_checkpoint_are_neither_scored_nor_written_over() {
    let place = trained("--epochs 1");
    let files = ["summary.json", "metrics.jsonl", "checkpoints/weights-last.safetensors"];
    let read = || files.map(|file| fs::read(place.path("run").join(file)).unwrap());
    let before = read();
    fs::remove_file(checkpoints(&place, "last.safetensors")).unwrap();
    let _ = fs::remove_file(checkpoints(&place, "previous.safetensors"));
    for command in COMMANDS.into_iter().chain(["export run --format safetensors --out x"]) {
        let text = place.fail(1, command);
        assert!(text.contains("its checkpoint is gone: put "), "{text}");
    }
    assert!(read() == before, "something was written over");
    for file in ["weights-last.safetensors", "weights-best.safetensors"] {
        let _ = fs::remove_file(checkpoints(&place, file));
    }
    for command in ["evaluate run", "predict run photos/red"] {
        let text = place.fail(1, command);
        assert!(text.contains("no checkpoint yet: train it first"), "{text}");
    }
    place.succeed("train --resume --out run --quiet");
    assert_eq!(read()[2], before[2]);
}

#[test]
fn a_recipe_that_was_changed_is_refused_by_every_command() {
    let place = trained("--epochs 1");
    let path = place.path("run/recipe.toml");
    let recipe = fs::read_to_string(&path).unwrap();
    assert!(recipe.contains("\nlr = 0.05\n"), "{recipe}");
    fs::write(&path, recipe.replace("\nlr = 0.05\n", "\nlr = 0.06\n")).unwrap();
    for command in COMMANDS.iter().chain(&["evaluate run --data photos"]) {
        let text = place.fail(1, command);
        assert!(text.contains("another recipe") && text.contains("recipe.toml"), "{text}");
    }
}

#[test]
fn a_log_that_was_changed_is_said_and_put_in_order() {
    let place = trained("--epochs 3");
    let whole = place.metrics("run");
    let path = place.path("run/metrics.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let said = |log: Option<String>, command: &str| {
        match log {
            Some(log) => fs::write(&path, log).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let output = place.run(command);
        assert!(output.status.success(), "{}", stderr(&output));
        stderr(&output)
    };
    let swapped = || Some([lines[1], lines[0], lines[2]].join("\n") + "\n");
    let note = said(swapped(), "evaluate run");
    assert!(note.contains("the report's curves") && note.contains("order"), "{note}");
    let note = said(swapped(), "train --resume --out run --epochs 4");
    assert!(note.contains("metrics.jsonl is not what the run wrote"), "{note}");
    assert_eq!(place.metrics("run").len(), 4);
    assert_eq!(place.metrics("run")[..3], whole);
    let note = said(None, "evaluate run");
    assert!(note.contains("metrics.jsonl is missing"), "{note}");
}

#[test]
fn a_beginning_that_was_interrupted_is_begun_again() {
    let unbroken = trained("--epochs 1");
    let of_first_stage = vec![".lock", "split.json", "metrics.jsonl"];
    let of_recipe = vec![".lock", "split.json", ".recipe.toml.part"];
    for left in [vec![], vec![".lock"], of_first_stage, of_recipe] {
        let place = Place::with_photos();
        fs::create_dir_all(place.path("run/checkpoints")).unwrap();
        left.iter().for_each(|name| place.write(&format!("run/{name}"), ""));
        if left.is_empty() {
            fs::remove_dir(place.path("run/checkpoints")).unwrap();
        } else {
            let text = place.fail(1, "train --resume --out run");
            assert!(text.contains("start it again with the same command"), "{text}");
        }
        place.succeed(&format!("train {SMALL} --epochs 1 --out run"));
        assert_eq!(place.weights("run"), unbroken.weights("run"));
        assert!(!place.exists("run/.recipe.toml.part"));
    }
    // What somebody else put there is theirs.
    let place = Place::with_photos();
    fs::create_dir(place.path("run")).unwrap();
    place.write("run/split.json", "theirs");
    let text = place.fail(1, &format!("train {SMALL} --epochs 1 --out run"));
    assert!(text.contains("exists already"), "{text}");
}

#[test]
fn a_longer_run_that_was_killed_before_its_recipe_was_written_goes_on() {
    let place = trained("--epochs 2");
    let recipe = fs::read(place.path("run/recipe.toml")).unwrap();
    let longer = "train --resume --out run --epochs 4 --quiet";
    // The checkpoint of the longer run is there first.
    place.succeed(&format!("{longer} --max-steps 4"));
    let at_the_seam = fs::read(checkpoints(&place, "previous.safetensors")).unwrap();
    fs::write(checkpoints(&place, "last.safetensors"), at_the_seam).unwrap();
    fs::write(place.path("run/recipe.toml"), &recipe).unwrap();
    place.succeed(longer);
    let unbroken = trained("--epochs 2");
    unbroken.succeed(longer);
    assert_eq!(place.weights("run"), unbroken.weights("run"));
}

/// `photos` with a part to test on.
fn with_test_part() -> Place {
    let place = Place::with_photos();
    for class in ["red", "green", "blue"] {
        let [train, test] =
            ["train", "test"].map(|part| place.path("photos").join(part).join(class));
        fs::create_dir_all(&test).unwrap();
        fs::create_dir_all(train.parent().unwrap()).unwrap();
        fs::rename(place.path("photos").join(class), &train).unwrap();
        for name in ["00.png", "01.png"] {
            fs::rename(train.join(name), test.join(name)).unwrap();
        }
    }
    place.succeed(&format!("train {SMALL} --epochs 1 --out run"));
    place
}

#[test]
fn figures_of_other_test_images_are_not_the_runs() {
    let place = with_test_part();
    let own = fs::read(place.path("run/summary.json")).unwrap();
    let untouched = |says: &str| {
        let text = place.fail(1, "evaluate run");
        assert!(text.contains(says), "{text}");
        assert_eq!(fs::read(place.path("run/summary.json")).unwrap(), own);
    };
    let [red, green, kept] = ["red", "green", "kept"].map(|c| place.path("photos/test").join(c));
    fs::rename(&red, &kept).unwrap();
    fs::rename(&green, &red).unwrap();
    fs::rename(&kept, &green).unwrap();
    untouched("the test images");
    let output = place.run("evaluate run --data photos");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("not the images of the run"), "{}", stderr(&output));
    assert_eq!(fs::read(place.path("run/summary.json")).unwrap(), own);
    fs::rename(place.path("photos/test"), place.path("elsewhere")).unwrap();
    untouched("the test images");
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_links_in_a_run() {
    use std::os::unix::fs::symlink;
    let place = trained("--epochs 2");
    let theirs = |name: &str| {
        place.write("theirs", "theirs");
        let path = place.path("run").join(name);
        let _ = fs::remove_file(&path);
        symlink(place.path("theirs"), &path).unwrap();
    };
    theirs("metrics.jsonl");
    theirs("summary.json");
    theirs("checkpoints/.last.safetensors.part");
    place.succeed("train --resume --out run --epochs 3 --quiet");
    assert_eq!(fs::read(place.path("theirs")).unwrap(), b"theirs");
    theirs(".lock");
    let text = place.fail(1, "train --resume --out run");
    assert!(text.contains(".lock is a link"), "{text}");
    fs::remove_file(place.path("run/.lock")).unwrap();
    fs::rename(place.path("run/checkpoints"), place.path("outside")).unwrap();
    symlink(place.path("outside"), place.path("run/checkpoints")).unwrap();
    let text = place.fail(1, "evaluate run");
    assert!(text.contains("checkpoints is a link"), "{text}");
}

#[cfg(unix)]
#[test]
fn a_run_that_cannot_be_written_to_is_evaluated() {
    use std::os::unix::{fs::PermissionsExt, process::CommandExt};
    const NOBODY: u32 = 65534;
    let place = trained("--epochs 1");
    let own = fs::read(place.path("run/summary.json")).unwrap();
    let mode = |name: &str, mode| {
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(mode)).unwrap()
    };
    mode("", 0o755);
    mode("run/.lock", 0o444);
    mode("run", 0o555);
    let is_root = fs::File::create_new(place.path("run/made-by-root")).is_ok();
    // Where others may run it.
    fs::copy(assert_cmd::cargo::cargo_bin!("longtail"), place.path("longtail")).unwrap();
    let mut command = std::process::Command::new(place.path("longtail"));
    command.args(["evaluate", "run", "--json", "--device", "cpu"]).current_dir(place.path(""));
    if is_root {
        fs::remove_file(place.path("run/made-by-root")).unwrap();
        command.uid(NOBODY);
    }
    let output = command.output().unwrap();
    mode("run", 0o755);
    assert!(output.status.success(), "{}", stderr(&output));
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let own_figures: serde_json::Value = serde_json::from_slice(&own).unwrap();
    assert_eq!(figures["last"], own_figures["last"]);
    assert_eq!(fs::read(place.path("run/summary.json")).unwrap(), own);
}
