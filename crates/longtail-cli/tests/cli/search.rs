//! `search`: chosen on validation images alone.

use std::{fs, process::Stdio, thread};

use serde_json::Value;

use super::program::{Place, SMALL};

/// Options of a run over `photos`, of which the learning rate may be turned.
fn small(words: &str) -> String {
    if words.contains("--knob lr") { SMALL.replace("--lr 0.05", "") } else { SMALL.to_owned() }
}

fn found(place: &Place, words: &str) -> Value {
    let printed = place.succeed(&format!("search {words} {} --json", small(words)));
    serde_json::from_str(&printed).unwrap()
}

/// The mean of a candidate on validation.
fn mean(candidate: &Value) -> f64 {
    candidate["balanced"]["mean"].as_f64().unwrap_or(f64::NEG_INFINITY)
}

/// The figures of the choice, and the files in four forms.
fn check_files(place: &Place, found: &Value) {
    let run = found["runs"][0].as_str().unwrap();
    let test = &place.json(&format!("{run}/summary.json"))["last"]["test"]["arithmetic_mean"];
    assert_eq!(found["test"]["balanced"]["mean"], *test);
    for (file, holds) in [
        ("SEARCH.md", "response.svg"),
        ("search.csv", "name,optimizer.lr,loss.tau,epochs"),
        ("response.svg", "class=\"lt-heat\""),
        ("search.json", "undecided"),
    ] {
        let text = fs::read_to_string(place.path(&format!("s/{file}"))).unwrap();
        assert!(text.contains(holds), "{file}: {text}");
    }
}

