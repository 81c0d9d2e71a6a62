//! `predict`: what it is given, what it answers, and with which weights.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Output, Stdio},
};

use serde_json::Value;

use super::program::{Place, SMALL, stderr};

/// A place with a run of one epoch.
fn trained() -> Place {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 1 --out run"));
    place
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Rows of a CSV, without its header.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header[..3], ["path", "class", "probability"]);
    assert_eq!(header.last().unwrap(), "error");
    let rows = reader.records().map(Result::unwrap);
    rows.map(|row| row.iter().map(str::to_owned).collect()).collect()
}

fn objects(jsonl: &str) -> Vec<Value> {
    jsonl.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the program answers to what it reads from standard input.
fn fed(place: &Place, words: &str, input: &[u8]) -> Output {
    let mut command = place.command(words);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn predictions_come_in_three_formats() {
    let place = trained();
    let images = "photos/red/00.png photos/blue/01.png";
    let lines = objects(&place.succeed(&format!("predict run {images} --format jsonl")));
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["path"], "photos/red/00.png");
    let top = lines[0]["top"].as_array().unwrap();
    assert_eq!((top.len(), &lines[0]["class"]), (3, &top[0]["class"]));
    let csv = place.succeed(&format!("predict run {images} --format csv --top 2"));
    let rows = rows(&csv);
    assert_eq!((rows.len(), rows[1][0].as_str(), rows[1].len()), (2, "photos/blue/01.png", 6));
    assert_eq!(rows[0][1], lines[0]["class"].as_str().unwrap());
    let table = place.succeed("predict run photos/blue");
    let rows: Vec<_> = table.lines().collect();
    assert!(rows.len() == 5 && rows[4].starts_with("photos/blue/04.png  "), "{table}");
}

#[test]
fn an_image_has_the_same_answer_whatever_is_beside_it() {
    let place = trained();
    // More than a batch, so that images are answered beside different others.
    let list: String = (0..320).map(|i| format!("photos/red/{:02}.png\n", i * 5 % 14)).collect();
    let alone = rows(&place.succeed("predict run photos/red --format csv --top 1"));
    let words = "predict run - --format csv --top 1";
    let together = rows(&stdout(&fed(&place, words, list.as_bytes())));
    assert_eq!(together.len(), 320);
    let probability = |row: &[String]| row[2].parse::<f32>().unwrap();
    for (row, path) in together.iter().zip(list.lines()) {
        assert_eq!(row[0], path, "answers keep the order");
        let other = alone.iter().find(|other| other[0] == path).unwrap();
        assert_eq!(row[1], other[1]);
        // A product of matrices of another size may round otherwise.
        assert!((probability(row) - probability(other)).abs() < 1e-6, "{row:?} {other:?}");
    }
}

#[test]
fn what_cannot_be_read_is_named_in_every_format_and_stops_nothing() {
    let place = trained();
    fs::create_dir(place.path("new")).unwrap();
    fs::copy(place.path("photos/red/00.png"), place.path("new/a.png")).unwrap();
    place.write("new/b.jpg", "");
    place.write("new/c.jpg", "<html>not found</html>");
    fs::copy(place.path("photos/blue/00.png"), place.path("new/d.png")).unwrap();
    fs::create_dir(place.path("void")).unwrap();
    let bad = ["new/b.jpg", "new/c.jpg", "gone.png", "void"];
    let words = "predict run new gone.png void photos/green/00.png --device cpu --format";
    let answered = |format: &str| {
        let output = place.run(&format!("{words} {format}"));
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        for path in bad {
            assert_eq!(said.matches(&format!("{path} cannot be read: ")).count(), 1, "{said}");
        }
        assert!(said.contains("the file is empty") && said.contains("the folder holds no image"));
        assert!(
            said.contains("4 of 7 could not be read") && !said.contains("data stats"),
            "{said}"
        );
        stdout(&output)
    };
    for object in objects(&answered("jsonl")) {
        let is_bad = bad.contains(&object["path"].as_str().unwrap());
        assert_eq!(object.get("error").is_some(), is_bad, "{object}");
        assert_eq!(object.get("class").is_none(), is_bad, "{object}");
    }
    let csv = rows(&answered("csv"));
    let paths: Vec<_> = csv.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(paths[..4], ["new/a.png", "new/b.jpg", "new/c.jpg", "new/d.png"]);
    assert_eq!(paths[4..], ["gone.png", "void", "photos/green/00.png"]);
    for row in csv {
        let is_bad = bad.contains(&row[0].as_str());
        assert_eq!((row[1].is_empty(), row[2].is_empty()), (is_bad, is_bad), "{row:?}");
        assert_eq!(row.last().unwrap().is_empty(), !is_bad, "{row:?}");
    }
    let table = answered("table");
    assert_eq!((table.lines().count(), table.matches("  cannot be read: ").count()), (7, 4));
}

#[test]
fn hidden_files_and_those_of_systems_are_passed_over_and_others_are_counted() {
    let place = trained();
    for hidden in [".git", "__MACOSX", ".ipynb_checkpoints", "@eaDir", "$RECYCLE.BIN"] {
        let folder = place.path("photos/blue").join(hidden);
        fs::create_dir(&folder).unwrap();
        fs::copy(place.path("photos/red/00.png"), folder.join("x.png")).unwrap();
    }
    fs::copy(place.path("photos/red/00.png"), place.path("photos/blue/._00.png")).unwrap();
    place.write("photos/blue/a.heic", "");
    place.write("photos/blue/b.HEIC", "");
    let output = place.run("predict run photos/blue --format csv");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(rows(&stdout(&output)).len(), 5);
    let said = stderr(&output);
    assert!(
        said.contains("photos/blue: left out, for they are not read: 2 .heic; convert"),
        "{said}"
    );
}

#[test]
fn paths_come_from_standard_input_too() {
    let place = trained();
    let paths = |output: Output| -> Vec<String> {
        assert!(output.status.success(), "{}", stderr(&output));
        rows(&stdout(&output)).into_iter().map(|row| row[0].clone()).collect()
    };
    let words = "predict run photos/red/01.png - photos/red/02.png --format csv";
    let found = paths(fed(&place, words, b"photos/blue/00.png\r\n\nphotos/green\n"));
    assert_eq!((found.len(), found[0].as_str()), (12, "photos/red/01.png"));
    assert_eq!(
        (found[1].as_str(), found[2].as_str()),
        ("photos/blue/00.png", "photos/green/00.png")
    );
    assert_eq!(found[11], "photos/red/02.png");
    fs::copy(place.path("photos/red/00.png"), place.path("a b.png")).unwrap();
    let found =
        paths(fed(&place, "predict run - -0 --format csv", b"a b.png\0photos/red/00.png\0"));
    assert_eq!(found, ["a b.png", "photos/red/00.png"]);
    assert!(paths(fed(&place, "predict run - --format csv", b"")).is_empty());
}

#[test]
fn an_answer_does_not_wait_for_the_next_path() {
    let place = trained();
    for threads in ["1", "2"] {
        let words = format!("predict run - --format jsonl --threads {threads}");
        let mut command = place.command(&words);
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = pipes.spawn().unwrap();
        let mut ask = child.stdin.take().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
        for path in ["photos/red/00.png", "photos/blue/00.png", "gone.png"] {
            writeln!(ask, "{path}").unwrap();
            let answer: Value = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
            assert_eq!(answer["path"], path);
        }
        drop(ask);
        assert!(answers.next().is_none() && child.wait().unwrap().code() == Some(1));
    }
}

#[test]
fn a_file_of_predictions_is_there_once_it_is_whole() {
    let place = trained();
    let entries = |folder: &str| fs::read_dir(place.path(folder)).unwrap().count();
    let before = entries(".");
    let printed = place.succeed("predict run photos --format csv");
    let output = place.run("predict run photos --format csv --out rows.csv");
    assert!(output.status.success() && output.stdout.is_empty(), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(place.path("rows.csv")).unwrap(), printed);
    assert_eq!(entries("."), before + 1, "nothing else is left");

    // With the mends of what cannot be read in it, it is whole as well.
    place.fail(1, "predict run photos gone.png --format csv --out rows.csv");
    assert_eq!(fs::read_to_string(place.path("rows.csv")).unwrap().lines().count(), 30);

    // Refused before the run is even looked at.
    let text = place.fail(1, "predict nowhere photos --out gone/rows.csv");
    assert!(text.contains("gone/rows.csv") && !text.contains("nowhere"), "{text}");
    let text = place.fail(1, "predict run photos --out photos");
    assert!(text.contains("cannot write photos"), "{text}");
    // What fails later leaves what was there.
    place.fail(1, "predict nowhere photos --out rows.csv");
    assert_eq!(fs::read_to_string(place.path("rows.csv")).unwrap().lines().count(), 30);
    assert_eq!(entries("."), before + 1);
}

/// Every write past the limit fails, as on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_leaves_no_half_file() {
    let place = trained();
    let program = assert_cmd::cargo::cargo_bin!("longtail").display().to_string();
    let list = "photos/red/00.png\n".repeat(100);
    fs::write(place.path("list"), list).unwrap();
    let script = format!(
        "trap '' XFSZ; ulimit -f 4; {program} predict run - --device cpu --out rows.txt < list"
    );
    let mut command = std::process::Command::new("bash");
    let output = command.args(["-c", &script]).current_dir(place.path("")).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("cannot write"), "{text}");
    assert!(!place.exists("rows.txt") && !place.exists(".rows.txt.part"));
}

