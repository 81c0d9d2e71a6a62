//! RIDE with a teacher: what it learns, that it goes on to the same bits, and which runs cannot teach.

use std::path::{Path, PathBuf};

use longtail::{
    device,
    eval::{predict, softmax},
    recipe::{DataTyped, RecipeFile},
    run::{self, Runner},
    train::{Limits, Out, Trainer},
};
use tempfile::TempDir;

use super::{
    different, saved,
    small_run::{EPOCHS, Told, images, layer, resume, start},
    until, whole,
};

/// Settings of a run that the one in `teacher` teaches.
fn taught(teacher: &Path, more: &str) -> String {
    format!("[method]\nteacher = {teacher:?}\n{more}")
}

/// Images, and a finished run of `method` on them.
fn teacher(method: &str, more: &str) -> (TempDir, TempDir, PathBuf) {
    let data = tempfile::tempdir().unwrap();
    images(data.path());
    let (_, place) = whole(data.path(), method, more);
    let run = place.path().join("run");
    (data, place, run)
}

/// Probabilities of the training images.
fn probabilities(trainer: &Trainer) -> Vec<f64> {
    let train = &trainer.sets().train;
    let (network, normalize) = (trainer.network(), trainer.normalize());
    let logits = predict(&network, &train.images, &train.indices, normalize, &device::cpu());
    logits.unwrap().iter().flat_map(|row| softmax(row)).map(f64::from).collect()
}

#[test]
fn a_taught_network_comes_nearer_to_its_teacher() {
    let data = tempfile::tempdir().unwrap();
    images(data.path());
    // It has hardly learned, and so is far from what the labels alone teach.
    let (wise, place) = whole(data.path(), "ce", "[train]\nseed = 8\n[optimizer]\nlr = 0.001\n");
    let run = place.path().join("run");
    let wise = probabilities(&wise);
    let distance = |more: &str| {
        let (trainer, _place) = whole(data.path(), "ride", more);
        let own = probabilities(&trainer);
        own.iter().zip(&wise).map(|(own, wise)| (own - wise).abs()).sum::<f64>() / own.len() as f64
    };
    // The same loss but for the term.
    let of_weight = |weight: f64| {
        let more = format!("distillation_weight = {weight:?}\ndistillation_per_expert = false\n");
        distance(&taught(&run, &more))
    };
    let alone = distance("");
    assert_eq!(of_weight(0.0), alone, "a weight of 0 is no term");
    let with = of_weight(10.0);
    assert!(with < 0.75 * alone, "{with} is not much nearer than {alone}");
}

#[test]
fn a_taught_run_broken_off_ends_as_the_unbroken_one_and_needs_no_teacher_after() {
    let (data, _place, run) = teacher("ride", "[method]\nexperts = 4\n[train]\nseed = 8\n");
    let more = taught(&run, "");
    let (mut unbroken, _whole) = whole(data.path(), "ride", &more);
    let recipe = std::fs::read_to_string(unbroken.folder().recipe()).unwrap();
    assert!(recipe.contains("teacher_digest = "), "{recipe}");
    let summary = unbroken.summary().unwrap();
    assert!(summary.notes.iter().any(|note| note.contains("the teacher is the run of ride in")));
    assert!(summary.loss_parts.get("distillation").is_some_and(|part| part > 0.0));
    let place = tempfile::tempdir().unwrap();
    let broken = place.path().join("run");
    let mut told = Told::default();
    let mut trainer = start(&layer(data.path(), "ride", &more), &broken, &mut told);
    trainer.run(Limits { max_steps: Some(3) }, &mut told).unwrap();
    drop(trainer);
    for stop in [9, 20] {
        let mut trainer = resume(&broken, &mut told);
        trainer.run(Limits { max_steps: Some(stop) }, &mut told).unwrap();
    }
    // It may lie elsewhere by then.
    let moved = place.path().join("moved");
    std::fs::rename(&run, &moved).unwrap();
    let layer = RecipeFile::parse(&taught(&moved, ""), "t").unwrap();
    let mut trainer = run::resume(&broken, &[layer], device::cpu(), &mut told).unwrap();
    trainer.run(Limits::default(), &mut told).unwrap();
    let (broken_off, unbroken) = (saved(&trainer), saved(&unbroken));
    assert_eq!(different(&unbroken.model, &broken_off.model), [""; 0]);
    assert_eq!(broken_off.velocity, unbroken.velocity);
    assert_eq!(broken_off.progress.fingerprint, unbroken.progress.fingerprint);
    drop(trainer);
    std::fs::remove_dir_all(&moved).unwrap();
    run::evaluate(&broken, DataTyped::default(), &device::cpu(), &mut told).unwrap();
    let gone = run::resume(&broken, &[], device::cpu(), &mut told).err().unwrap().to_string();
    assert!(gone.contains("cannot be the teacher: it has no"), "{gone}");
}

