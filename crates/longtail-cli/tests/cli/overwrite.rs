//! Files that no command writes over: a run's own, images, and what it reads.

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::program::{Place, SMALL};

/// Every file below a folder of the place, with its bytes.
fn files(place: &Place, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![place.path(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match entry.is_dir() {
                true => folders.push(entry),
                false => drop(files.insert(entry.clone(), fs::read(&entry).unwrap())),
            }
        }
    }
    files
}

fn trained() -> Place {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --max-steps 1 --log csv --out run"));
    place
}

#[test]
fn files_of_a_run_and_images_are_spared_by_every_command() {
    let place = trained();
    let before = files(&place, "");
    for (words, file) in [
        ("export run --format safetensors --out", "run/checkpoints/last.safetensors"),
        ("export run --format safetensors --out", "run/checkpoints/weights-last.safetensors"),
        ("export run --format onnx --out", "photos/red/00.png"),
        ("predict run photos/red/00.png --format csv --out", "photos/red/00.png"),
        ("predict run photos --out", "photos/blue/01.png"),
        ("predict run photos --out", "run/recipe.toml"),
        ("compare run --out", "run/summary.json"),
        ("compare run --out", "run/checkpoints/../analysis.json"),
        ("compare run --out", "photos/green/01.png"),
        ("evaluate run --predictions", "run/logs/csv/metrics.csv"),
        ("data split --data photos --image-size 16 --out", "run/split.json"),
        ("data pack --data photos --image-size 16 --out", "photos/red/00.png"),
    ] {
        let said = place.fail(1, &format!("{words} {file}"));
        let option = words.rsplit(' ').next().unwrap();
        assert!(said.contains(file) && said.contains(&format!("give {option} another name")));
        assert_eq!(said.lines().count(), 1, "{words} {file}: {said}");
    }
    assert!(files(&place, "") == before, "nothing was written");
}

#[cfg(unix)]
#[test]
fn no_link_leads_to_a_file_of_a_run() {
    let place = trained();
    std::os::unix::fs::symlink(place.path("run"), place.path("linked")).unwrap();
    std::os::unix::fs::symlink(place.path("run/metrics.jsonl"), place.path("log.csv")).unwrap();
    let before = files(&place, "run");
    for out in ["linked/report.html", "linked/checkpoints/previous.safetensors", "log.csv"] {
        let said = place.fail(1, &format!("export run --format pth --out {out}"));
        assert!(said.contains("is a file of a run"), "{out}: {said}");
    }
    assert!(files(&place, "run") == before, "nothing was written");
}

#[test]
fn what_a_command_reads_it_does_not_write() {
    let place = trained();
    let list = "photos/red/00.png,red\nphotos/red/01.png,red\nphotos/blue/00.png,blue\n";
    for name in ["list.csv", "words"] {
        place.write(name, list);
    }
    for words in [
        "data split --data list.csv --out list.csv",
        "evaluate run --data list.csv --predictions ./list.csv",
        "predict run words --out words",
    ] {
        let said = place.fail(1, words);
        assert!(said.contains("a file that this command reads"), "{words}: {said}");
    }
    for name in ["list.csv", "words"] {
        assert_eq!(fs::read_to_string(place.path(name)).unwrap(), list);
    }
}

#[test]
fn other_files_are_written_and_written_again() {
    let place = trained();
    for _ in 0..2 {
        place.succeed("export run --format safetensors --out run/checkpoints/mine.safetensors");
        place.succeed("export run --format safetensors --quiet");
        place.succeed("compare run --out run/rows.csv");
        place.succeed("predict run photos/red --format csv --out photos/red/rows.csv");
        place.succeed("evaluate run --quiet --predictions run/mine.parquet");
        place.succeed("data split --data photos --image-size 16 --out photos/split.json");
    }
    assert!(place.exists("run.safetensors"));
}

#[test]
fn a_file_in_the_place_of_a_folder_is_named_with_the_mend() {
    let place = Place::with_photos();
    place.write("file", "words");
    for (words, out) in [
        ("man", "file"),
        ("man", "file/below"),
        (&format!("search --knob tau=1,2 {SMALL}"), "file"),
        ("reproduce table2 --data synthetic --stand-in-for cifar10-lt-100", "file/below"),
        (&format!("train {SMALL} --seeds 0"), "file"),
    ] {
        let said = place.fail(1, &format!("{words} --out {out}"));
        assert_eq!(said, "longtail: file is a file: name a folder with --out\n", "{words}");
    }
    assert_eq!(fs::read_to_string(place.path("file")).unwrap(), "words");
}