/// What `predict` says about its weights, and the probabilities of one image.
fn weights(place: &Place, run: &str, option: &str) -> (String, Value) {
    let words = format!("predict {run} photos/blue/00.png --format jsonl {option}");
    let output = place.run(&words);
    assert!(output.status.success(), "{words}: {}", stderr(&output));
    let said = stderr(&output);
    let line = said.lines().find(|line| line.starts_with("weights of ")).unwrap().to_owned();
    (line, objects(&stdout(&output))[0]["top"].clone())
}

#[test]
fn the_best_epochs_weights_predict_where_validation_chose_one() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 4 --out run"));
    let best = place.json("run/summary.json")["best"]["epoch"].as_u64().unwrap() + 1;
    let chosen = format!("weights of epoch {best} of 4, chosen on validation images");
    let (said, probabilities) = weights(&place, "run", "");
    assert_eq!(said, chosen);
    assert_eq!(weights(&place, "run", "--weights best"), (chosen, probabilities));
    assert_eq!(weights(&place, "run", "--weights last").0, "weights of epoch 4 of 4, the last");
}

#[test]
fn a_run_that_chose_no_epoch_predicts_with_its_last_weights() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --val none --epochs 1 --out run"));
    let (said, probabilities) = weights(&place, "run", "");
    assert_eq!(said, "weights of epoch 1 of 1, the last, for none was chosen on validation images");
    let (said, last) = weights(&place, "run", "--weights last");
    assert_eq!((said.as_str(), last), ("weights of epoch 1 of 1, the last", probabilities));
    let text = place.fail(1, "predict run photos/blue/00.png --weights best");
    assert!(
        text.contains("run has no best epoch") && text.contains("leave --weights out"),
        "{text}"
    );
}