#[test]
fn a_run_goes_on_with_its_own_teacher_alone() {
    let (data, place, run) = teacher("ce", "");
    let (_, other) = whole(data.path(), "ce", "[train]\nseed = 8\n");
    let broken = place.path().join("student");
    let mut told = Told::default();
    let more = taught(&run, "");
    // Nothing has been saved but the recipe; then there is a checkpoint.
    for steps in [0, 5] {
        if steps == 0 {
            drop(start(&layer(data.path(), "ride", &more), &broken, &mut told));
        } else {
            let mut trainer = resume(&broken, &mut told);
            trainer.run(Limits { max_steps: Some(steps) }, &mut told).unwrap();
        }
        let other = RecipeFile::parse(&taught(&other.path().join("run"), ""), "t").unwrap();
        let refused = run::resume(&broken, &[other], device::cpu(), &mut told).err().unwrap();
        let refused = refused.to_string();
        assert!(refused.contains("another one than this run learns from"), "{refused}");
    }
    let alone = place.path().join("alone");
    drop(start(&layer(data.path(), "ride", ""), &alone, &mut told));
    let late = RecipeFile::parse(&more, "t").unwrap();
    let refused = run::resume(&alone, &[late], device::cpu(), &mut told).err().unwrap();
    assert!(refused.to_string().contains("method.teacher"), "{refused}");
}

#[test]
fn what_cannot_teach_is_refused_before_anything_is_written() {
    let (data, place, run) = teacher("ce", "");
    let others = tempfile::tempdir().unwrap();
    images(others.path());
    std::fs::rename(others.path().join("class3"), others.path().join("class4")).unwrap();
    let (_, begun) = until(data.path(), "ce", 1);
    let begun = begun.path().join("run");
    let nowhere = place.path().join("nowhere");
    for (data, method, run, more, said) in [
        (data.path(), "la", &run, "", "la learns from none: leave --teacher out"),
        (data.path(), "ride", &begun, "", "it has done 1 of its 3 epochs: finish it with"),
        (data.path(), "ride", &nowhere, "", "it has no recipe.toml; --teacher says where"),
        (data.path(), "ride", &run, "[data]\nimage_size = 24\n", "images have 16 pixels a side"),
        (others.path(), "ride", &run, "", "its classes are class0, class1, class2, class3, and"),
        (data.path(), "ride", &run, "teacher_digest = \"0\"\n", "another one than this run"),
    ] {
        let layers = match more.starts_with('[') {
            true => layer(data, method, &(more.to_owned() + &taught(run, ""))),
            false => layer(data, method, &taught(run, more)),
        };
        let out = place.path().join("new");
        let mut told = Told::default();
        let runner = Runner::new(device::cpu());
        let started = runner.start(&layers, &Out::At(out.clone()), &mut told);
        let refused = started.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains(said), "\"{refused}\" does not say \"{said}\"");
        assert!(!out.exists(), "{said}");
    }
    assert_eq!(EPOCHS, 3, "of which the unfinished one has done one");
}
