//! `--log`: what other programs read of a run, of which the logs of an unbroken one are the measure.

use std::{fs, path::Path};

use super::program::{Place, SMALL};

/// Names of files below a folder, without those of event files' numbers.
fn names(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(&at).unwrap().map(Result::unwrap) {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => names.push(path.strip_prefix(folder).unwrap().display().to_string()),
            }
        }
    }
    names.sort();
    names
}

/// The figures of metrics.csv that no clock decides.
fn figures(place: &Place, run: &str) -> Vec<Vec<String>> {
    let path = place.path(run).join("logs/csv/metrics.csv");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path).unwrap();
    let mut rows: Vec<Vec<String>> =
        reader.records().map(|row| row.unwrap().iter().map(String::from).collect()).collect();
    let clock = ["train/images_per_second", "train/seconds", "train/waited"];
    let kept: Vec<bool> = rows[0].iter().map(|name| !clock.contains(&name.as_str())).collect();
    for row in &mut rows {
        let mut kept = kept.iter();
        row.retain(|_| *kept.next().unwrap());
    }
    rows
}

#[test]
fn a_run_that_stopped_and_went_on_has_the_logs_of_an_unbroken_one() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 5 --log tensorboard,csv,mlflow --out unbroken"));
    place.succeed(&format!(
        "train {SMALL} --epochs 5 --log tensorboard,csv,mlflow --max-steps 3 --out broken"
    ));
    assert!(place.exists("broken/logs/csv/final.csv"));
    place.succeed("train --resume --out broken --quiet");
    assert_eq!(figures(&place, "broken"), figures(&place, "unbroken"));
    let final_figures = |run: &str| fs::read(place.path(run).join("logs/csv/final.csv")).unwrap();
    assert_eq!(final_figures("broken"), final_figures("unbroken"));
    let tables = ["tensors.tsv", "metadata.tsv", "projector_config.pbtxt"];
    for table in tables {
        let of =
            |run: &str| fs::read(place.path(run).join("logs/tensorboard").join(table)).unwrap();
        assert_eq!(of("broken"), of("unbroken"), "{table}");
    }
    let metrics = place.metrics("unbroken");
    let loss = figures(&place, "unbroken")[0].iter().position(|name| name == "train/loss").unwrap();
    for (row, record) in figures(&place, "unbroken")[1..].iter().zip(&metrics) {
        assert_eq!(row[loss].parse().ok(), record["loss"].as_f64());
    }
    assert_eq!(figures(&place, "unbroken").len(), 1 + metrics.len());
}

#[test]
fn evaluate_writes_logs_of_a_run_that_had_none_and_the_same_again() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 2 --out run"));
    assert!(!place.exists("run/logs"));
    place.succeed("evaluate run --quiet");
    assert!(!place.exists("run/logs"));
    place.succeed("evaluate run --log csv --log mlflow,tensorboard --quiet");
    let all = |place: &Place| -> Vec<(String, Vec<u8>)> {
        let folder = place.path("run/logs");
        names(&folder)
            .into_iter()
            .map(|name| (name.clone(), fs::read(folder.join(name)).unwrap()))
            .collect()
    };
    let first = all(&place);
    assert!(first.iter().any(|(name, _)| name == "csv/metrics.csv"));
    assert!(first.iter().any(|(name, _)| name.ends_with("artifacts/summary.json")));
    place.succeed("evaluate run --quiet");
    assert_eq!(all(&place), first, "the run that it was, to the byte");
    // The recipe is the same with logs and without.
    place.succeed("train --resume --out run --epochs 3 --quiet");
    assert_eq!(figures(&place, "run").len(), 4);
    let said = place.fail(2, "evaluate run --log wandb");
    assert!(said.contains("wandb"), "{said}");
}

#[test]
fn runs_of_several_seeds_are_each_logged() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 1 --seeds 0,1 --log csv --out seeds"));
    let runs: Vec<_> = fs::read_dir(place.path("seeds")).unwrap().map(Result::unwrap).collect();
    let logged = runs.iter().filter(|run| run.path().join("logs/csv/final.csv").is_file());
    assert_eq!(logged.count(), 2);
}

#[test]
fn logs_are_of_the_runs_own_images_and_a_folder_that_cannot_be_written_is_no_reason_to_stop() {
    let place = Place::with_photos();
    place.write("file", "");
    place.succeed(&format!("train {SMALL} --epochs 2 --log csv --out run"));
    fs::rename(place.path("photos/red"), place.path("photos/read")).unwrap();
    let said = place.fail(1, "evaluate run --data photos --log csv");
    assert!(said.contains("leave --log out"), "{said}");
    fs::rename(place.path("photos/read"), place.path("photos/red")).unwrap();
    // A folder in the place of the table.
    fs::remove_file(place.path("run/logs/csv/metrics.csv")).unwrap();
    fs::create_dir_all(place.path("run/logs/csv/metrics.csv/in/the/way")).unwrap();
    let output = place.run("train --resume --out run --epochs 3");
    let said = super::program::stderr(&output);
    assert!(said.contains("wait for the run's end") && said.contains("metrics.csv"), "{said}");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(place.metrics("run").len(), 3);
    assert!(place.exists("run/summary.json") && place.exists("run/report.html"));
}
