//! A run killed at any moment and resumed gives the same final weights as the unbroken one.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use longtail::train::{Checkpoint, Progress};

use super::program::{Place, SMALL, stderr};

/// 2 steps an epoch; compression from half time on, over half of the classes or so.
fn run(epochs: usize) -> String {
    format!(
        "train {SMALL} --epochs {epochs} --compression fcc-like --set compression.threshold=0.5 \
         --checkpoint-steps 1 --out run"
    )
}

/// Where the run in `place` stands, if it has a whole checkpoint.
fn progress(place: &Place) -> Option<Progress> {
    let path = place.path("run/checkpoints/last.safetensors");
    Checkpoint::load(&path).ok().map(|checkpoint| checkpoint.progress)
}

/// Starts or resumes the run, kills it with SIGKILL as soon as `when` holds, and tells where it
/// stands then; `None` if it ended before that.
fn kill_when(place: &Place, words: &str, when: impl Fn(&Place) -> bool) -> Option<Progress> {
    let mut child =
        place.command(words).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    while !when(place) {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        thread::yield_now();
    }
    // On Unix this is SIGKILL: the program has no say in it.
    child.kill().unwrap();
    child.wait().unwrap();
    Some(progress(place).unwrap())
}

#[test]
fn a_run_killed_again_and_again_ends_as_the_unbroken_one() {
    let unbroken = Place::with_photos();
    // Long enough that a watcher that is kept waiting does not miss the first half.
    let start = run(40);
    unbroken.succeed(&start);

    let broken = Place::with_photos();
    let resume = "train --resume --out run --checkpoint-steps 1 --quiet";
    let stands_at =
        |step: u64| move |place: &Place| progress(place).is_some_and(|p| p.step >= step);
    let first = kill_when(&broken, &start, stands_at(1)).unwrap();
    assert!(first.step > 0 && first.objective.is_null(), "before the switch: {first:?}");

    let mut seen = vec![first];
    for step in (3..80).step_by(5) {
        seen.extend(kill_when(&broken, resume, stands_at(step)));
    }
    assert!(seen.iter().any(|p| p.batch > 0), "some in mid-epoch");
    let switched = seen.iter().filter(|p| p.objective["low_accuracy_classes"].is_array()).count();
    assert!((1..seen.len()).contains(&switched), "on both sides of the compression switch");
    assert!(seen.windows(2).all(|pair| pair[0].step <= pair[1].step), "none started again");

    broken.succeed(resume);
    assert_eq!(broken.weights("run"), unbroken.weights("run"));
    assert_eq!(broken.metrics("run"), unbroken.metrics("run"));
    let same = |key: &str| {
        assert_eq!(broken.json("run/summary.json")[key], unbroken.json("run/summary.json")[key]);
    };
    ["last", "best", "compression", "epochs", "steps", "split_hash"].into_iter().for_each(same);
    assert!(unbroken.json("run/summary.json")["compression"].is_array());
}

#[test]
fn a_run_killed_while_it_writes_a_checkpoint_resumes_from_the_one_before() {
    let unbroken = Place::with_photos();
    unbroken.succeed(&run(8));

    let broken = Place::with_photos();
    let part = "run/checkpoints/.last.safetensors.part";
    // Each start gets one checkpoint done and is killed within the next, so that the run goes on.
    let within = |done: u64| {
        move |place: &Place| place.exists(part) && progress(place).is_some_and(|p| p.step > done)
    };
    let resume = "train --resume --out run --checkpoint-steps 1 --quiet";
    let mut words = run(8);
    let mut within_a_write = 0;
    let mut done = 0;
    while let Some(at) = kill_when(&broken, &words, within(done)) {
        within_a_write += usize::from(broken.exists(part));
        done = at.step;
        words = resume.into();
        // A leftover must not be taken for a write of the next start.
        let _ = std::fs::remove_file(broken.path(part));
    }
    assert!(within_a_write > 0, "no kill fell into a write");
    assert_eq!(broken.weights("run"), unbroken.weights("run"));
    assert_eq!(broken.metrics("run"), unbroken.metrics("run"));
}

#[test]
fn figures_of_an_earlier_stop_do_not_outlive_it() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 500 --max-steps 1 --out run"));
    assert!(place.exists("run/summary.json") && place.exists("run/report.html"));
    place.fail(1, "train --resume --out run --lr 0.5");
    assert!(place.exists("run/summary.json"), "a run that does not go on keeps its figures");
    let gone = |place: &Place| !place.exists("run/report.html");
    assert!(kill_when(&place, "train --resume --out run", gone).is_some());
    assert!(!place.exists("run/summary.json") && !place.exists("run/report.html"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_exits_130() {
    let place = Place::with_photos();
    let words = format!("train {SMALL} --epochs 500 --checkpoint-steps 1 --out run");
    let mut child = place.command(&words).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&mut child, &place.path("run/checkpoints/last.safetensors"));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let text = super::program::stderr(&output);
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("saving after this step"), "{text}");
    assert!(progress(&place).unwrap().step > 0);
}

fn wait_for(child: &mut Child, file: &Path) {
    while !file.exists() {
        assert!(child.try_wait().unwrap().is_none(), "the run ended by itself");
        thread::yield_now();
    }
}

#[test]
fn a_run_in_sixteen_bits_goes_on_as_the_unbroken_one() {
    for precision in ["bf16", "f16"] {
        let place = Place::with_photos();
        let command = format!("train {SMALL} --precision {precision}");
        place.succeed(&format!("{command} --max-steps 7 --out run"));
        let (weights, whole) = (place.weights("run"), progress(&place).unwrap());
        assert_eq!(whole.loss_scale.is_some(), precision == "f16");
        fs::remove_dir_all(place.path("run")).unwrap();
        place.succeed(&format!("{command} --max-steps 3 --out run"));
        place.succeed("train --resume --out run --max-steps 7 --quiet");
        assert_eq!(place.weights("run"), weights, "{precision}");
        // Seven good steps, of which the first three were before the break.
        assert_eq!(progress(&place).unwrap().loss_scale, whole.loss_scale, "{precision}");
    }
}

#[test]
fn a_run_that_goes_on_with_other_operators_says_so() {
    let place = Place::with_photos();
    let on = |path: &str, words: &str| {
        let output = place.command(words).env("LONGTAIL_KERNELS", path).output().unwrap();
        (output.status.code(), stderr(&output))
    };
    let (code, said) = on("portable", &format!("train {SMALL} --max-steps 1 --out run"));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(progress(&place).unwrap().kernels, "portable");
    let (code, said) = on("composed", "train --resume --out run --max-steps 2");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("portable operators") && said.contains("with composed"), "{said}");
    let (code, said) = on("avx1024", "train --resume --out run");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("avx1024") && said.contains("portable"), "{said}");
}
