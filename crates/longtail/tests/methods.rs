//! What the systems of several stages, samplers and experts have to be, on a few small images.

#[path = "methods/distillation.rs"]
mod distillation;
#[path = "methods/micro_batches.rs"]
mod micro_batches;
#[path = "support/small_run.rs"]
mod small_run;
#[path = "methods/unreadable.rs"]
mod unreadable;

use longtail::{
    device,
    method::Method,
    model::{
        NearestClassMean, Network,
        weights::{State, Weights},
    },
    recipe::RecipeFile,
    report::Analyses,
    run::Runner,
    train::{Checkpoint, Ending, Limits, Out, Trainer},
};
use small_run::{EPOCHS, Told, images, layer, resume, start};
use tempfile::TempDir;

/// The run of `method` with `more` laid over its recipe, to its end.
fn whole(data: &std::path::Path, method: &str, more: &str) -> (Trainer, TempDir) {
    let place = tempfile::tempdir().unwrap();
    let mut told = Told::default();
    let mut trainer = start(&layer(data, method, more), &place.path().join("run"), &mut told);
    assert_eq!(trainer.run(Limits::default(), &mut told).unwrap(), Ending::Finished, "{method}");
    (trainer, place)
}

/// The run of `method` until `epochs` are done, as a signal would end it there.
fn until(data: &std::path::Path, method: &str, epochs: usize) -> (Checkpoint, TempDir) {
    let place = tempfile::tempdir().unwrap();
    let mut told = Told { until: Some(epochs), ..Told::default() };
    let mut trainer = start(&layer(data, method, ""), &place.path().join("run"), &mut told);
    assert_eq!(trainer.run(Limits::default(), &mut told).unwrap(), Ending::Interrupted);
    (saved(&trainer), place)
}

fn saved(trainer: &Trainer) -> Checkpoint {
    Checkpoint::load(&trainer.folder().checkpoint()).unwrap()
}

/// Names of what differs.
fn different(before: &State, after: &State) -> Vec<String> {
    let other = |(name, value): (&String, &Weights)| {
        (before.get(name) != Some(value)).then(|| name.clone())
    };
    after.iter().filter_map(other).collect()
}

#[test]
fn a_run_broken_off_in_any_stage_ends_as_the_unbroken_one() {
    let data = tempfile::tempdir().unwrap();
    images(data.path());
    let all = Method::ALL.map(|method| (method.to_string(), ""));
    let routed = ("ride".to_owned(), "[method]\nrouting = true\nrouting_epochs = 0.7\n");
    let parts = ["bcl+rcl", "ride", "bbn", "lws"].map(str::to_owned);
    let parts = parts.map(|method| (method, "[train]\nmicro_batch = 3\n"));
    for (method, more) in all.into_iter().chain([routed]).chain(parts) {
        let (unbroken, _place) = whole(data.path(), &method, more);
        let steps = unbroken.progress().step;
        let place = tempfile::tempdir().unwrap();
        let run = place.path().join("run");
        let mut told = Told { until: Some(1), ..Told::default() };
        drop({
            let mut trainer = start(&layer(data.path(), &method, more), &run, &mut told);
            trainer.run(Limits::default(), &mut told).unwrap();
            trainer
        });
        // In the middle of epochs, and after every one, so at the seams as well.
        for stop in (7..steps).step_by(11) {
            let mut told = Told { until: Some(1), ..Told::default() };
            let mut trainer = resume(&run, &mut told);
            trainer.run(Limits { max_steps: Some(stop) }, &mut told).unwrap();
        }
        let mut told = Told::default();
        let mut trainer = resume(&run, &mut told);
        trainer.run(Limits::default(), &mut told).unwrap();
        let (broken, unbroken) = (saved(&trainer), saved(&unbroken));
        assert_eq!(different(&unbroken.model, &broken.model), [""; 0], "{method}");
        assert_eq!(broken.velocity, unbroken.velocity, "{method}");
        assert_eq!(broken.best, unbroken.best, "{method}");
        let place_of = |c: &Checkpoint| (c.progress.epoch, c.progress.stage, c.progress.step);
        assert_eq!(place_of(&broken), place_of(&unbroken), "{method}");
    }
}

