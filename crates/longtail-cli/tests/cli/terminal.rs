//! What the program sends to a terminal or to a reader that goes away.

use std::{fs, process::Stdio};

use serde_json::Value;

use super::program::{Place, SMALL, stderr};

/// `command` whose readers have gone before it says a word: of what it prints, and of what it tells too.
fn unheard(place: &Place, words: &str) {
    for told_is_heard in [true, false] {
        let mut command = place.command(&words.replace("RUN", &format!("run-{told_is_heard}")));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        if !told_is_heard {
            drop(child.stderr.take());
        }
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{words}: {output:?}");
        let told = stderr(&output);
        assert!(!told.contains("pipe") && !told.contains("panic"), "{words}: {told}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_program_quietly() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 1 --out run"));
    let loud = SMALL.replace("--quiet", "--method ce");
    unheard(&place, &format!("train {loud} --epochs 1 --out RUN"));
    for run in ["run-true", "run-false"] {
        assert!(place.exists(&format!("{run}/report.html")), "{run}: the work is done to its end");
    }
    unheard(&place, &format!("train {loud} --dry-run --max-steps 1"));
    for words in ["evaluate run", "evaluate run --json", "data stats --data photos", "recipes list"]
    {
        unheard(&place, words);
    }
    for format in ["table", "csv", "jsonl"] {
        // A file that cannot be read is told to nobody.
        place.write("photos/red/.broken.png", "");
        unheard(&place, &format!("predict run photos photos/red/.broken.png --format {format}"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_printed_is_an_error() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 1 --out run"));
    for words in ["recipes list", "data stats --data photos", "predict run photos"] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = place.command(words).stdout(full).output().unwrap();
        let text = stderr(&output);
        assert!(
            output.status.code() == Some(1) && text.contains("No space left"),
            "{words}: {text}"
        );
        said_once(&text);
    }
}

/// Names that clear a screen, set a title, turn the direction of writing and pretend to be another line.
const STEERING: [&str; 3] =
    ["\u{1b}[2Jred", "\u{9b}31m\u{202e}gre\u{7}en", "blue\nlongtail: all is well"];

/// Nothing but lines of characters that are drawn.
fn assert_printable(text: &str, words: &str) {
    let steers = |char: char| {
        (char.is_control() && char != '\n')
            || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(steers), "{words}: {text:?}");
    assert!(
        !text.lines().any(|line| line.starts_with("longtail: all is well")),
        "{words}: {text:?}"
    );
}

#[cfg(unix)]
#[test]
fn names_cannot_steer_a_terminal() {
    let place = Place::with_photos();
    for (class, name) in ["red", "green", "blue"].into_iter().zip(STEERING) {
        fs::rename(place.path("photos").join(class), place.path("photos").join(name)).unwrap();
    }
    let run = "r\u{1b}]0;title\u{7}un";
    let loud = SMALL.replace("--quiet", "");
    let both = |words: &str, last: &str| {
        let output = place.command(words).arg(last).output().unwrap();
        (String::from_utf8(output.stdout.clone()).unwrap(), stderr(&output))
    };
    let of = |words: &str, last: &str| {
        let (printed, told) = both(words, last);
        assert_printable(&printed, words);
        assert_printable(&told, words);
        printed + &told
    };
    let said = of(&format!("train {loud} --epochs 1 --out"), run);
    assert!(
        said.contains("\u{fffd}[2Jred") && said.contains("r\u{fffd}]0;title\u{fffd}un"),
        "{said}"
    );
    let broken = format!("photos/{}/{}", STEERING[0], "\u{1b}[3J.png");
    place.write(&broken, "");
    of("data stats --data", "photos");
    of("predict photos --out x --format table", "\u{1b}[2J");
    of(&format!("train {loud} --out new --data"), "photos");
    of("data split --data photos --out", "s\u{1b}.json");
    of("train --recipe", "\u{1b}[2J.toml");
    of("evaluate", "\u{1b}[2J");
    of("train", "--\u{1b}[2J");
    of("train", "--\u{202e}desrever");
    let output = place
        .command("predict --format table --device cpu")
        .args([run, "photos", &broken])
        .output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_printable(&String::from_utf8(output.stdout.clone()).unwrap(), "predict");
    assert_printable(&stderr(&output), "predict");
    assert!(stderr(&output).contains("\u{fffd}[3J.png cannot be read"), "{}", stderr(&output));

    // Programs get what is there.
    let mut command = place.command("predict --format jsonl --device cpu");
    let output = command.args([run, &broken]).output().unwrap();
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["path"], broken.as_str());
    // Escaped, which is the same text: they may look at it on a terminal.
    assert_printable(&String::from_utf8(output.stdout).unwrap(), "jsonl");
    let printed = place.succeed("data stats --data photos --json");
    assert_printable(&printed, "stats --json");
    let json: Value = serde_json::from_str(&printed).unwrap();
    let names: Vec<_> =
        json["classes"].as_array().unwrap().iter().map(|c| c["name"].clone()).collect();
    assert!(STEERING.iter().all(|name| names.contains(&(*name).into())), "{names:?}");
}

/// No clause of a sentence stands in it twice.
fn said_once(text: &str) {
    let separators = [':', ';', ',', '(', ')', '\n'];
    let mut clauses: Vec<&str> =
        text.split(separators).map(str::trim).filter(|clause| clause.len() > 3).collect();
    let count = clauses.len();
    clauses.sort_unstable();
    clauses.dedup();
    assert_eq!(clauses.len(), count, "said twice: {text}");
}

#[test]
fn a_reason_is_said_once() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 1 --out run"));
    fs::write(place.path("latin1.toml"), b"# caf\xe9\n").unwrap();
    fs::write(place.path("latin1.txt"), b"caf\xe9.png 0\n").unwrap();
    let damaged = |name: &str, file: &str, text: &[u8]| {
        let copy = place.path(name);
        fs::create_dir_all(copy.join("checkpoints")).unwrap();
        for file in ["recipe.toml", "split.json", "metrics.jsonl", "summary.json"] {
            fs::copy(place.path("run").join(file), copy.join(file)).unwrap();
        }
        let checkpoint = "checkpoints/last.safetensors";
        fs::copy(place.path("run").join(checkpoint), copy.join(checkpoint)).unwrap();
        fs::write(copy.join(file), text).unwrap();
    };
    damaged("no-recipe", "recipe.toml", b"\xff\xfe");
    damaged("no-split", "split.json", b"{\"format\": ");
    damaged("no-metrics", "metrics.jsonl", b"{\n{}\n");
    damaged("no-checkpoint", "checkpoints/last.safetensors", b"{}");
    let refused = [
        "train --recipe latin1.toml --out new",
        "train --recipe photos --out new",
        "train --data latin1.txt --out new",
        "train --data photos/gone --out new",
        "train --train-list gone.txt --out new",
        "train --data photos --split gone.json --out new",
        "train --data photos --split latin1.toml --out new",
        "train --data photos --out latin1.toml/new",
        "train --data cifar10-lt --data-dir latin1.txt --out new",
        "train --set loss.beta=much --out new",
        "data split --data photos --out gone/split.json",
        "data fetch cifar10 --mirror http://127.0.0.1:9 --quiet",
        "train --resume --quiet --out no-recipe",
        "train --resume --quiet --out no-split",
        "train --resume --quiet --out no-checkpoint",
        "evaluate no-split",
        "evaluate gone",
        "predict no-checkpoint photos",
        "predict no-recipe photos",
        "predict run photos --out gone/rows",
        "predict run photos --out photos",
        "predict run gone.png",
    ];
    for words in refused {
        let output = place.run(words);
        let text = stderr(&output);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{words}: {text}");
        // What was said of one file is not said again by the count of all.
        text.lines().for_each(said_once);
    }
    // A log is put in order, and that is said.
    let output = place.run("train --resume --out no-metrics");
    let text = stderr(&output);
    assert!(output.status.success() && text.contains("is not what the run wrote"), "{text}");
    text.lines().for_each(said_once);
    if cfg!(unix) {
        let text = place.fail(1, "predict run gone.png");
        assert_eq!(text.matches("os error 2").count(), 1, "{text}");
    }
}