#[test]
fn a_grid_is_chosen_from_on_validation_and_the_choice_alone_is_tested() {
    let place = Place::with_photos();
    let words = "--knob lr=0.001,0.05 --knob tau=0.5,1.3 --epochs 2 --out s";
    let first = found(&place, words);
    let candidates = first["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 4);
    let chosen = first["chosen"].as_u64().unwrap() as usize;
    assert!(candidates.iter().all(|candidate| mean(candidate) <= mean(&candidates[chosen])));
    for (index, candidate) in candidates.iter().enumerate() {
        let run = format!("s/{}/seed-0", candidate["name"].as_str().unwrap());
        let val = place.json(&format!("{run}/validation.json"));
        assert_eq!(val["val"]["arithmetic_mean"].as_f64().unwrap(), mean(candidate));
        let results = ["summary.json", "predictions.csv", "analysis.json"];
        for file in results.map(|file| format!("{run}/{file}")) {
            assert_eq!(place.exists(&file), index == chosen, "{file}");
        }
        // The page grew with the run, in which no test image was looked at.
        let page = fs::read_to_string(place.path(&format!("{run}/report.html"))).unwrap();
        assert_eq!(page.contains("Test set, last epoch"), index == chosen);
        assert_eq!(page.contains("no test image was looked at"), index != chosen);
        assert!(
            !fs::read_to_string(place.path(&format!("{run}/metrics.jsonl")))
                .unwrap()
                .contains("\"test\"")
        );
    }
    check_files(&place, &first);
    // Nothing is trained again, and more values are tried beside those.
    let at = |place: &Place| {
        fs::metadata(place.path("s/lr-0.05_tau-1.3/seed-0/validation.json"))
            .unwrap()
            .modified()
            .unwrap()
    };
    let before = at(&place);
    assert_eq!(found(&place, words), first);
    let more = found(&place, &words.replace("0.5,1.3", "0.5,1.0,1.3"));
    assert_eq!((more["candidates"].as_array().unwrap().len(), at(&place)), (6, before));
}

#[test]
fn halving_gives_candidates_up_early_and_the_survivor_is_the_plain_run() {
    let place = Place::with_photos();
    let words =
        "--knob lr=0.01..0.1:log --samples 4 --halving --eta 2 --min-epochs 1 --epochs 4 --out s";
    let found = found(&place, words);
    let candidates = found["candidates"].as_array().unwrap();
    let mut epochs: Vec<_> = candidates.iter().map(|c| c["epochs"].as_u64().unwrap()).collect();
    epochs.sort_unstable();
    assert_eq!(epochs, [1, 1, 2, 4]);
    let chosen = &candidates[found["chosen"].as_u64().unwrap() as usize];
    assert_eq!(chosen["epochs"], 4);
    let run = found["runs"][0].as_str().unwrap();
    let lr = chosen["values"][0].as_str().unwrap();
    place.succeed(&format!("train {SMALL} --lr {lr} --epochs 4 --out alone"));
    assert_eq!(place.weights(run), place.weights("alone"), "schedules are those of the whole run");
    // Again it comes to the same, from what each candidate was when it was judged.
    assert_eq!(self::found(&place, words), found);
}

/// An epoch has two steps, so that the second rung and the whole run end at one step of the second epoch.
#[test]
fn a_search_of_runs_that_are_stopped_says_so_and_ranks_them_alike() {
    let place = Place::with_photos();
    let words = "--knob tau=0.5,1.0,1.5,2.0 --halving --eta 2 --min-epochs 1 --epochs 4 --max-steps 3 --out s";
    let found = found(&place, words);
    let candidates = found["candidates"].as_array().unwrap();
    let mut epochs: Vec<_> = candidates.iter().map(|c| c["epochs"].as_u64().unwrap()).collect();
    epochs.sort_unstable();
    assert_eq!((epochs, found["max_steps"].as_u64()), (vec![1, 1, 2, 2], Some(3)));
    assert_eq!(candidates[found["chosen"].as_u64().unwrap() as usize]["rank"], 1, "{found}");
    let text = fs::read_to_string(place.path("s/SEARCH.md")).unwrap();
    assert!(text.contains("Runs were stopped after 3 steps"), "{text}");
}

#[test]
fn a_search_that_is_killed_comes_to_the_same() {
    let words = "--knob tau=0.5,1.3 --epochs 6 --checkpoint-steps 1 --out s";
    let unbroken = Place::with_photos();
    let first = found(&unbroken, words);
    let broken = Place::with_photos();
    let mut child = broken
        .command(&format!("search {words} {SMALL}"))
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !broken.exists("s/tau-1.3/seed-0/checkpoints/last.safetensors") {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(found(&broken, words), first);
    let run = first["runs"][0].as_str().unwrap();
    assert_eq!(broken.weights(run), unbroken.weights(run));
}

#[test]
fn seeds_of_a_candidate_count_together_and_the_papers_grids_are_known() {
    let place = Place::with_photos();
    let two = found(&place, "--knob tau=1.0 --seeds 0,1 --epochs 1 --out s");
    assert!(two["candidates"][0]["balanced"]["sd"].is_number(), "{two}");
    assert_eq!(two["runs"].as_array().unwrap().len(), 2);
    let listed =
        place.succeed(&format!("search compression {SMALL} --epochs 2 --dry-run --json --out c"));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert!(listed["runs"].to_string().contains("factor_low-0.005"), "{listed}");
    assert!(!place.exists("c"));
}

#[test]
fn what_cannot_be_searched_is_refused_in_a_sentence() {
    let place = Place::with_photos();
    for (words, says) in [
        ("", "--knob tau=1.0,1.3"),
        ("beta", "compression: "),
        ("--knob tua=1", "loss.tau"),
        ("--knob lr=0.1..0.2", "--samples"),
        ("--knob imbalance=10,100", "one for all"),
        ("--knob epochs=1,x", "train.epochs"),
        ("--knob tau=1 --val none", "validation images"),
        ("--knob tau=1 --seeds 0 --seed 1", "cannot be used with"),
        ("--knob tau=1 --seeds 0 --set train.seed=4", "--seeds names the seeds"),
        ("--knob tau=1 --eta 2", "--halving"),
        (
            "--knob tau=1,2 --halving --min-epochs 9 --epochs 9",
            "--min-epochs 9 cannot be used: choose less than the 9 epochs of the whole run",
        ),
        ("--knob tau=1,2 --halving --epochs 1", "leave --halving out"),
        ("--knob tau=-1 --epochs 2", "loss.tau = -1"),
        (
            "--knob tau=1,2 --tau 1.5",
            "--knob loss.tau cannot be used: another option sets it to 1.5",
        ),
        ("--knob tau=1,2 --set loss.tau=1.5", "another option sets it to 1.5"),
        ("--knob batch_size=4,8", "another option sets it to 8"),
        ("compression --set compression.factor_low=1", "another option sets it to 1"),
        (
            "compression --compression fcc-like",
            "compression.preset = \"fcc-like\" cannot be used: search compression sets it to \"custom\"",
        ),
        ("compression --method la", "compression.factor_low without effect on la"),
    ] {
        let small = small(words).replace("--val 1", "");
        let said = place.fail(2, &format!("search {small} {words}"));
        assert!(said.contains(says), "{words}: {said}");
    }
    assert!(!place.exists("runs"));
}

#[test]
fn a_search_that_the_method_of_folders_does_not_hear_is_refused_with_those_that_do() {
    let place = Place::with_photos();
    let small = SMALL.replace("--method bcl+rcl", "");
    for words in ["search compression", "search compression --dry-run", "search --knob beta=1,2"] {
        let said = place.fail(2, &format!("{words} {small}"));
        assert!(said.contains("without effect on la: all candidates would be one"), "{said}");
        assert!(said.contains("with --method: scl, bcl, rcl, bcl+rcl"), "{said}");
    }
    assert!(!place.exists("runs"));
}

#[test]
fn the_folder_of_another_search_is_refused_and_keeps_its_figures() {
    let place = Place::with_photos();
    let words = |knob: &str| format!("search --knob {knob} {SMALL} --max-steps 1 --out s");
    place.succeed(&words("tau=0.5,1.3"));
    let files = ["SEARCH.md", "search.json", "search.csv", "response.svg"];
    let read = || files.map(|file| fs::read(place.path(&format!("s/{file}"))).unwrap());
    let before = read();
    for (knob, says) in [
        ("beta=0.5,1.0", "s holds another search (over loss.tau)"),
        ("tau=0.7,1.3", "s holds another search (with the candidate tau-0.5)"),
        ("tau=0.5,1.3 --seeds 1", "s holds another search (with seed 0)"),
        ("beta=0.5,1.0 --dry-run", "choose another --out"),
    ] {
        let said = place.fail(1, &words(knob));
        assert!(said.contains(says), "{knob}: {said}");
    }
    assert!(read() == before && !place.exists("s/beta-0.5"));
    place.succeed(&words("tau=0.5,1.0,1.3"));
    assert!(read() != before);
}

#[test]
fn every_candidate_is_logged_for_other_programs_and_the_choice_to_its_end() {
    let place = Place::with_photos();
    let first = found(&place, "--knob lr=0.001,0.05 --epochs 1 --log csv --out s");
    let chosen = first["chosen"].as_u64().unwrap() as usize;
    for (index, candidate) in first["candidates"].as_array().unwrap().iter().enumerate() {
        let logs = format!("s/{}/seed-0/logs/csv", candidate["name"].as_str().unwrap());
        assert!(place.exists(&format!("{logs}/metrics.csv")), "{logs}");
        assert_eq!(place.exists(&format!("{logs}/final.csv")), index == chosen, "{logs}");
    }
}