/// Going on with `method` for `asked` epochs once `done` are done: the run's end, or what is said.
fn with_other_length(
    data: &std::path::Path,
    method: &str,
    [done, asked]: [usize; 2],
) -> Result<usize, String> {
    let (_, place) = until(data, method, done);
    let longer = RecipeFile::parse(&format!("[train]\nepochs = {asked}\n"), "t").unwrap();
    let run = place.path().join("run");
    let mut told = Told::default();
    let mut trainer = longtail::run::resume(&run, &[longer], device::cpu(), &mut told)
        .map_err(|error| error.to_string())?;
    trainer.run(Limits::default(), &mut told).unwrap();
    Ok(trainer.progress().epoch)
}

#[test]
fn the_first_stage_may_become_longer_and_a_later_one_stands_on_its_length() {
    let data = tempfile::tempdir().unwrap();
    images(data.path());
    let other = |method: &str, epochs| with_other_length(data.path(), method, epochs);
    assert_eq!(other("crt", [2, 5]), Ok(6));
    assert_eq!(other("tau-norm", [3, 4]), Ok(4));
    assert_eq!(other("la", [3, 4]), Ok(4));
    let fewer = other("crt", [2, 1]).unwrap_err();
    assert!(fewer.contains("--epochs 1 is less than the 2 epochs"), "{fewer}");
    let begun = other("crt", [4, 5]).unwrap_err();
    assert!(begun.contains("has begun its stage 2, classifier"), "{begun}");
}

#[test]
fn the_second_stage_changes_the_classifier_alone() {
    let data = tempfile::tempdir().unwrap();
    images(data.path());
    for (method, changed) in [
        ("crt", &["fc.bias", "fc.weight"][..]),
        ("lws", &["fc.class_scale"]),
        ("tau-norm", &["fc.weight"]),
        ("ncm", &["fc.bias", "fc.centre", "fc.weight"]),
    ] {
        let (first, _place) = until(data.path(), method, small_run::EPOCHS);
        assert_eq!(first.progress.stage, 0, "{method}");
        let (trainer, _place) = whole(data.path(), method, "");
        let last = saved(&trainer);
        assert_eq!(last.progress.stage, 1, "{method}");
        assert_eq!(different(&first.model, &last.model), changed, "{method}");
        let trained =
            if method == "lws" { &["fc.class_scale"][..] } else { &["fc.bias", "fc.weight"] };
        let trained = if last.progress.epoch > small_run::EPOCHS { trained } else { &[] };
        assert!(last.velocity.keys().eq(trained), "{method}: {:?}", last.velocity.keys());
    }
}

