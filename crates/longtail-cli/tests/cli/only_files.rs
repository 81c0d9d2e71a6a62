//! Pipes, devices and sockets in the places of files; names that are more than letters.
#![cfg(target_os = "linux")]

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    process::{Command, Output},
};

use super::program::{Place, SMALL, stderr};

/// `longtail` with these words, ended where it waits for whoever writes to a pipe.
fn run(place: &Place, words: &str) -> Output {
    let mut command = Command::new("timeout");
    command.arg("300").arg(assert_cmd::cargo::cargo_bin!("longtail"));
    let output =
        command.args(words.split_whitespace()).current_dir(place.path("")).output().unwrap();
    assert_ne!(output.status.code(), Some(124), "longtail {words} waits");
    output
}

fn pipe(place: &Place, name: &str) {
    let made = Command::new("mkfifo").arg(place.path(name)).status().unwrap();
    assert!(made.success());
}

#[test]
fn pipes_are_named_and_not_opened() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 1 --out run"));
    for name in ["pipe", "pipe.png", "photos/red/pipe.png", "photos/pipe.jpg"] {
        pipe(&place, name);
    }
    std::os::unix::fs::symlink("/dev/zero", place.path("photos/blue/zero.png")).unwrap();
    let loud = SMALL.replace("--quiet", "");
    for words in [
        &format!("train {loud} --epochs 1 --out new"),
        "data stats --data photos",
        "predict run photos",
    ] {
        let output = run(&place, words);
        let text = stderr(&output);
        assert!(output.status.success(), "{words}: {text}");
        assert!(text.contains("red/pipe.png (a pipe)"), "{words}: {text}");
        assert!(text.contains("blue/zero.png (a device)"), "{words}: {text}");
        assert!(text.contains("photos/pipe.jpg (a pipe)"), "{words}: {text}");
    }
    fs::create_dir(place.path("cifar")).unwrap();
    pipe(&place, "cifar/test_batch.bin");
    fs::write(place.path("cifar/data_batch_1.bin"), "x").unwrap();
    let lists = "photos/red/00.png 0\npipe.png 0\nphotos/blue/00.png 1\n";
    place.write("list.txt", lists);
    let small = SMALL.replace("--data photos", "");
    for (code, words) in [
        (1, format!("train {small} --out no --data pipe")),
        (1, format!("train {small} --out no --train-list pipe")),
        (1, format!("train {small} --out no --data list.txt")),
        (1, format!("train {SMALL} --out no --split pipe")),
        (2, "train --out no --recipe pipe".into()),
        (1, "train --out no --data cifar10-lt --data-dir pipe".into()),
        (1, "train --out no --data cifar10-lt --data-dir cifar".into()),
        (1, "predict run pipe.png".into()),
        (1, "predict run photos/red/00.png /dev/zero pipe.png".into()),
    ] {
        let output = run(&place, &words);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{words}: {text}");
        assert!(text.contains("pipe"), "{words}: {text}");
        assert!(words.ends_with("cifar") || text.contains("a pipe"), "{words}: {text}");
        assert!(!place.exists("no"), "{words}");
    }
}

/// A name with a byte that is no Unicode, in latin1.
fn latin1(start: &str, byte: u8, end: &str) -> std::ffi::OsString {
    OsStr::from_bytes(&[start.as_bytes(), &[byte], end.as_bytes()].concat()).to_owned()
}

#[test]
fn names_that_are_no_unicode_stay_apart_or_are_refused() {
    let place = Place::with_photos();
    let image = place.path("photos/red/00.png");
    for byte in [0xe8, 0xe9] {
        fs::copy(&image, place.path("photos/red").join(latin1("caf", byte, ".png"))).unwrap();
    }
    place.succeed(&format!("train {SMALL} --epochs 1 --out run"));
    let rows = place.succeed("predict run photos/red --format csv");
    assert_eq!(rows.lines().count(), 1 + 16);
    for name in ["caf\\xE8.png", "caf\\xE9.png"] {
        assert_eq!(rows.matches(name).count(), 1, "{rows}");
    }
    for (class, byte) in [("red", 0xe8), ("blue", 0xe9)] {
        let class = place.path("photos").join(class);
        fs::rename(class, place.path("photos").join(latin1("caf", byte, ""))).unwrap();
    }
    for words in [format!("train {SMALL} --epochs 1 --out new"), "data stats --data photos".into()]
    {
        let text = place.fail(1, &words);
        let says = "the class folder \"caf\\xE8\" is no valid Unicode: rename it";
        assert!(text.contains(says), "{words}: {text}");
    }
}

#[test]
fn no_name_is_a_formula_in_a_spreadsheet() {
    let place = Place::with_photos();
    fs::rename(place.path("photos/red"), place.path("photos/=1+1")).unwrap();
    place.succeed(&format!("train {SMALL} --epochs 1 --out run"));
    fs::rename(place.path("photos/=1+1/00.png"), place.path("@sum.png")).unwrap();
    place.write("+none.png", "");
    let cells = |options: &str| -> Vec<String> {
        let output = place.run(&format!("predict run --format csv {options} @sum.png +none.png"));
        assert_eq!(output.status.code(), Some(1));
        let mut reader = csv::Reader::from_reader(&output.stdout[..]);
        let records = reader.records().map(Result::unwrap);
        records.flat_map(|row| row.iter().map(str::to_owned).collect::<Vec<_>>()).collect()
    };
    let guarded = cells("");
    let begins = |cell: &String| cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    assert!(!guarded.iter().any(begins), "{guarded:?}");
    for name in ["'@sum.png", "'+none.png", "'=1+1"] {
        assert!(guarded.iter().any(|cell| cell == name), "{guarded:?}");
    }
    let raw = cells("--raw-names");
    assert!(raw.iter().any(|cell| cell == "=1+1") && raw.iter().any(|cell| cell == "@sum.png"));
}