/// Two steps are an epoch of this: 19 training images in batches of 8.
#[test]
fn a_run_that_stopped_within_an_epoch_predicts_with_what_its_summary_calls_best() {
    let place = Place::with_photos();
    for steps in [1, 3] {
        place.succeed(&format!("train {SMALL} --epochs 3 --max-steps {steps} --out {steps}"));
        let best =
            place.json(&format!("{steps}/summary.json"))["best"]["epoch"].as_u64().unwrap() + 1;
        let stopped_in = steps / 2 + 1;
        let says = match best == stopped_in {
            true => format!(
                "weights of step {steps}, within epoch {best} of 3, chosen on validation images"
            ),
            false => format!("weights of epoch {best} of 3, chosen on validation images"),
        };
        assert_eq!(weights(&place, &steps.to_string(), "").0, says);
        let (said, _) = weights(&place, &steps.to_string(), "--weights last");
        assert_eq!(
            said,
            format!("weights of step {steps}, within epoch {stopped_in} of 3, the last")
        );
    }
    // As after an interruption, before any epoch was chosen.
    fs::remove_file(place.path("1/summary.json")).unwrap();
    let (said, _) = weights(&place, "1", "");
    let last = "weights of step 1, within epoch 1 of 3, the last, for none was chosen on validation images";
    assert_eq!(said, last);
    place.fail(1, "predict 1 photos/blue/00.png --weights best");
}

/// The most memory that `predict` needed for so many images, in MiB.
#[cfg(target_os = "linux")]
fn peak(place: &Place, images: usize) -> usize {
    let mut command = place.command("predict run - --format csv --top 1 --device cpu");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut ask = child.stdin.take().unwrap();
    let asking = std::thread::spawn(move || {
        (0..images).for_each(|_| writeln!(ask, "photos/red/00.png").unwrap());
        ask
    });
    let mut rows = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(rows.by_ref().take(images + 1).filter(Result::is_ok).count(), images + 1);
    // It waits for more, so its figures can still be looked at.
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    drop(asking.join().unwrap());
    assert!(child.wait().unwrap().success());
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
}

#[cfg(target_os = "linux")]
#[test]
#[cfg_attr(debug_assertions, ignore = "takes a quarter of an hour without optimisation")]
fn memory_does_not_grow_with_the_number_of_images() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --image-size 64 --max-steps 1 --out run"));
    let [few, many] = [600, 3000].map(|images| peak(&place, images));
    assert!(
        many < few + 14,
        "{few} MiB for 600 images and {many} for 3000, which have 28 MiB more"
    );
}
