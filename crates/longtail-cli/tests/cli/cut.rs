//! Runs that `--max-steps` ended before all epochs were done: an epoch of the photos has two steps.

use std::fs;

use super::program::{Place, SMALL};

#[test]
fn a_run_that_was_stopped_says_so_wherever_its_figures_stand() {
    let place = Place::with_photos();
    let words = format!("train {SMALL} --method crt --epochs 4 --max-steps 3 --out run");
    let printed = place.succeed(&words.replace(" --quiet", ""));
    assert!(printed.contains("stopped after 1 of 5 epochs"), "{printed}");
    let stopped = "the run was stopped after 1 of 5 epochs, before its stage classifier began";
    let summary = place.json("run/summary.json");
    assert_eq!((&summary["epochs"], &summary["planned_epochs"]), (&1.into(), &5.into()));
    let page = fs::read_to_string(place.path("run/report.html")).unwrap();
    assert!(page.contains("Trained for 1 of 5 epochs") && page.contains("1 of 5 epochs, 3 steps"));
    assert!(page.contains(stopped) && page.contains("Stopped ") && !page.contains("Finished"));
    place.succeed(&words.replace("--out run", "--seed 1 --out b"));
    let compared = place.succeed("compare run b");
    assert!(compared.contains("it was stopped after 1 of 5 epochs"), "{compared}");
    // To its end, it is an ordinary one.
    place.succeed("train --resume --out run --quiet");
    let page = fs::read_to_string(place.path("run/report.html")).unwrap();
    assert!(page.contains("Trained for 5 epochs") && page.contains("Finished"));
    assert!(!page.contains("stopped"), "{page}");
}

/// A second stage in which no step is made would take the place of the first one's model.
#[test]
fn a_stage_begins_with_its_first_step() {
    let place = Place::with_photos();
    let words = |steps: u64, out: &str| {
        format!("train {SMALL} --method crt --epochs 2 --max-steps {steps} --out {out}")
    };
    place.succeed(&words(4, "run"));
    let summary = place.json("run/summary.json");
    assert_eq!((&summary["epochs"], &summary["planned_epochs"]), (&2.into(), &3.into()));
    assert!(
        summary["best"].is_object() && place.exists("run/checkpoints/weights-best.safetensors")
    );
    let notes = summary["notes"].to_string();
    assert!(notes.contains("after 2 of 3 epochs, before its stage classifier began"), "{notes}");
    place.succeed("evaluate run --quiet");
    place.succeed("train --resume --out run --quiet");
    place.succeed(&words(99, "whole"));
    assert_eq!(place.weights("run"), place.weights("whole"));
    place.succeed(&words(5, "begun"));
    let notes = place.json("begun/summary.json")["notes"].to_string();
    assert!(notes.contains("after 2 of 3 epochs\""), "{notes}");
}

#[test]
fn runs_of_other_steps_are_no_seeds_of_one_row() {
    let place = Place::with_photos();
    for (steps, seed) in [(1, 0), (2, 1)] {
        let words = format!("train {SMALL} --max-steps {steps} --seed {seed} --out {steps}");
        place.succeed(&words.replace("--batch-size 8", "--batch-size 4"));
    }
    let said = place.fail(1, "compare 1 2");
    assert!(said.contains("0 (1 step), where the run was stopped"), "{said}");
}

#[test]
fn a_queue_takes_no_run_that_went_further_than_it_would() {
    let place = Place::with_photos();
    let words = |steps: u64| {
        format!("train {SMALL} --method la --epochs 3 --max-steps {steps} --seeds 0,1 --out runs")
    };
    place.succeed(&words(3).replace("0,1", "0"));
    let said = place.fail(1, &words(2));
    assert!(said.contains("has made 3 steps, and --max-steps stops at 2"), "{said}");
    assert!(!place.exists("runs/seed-1"), "nothing was trained");
    place.succeed(&words(4));
    let steps = |seed| place.json(&format!("runs/seed-{seed}/summary.json"))["steps"].clone();
    assert_eq!([steps(0), steps(1)], [4, 4]);
    place.succeed(&words(4).replace(" --max-steps 4", ""));
    assert_eq!([steps(0), steps(1)], [6, 6]);
    place.fail(1, &words(4));
    place.succeed(&words(7));
}

/// Its checkpoint knows the best of the whole epochs, of which there is none here.
#[test]
fn the_best_model_on_other_images_is_the_runs_own() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --method la --epochs 2 --max-steps 1 --out run"));
    let own = place.json("run/summary.json");
    assert_eq!(own["best"]["epoch"], 0);
    let page = fs::read_to_string(place.path("run/report.html")).unwrap();
    assert!(page.contains("within epoch 1, and the best on validation"), "{page}");
    for class in ["red", "green"] {
        let to = place.path("other").join(class);
        fs::create_dir_all(&to).unwrap();
        for file in ["00.png", "01.png"] {
            fs::copy(place.path("photos").join(class).join(file), to.join(file)).unwrap();
        }
    }
    let figures = place.succeed("evaluate run --data other --json");
    let figures: serde_json::Value = serde_json::from_str(&figures).unwrap();
    assert_eq!(figures["best"]["epoch"], 0, "{figures}");
    assert_eq!(figures["best"]["test"], figures["last"]["test"]);
}

#[test]
fn the_machine_on_the_page_is_the_one_that_trained() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --method la --epochs 1 --threads 2 --out run"));
    let hardware = place.json("run/summary.json")["hardware"].clone();
    assert!(hardware.as_str().is_some_and(|text| text.contains("2 threads")), "{hardware}");
    place.succeed("evaluate run --threads 1 --quiet");
    assert_eq!(place.json("run/summary.json")["hardware"], hardware);
    let page = fs::read_to_string(place.path("run/report.html")).unwrap();
    assert!(page.contains("2 threads") && !page.contains("1 thread,"));
    place.succeed("train --resume --out run --epochs 2 --threads 1 --quiet");
    let hardware = place.json("run/summary.json")["hardware"].clone();
    assert!(hardware.as_str().is_some_and(|text| text.contains("; then ")), "{hardware}");
}