#[test]
fn tau_normalisation_makes_class_vectors_equally_long() {
    let data = tempfile::tempdir().unwrap();
    images(data.path());
    let (trainer, _place) = whole(data.path(), "tau-norm", "[method]\nexponent = 1.0\n");
    let state = saved(&trainer).model;
    assert!(!state.contains_key("fc.bias"));
    let weight = &state["fc.weight"];
    for row in weight.values.chunks(weight.shape[1]) {
        let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
    let mut told = Told::default();
    let chosen = tempfile::tempdir().unwrap();
    let mut trainer =
        start(&layer(data.path(), "tau-norm", ""), &chosen.path().join("run"), &mut told);
    trainer.run(Limits::default(), &mut told).unwrap();
    let said = told.notes.iter().find(|note| note.contains("stage 2 of 2")).unwrap();
    assert!(trainer.summary().unwrap().notes.contains(said), "the summary tells it too");
    assert!(said.contains("p = ") && said.contains("the best on validation images"), "{said}");
}

/// Features and labels of the training images.
fn features(trainer: &Trainer, network: &Network) -> (Vec<Vec<f32>>, Vec<u32>) {
    let train = &trainer.sets().train;
    let normalize = trainer.normalize();
    let rows =
        longtail::eval::embed(network, &train.images, &train.indices, normalize, &device::cpu())
            .unwrap();
    (rows, train.labels())
}

#[test]
fn one_pass_gives_what_separate_ones_do_and_results_come_of_it() {
    let data = tempfile::tempdir().unwrap();
    images(data.path());
    let (mut trainer, place) = whole(data.path(), "bcl", "[loss]\ntau = 0.5\n");
    let (network, train) = (trainer.network(), &trainer.sets().train);
    let (rows, labels) = features(&trainer, &network);
    let outputs = trainer.outputs(&network, train).unwrap();
    let device = device::cpu();
    let logits = longtail::eval::predict(
        &network,
        &train.images,
        &train.indices,
        trainer.normalize(),
        &device,
    );
    assert_eq!(outputs.labels, labels);
    assert_eq!(outputs.features.values(), rows.concat());
    assert_eq!(outputs.logits.values(), logits.unwrap().concat());
    let projections = outputs.projections.unwrap();
    for z in projections.iter() {
        let length = z.iter().map(|v| v * v).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
    let results = trainer.results().unwrap();
    trainer.write_results(&results, &mut Told::default()).unwrap();
    let read = Analyses::load(place.path().join("run/analysis.json")).unwrap();
    assert_eq!(Some(&read), results.analyses.as_ref());
    let (last, test) = (read.last, results.summary.last.test.unwrap());
    assert_eq!(last.images, test.count);
    assert_eq!(last.calibration.map(|of| of.all.ece), test.scores.ece);
    assert!(last.features.is_some() && last.projections.is_some() && test.scores.ece.is_some());
    // Adjusted by half of log n: the other half is left in the logits.
    let counts = &trainer.sets().train_counts;
    let root = |class: usize| (counts[class] as f64).sqrt();
    let model = &last.priors.unwrap().model;
    assert!((model[3] / model[0] - root(3) / root(0)).abs() < 1e-9, "{model:?}");
}

#[test]
fn the_nearest_class_mean_is_that_of_the_features() {
    let data = tempfile::tempdir().unwrap();
    images(data.path());
    let (trainer, _place) = whole(data.path(), "ncm", "");
    let network = trainer.network();
    let (rows, labels) = features(&trainer, &network);
    let means = NearestClassMean::fit(&rows, &labels, 4).unwrap();
    for (row, logits) in rows.iter().zip(network.logits_of(&rows)) {
        let scores = means.scores(row).unwrap();
        // All classes have −‖x‖² in common.
        let differs = |class: usize| scores[class] - f64::from(logits[class]);
        for class in 1..4 {
            assert!((differs(class) - differs(0)).abs() < 1e-4, "{scores:?} {logits:?}");
        }
    }
}

#[test]
fn experts_disagree_and_more_where_they_are_driven_apart() {
    use burn::tensor::{Tensor, TensorData};
    let data = tempfile::tempdir().unwrap();
    images(data.path());
    let disagreement = |more: &str| {
        let (trainer, _place) = whole(data.path(), "ride", more);
        let network = trainer.network();
        let (rows, _) = features(&trainer, &network);
        let data = TensorData::new(rows.concat(), [rows.len(), rows[0].len()]);
        let experts = network.expert_logits(Tensor::from_data(data, &device::cpu()));
        assert_eq!(experts.len(), 3);
        let values = |t: &Tensor<2>| longtail::model::weights::values(t.clone());
        let (first, second) = (values(&experts[0]), values(&experts[1]));
        first.iter().zip(second).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>()
            / first.len() as f64
    };
    let apart = disagreement("[method]\ndiversity = -3.0\n");
    let together = disagreement("[method]\ndiversity = 3.0\n");
    assert!(together > 0.0 && apart > together, "{apart} is not more than {together}");
}

/// A run of `method` on the finished run in `first`: where it ends, or what is said.
fn on_first_stage(first: &std::path::Path, method: &str, more: &str) -> Result<TempDir, String> {
    let place = tempfile::tempdir().unwrap();
    let typed = RecipeFile::parse(&format!("[method]\nname = \"{method}\"\n{more}"), "t").unwrap();
    let (runner, out) = (Runner::new(device::cpu()), Out::At(place.path().join("run")));
    let started = runner.start_on(first, &[typed], &out, &mut Told::default());
    let mut trainer = started.map_err(|error| {
        assert!(!place.path().join("run").exists(), "{method}: nothing is written");
        error.to_string()
    })?;
    let steps = trainer.progress().step;
    trainer.run(Limits::default(), &mut Told::default()).unwrap();
    let summary = trainer.summary().unwrap();
    assert!(summary.notes.iter().any(|note| note.contains("the first stage is the run in")));
    assert!(summary.steps >= steps);
    Ok(place)
}

#[test]
fn several_second_stages_share_one_first_and_end_as_with_their_own() {
    let data = tempfile::tempdir().unwrap();
    images(data.path());
    let (_, first) = until(data.path(), "ce", EPOCHS);
    let first = first.path().join("run");
    for method in ["crt", "lws", "tau-norm", "ncm"] {
        let shared = on_first_stage(&first, method, "").unwrap();
        let (_, own) = whole(data.path(), method, "");
        let read = |place: &TempDir| {
            let run = place.path().join("run");
            let checkpoint = Checkpoint::load(&run.join("checkpoints/last.safetensors")).unwrap();
            let log = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
            (checkpoint, log.lines().count())
        };
        let ((one, lines), (other, expected)) = (read(&shared), read(&own));
        assert_eq!(lines, expected, "{method}: the log begins with the first stage");
        assert!(one.model == other.model && one.velocity == other.velocity, "{method}");
        assert_eq!(one.progress.fingerprint, other.progress.fingerprint, "{method}");
    }
}

#[test]
fn what_is_no_first_stage_is_refused_before_anything_is_written() {
    let data = tempfile::tempdir().unwrap();
    images(data.path());
    let [begun, whole, other] = [("ce", 1), ("ce", EPOCHS), ("la", EPOCHS)]
        .map(|(method, epochs)| until(data.path(), method, epochs).1);
    let at = |place: &TempDir| place.path().join("run");
    let cases = [
        (at(&begun), "crt", "", "it has done 1 of its 3 epochs: finish it with"),
        (at(&other), "crt", "", "it is of la, and crt begins with ce"),
        (at(&whole), "la", "", "la has no first stage"),
        (at(&whole), "crt", "[optimizer]\nlr = 0.03\n", "optimizer.lr = 0.02, not 0.03"),
        (at(&whole), "crt", "[train]\nseed = 4\n", "train.seed = 3, not 4"),
    ];
    let refused = || {
        for (first, method, more, said) in &cases {
            let refused = on_first_stage(first, method, more).unwrap_err();
            assert!(refused.contains(said), "\"{refused}\" does not say \"{said}\"");
        }
    };
    refused();
    // No image is looked at before.
    std::fs::remove_dir_all(data.path()).unwrap();
    refused();
}

#[test]
fn routing_trains_gates_alone_and_predicts_with_the_experts_that_they_give() {
    let data = tempfile::tempdir().unwrap();
    images(data.path());
    let (plain, _place) = whole(data.path(), "ride", "");
    let more = "[method]\nrouting = true\nrouting_epochs = 0.7\n";
    let (routed, _other) = whole(data.path(), "ride", more);
    assert_eq!((plain.epochs(), routed.epochs()), (EPOCHS, EPOCHS + 2));
    let (before, after) = (saved(&plain), saved(&routed));
    let names = different(&before.model, &after.model);
    assert!(!names.is_empty() && names.iter().all(|name| name.starts_with("gates.")), "{names:?}");
    assert!(after.velocity.keys().all(|name| name.starts_with("gates.")), "the rest is frozen");
    let train = &routed.sets().train;
    let device = &device::cpu();
    let logits = |network: &Network| {
        longtail::eval::predict(network, &train.images, &train.indices, routed.normalize(), device)
            .unwrap()
    };
    // Where a gate says enough the mean is another one than that of all experts.
    let (all, given) = (logits(&plain.network()), logits(&routed.network()));
    let fewer = all.iter().zip(&given).filter(|(all, given)| all != given).count();
    assert!(fewer > 0, "all {} images are given all experts", all.len());
}
