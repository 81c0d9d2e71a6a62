//! Methods and encoders that the crate does not have: the examples, as their readers would use them.

#[path = "../examples/own_method.rs"]
mod own_method;
#[path = "../examples/own_model.rs"]
mod own_model;
#[path = "support/small_run.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod small_run;

use std::path::Path;

use longtail::{
    device,
    export::{Exported, Format},
    loss::ClassCounts,
    method::{OwnMethod, Plan, Settings},
    model::weights::{self, State},
    predictor::{Predictor, WeightsChoice},
    recipe::{DataTyped, RecipeFile},
    run::{self, Runner},
    train::{Checkpoint, Limits, Out, Trainer},
    trained::Trained,
};
use own_method::{Poly, poly_cross_entropy};
use own_model::SmallLa;
use small_run::{Told, images, layer};

fn unbroken(method: impl OwnMethod + 'static, layers: &[RecipeFile], out: &Path) -> Trainer {
    let runner = Runner::new(device::cpu()).with_method(method);
    let mut run = runner.start(layers, &Out::At(out.to_owned()), &mut ()).unwrap();
    run.run(Limits::default(), &mut ()).unwrap();
    run
}

fn state(run: &Path) -> (State, State) {
    let checkpoint = Checkpoint::load(&run.join("checkpoints/last.safetensors")).unwrap();
    (checkpoint.model, checkpoint.velocity)
}

/// Weights and velocities of two runs are the same to the bit.
#[track_caller]
fn same(one: &Path, other: &Path) {
    let ((weights, velocity), (others, of_other)) = (state(one), state(other));
    for (one, other) in [(weights, others), (velocity, of_other)] {
        assert!(one.keys().eq(other.keys()));
        let differ: Vec<_> = one.keys().filter(|name| one[*name] != other[*name]).collect();
        assert!(differ.is_empty(), "these differ: {differ:?}");
    }
}

#[test]
fn the_loss_of_the_example_is_what_it_says() {
    use longtail::burn::tensor::Tensor;
    let logits = Tensor::from_floats([[3_f32.ln(), 0.0], [0.0, 0.0]], &device::cpu());
    let loss = poly_cross_entropy(logits, &[0, 1], 2.0).unwrap().into_scalar::<f32>();
    // p = 3/4 and 1/2.
    let expected = (-(0.75_f32.ln()) - 0.5_f32.ln() + 2.0 * (0.25 + 0.5)) / 2.0;
    assert!((loss - expected).abs() < 1e-6, "{loss} is not {expected}");
}

#[test]
fn a_method_from_outside_is_trained_broken_off_gone_on_with_and_evaluated() {
    let place = tempfile::tempdir().unwrap();
    let (data, broken, whole) =
        (place.path().join("images"), place.path().join("broken"), place.path().join("whole"));
    images(&data);
    let layers = layer(&data, "ce", "");
    let trainer = unbroken(Poly { epsilon: 1.0 }, &layers, &whole);
    let (stages, steps) = (trainer.progress().stage + 1, trainer.progress().step);
    assert_eq!((stages, trainer.epochs()), (2, 3 + 2));
    // In the first stage, and in the second.
    for stop in [5, steps - 3] {
        let summary = own_method::train(&layers, &broken, stop).unwrap();
        assert_eq!((summary.method.as_str(), summary.steps), ("poly 1", steps));
        same(&broken, &whole);
        assert!(summary.loss_parts.get("poly").is_some());
        let page = std::fs::read_to_string(broken.join("report.html")).unwrap();
        assert!(page.contains("poly 1"), "the report names the method");
        std::fs::remove_dir_all(&broken).unwrap();
    }
}

#[test]
fn a_run_of_another_method_is_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    let (data, run) = (place.path().join("images"), place.path().join("run"));
    images(&data);
    let own = || Runner::new(device::cpu()).with_method(Poly { epsilon: 1.0 });
    // Nothing has been saved but the recipe.
    drop(own().start(&layer(&data, "ce", ""), &Out::At(run.clone()), &mut ()).unwrap());
    let said = |runner: Runner, run: &Path| {
        runner.resume(run, &[], &mut ()).err().map(|error| error.to_string())
    };
    assert_eq!(said(own(), &run), None);
    let without = said(Runner::new(device::cpu()), &run).unwrap();
    assert!(without.contains("\"poly 1\" is not one of this program's"), "{without}");
    let other = said(Runner::new(device::cpu()).with_method(Poly { epsilon: 2.0 }), &run).unwrap();
    assert!(other.contains("method.own") && other.contains("poly 2"), "{other}");
    let plain = place.path().join("plain");
    let mut told = Told::default();
    drop(small_run::start(&layer(&data, "ce", ""), &plain, &mut told));
    let ce = said(own(), &plain).unwrap();
    assert!(ce.contains("poly 1"), "{ce}");
    let typed = RecipeFile::parse("[method]\nown = \"mine\"\n", "t").unwrap();
    let layers = [layer(&data, "ce", ""), [typed.clone(), typed]].concat();
    let out = Out::At(place.path().join("typed"));
    let error = run::start(&layers, &out, device::cpu(), &mut ()).err().unwrap().to_string();
    assert!(error.contains("\"mine\" is not one of this program's"), "{error}");
}

type Change = fn(&mut Plan);

/// A plan that a change has spoiled.
struct Spoilt(Change);

impl OwnMethod for Spoilt {
    fn name(&self) -> String {
        "spoilt".into()
    }

    fn plan(&self, settings: &Settings<'_>, counts: &ClassCounts) -> Plan {
        let mut plan = Poly { epsilon: 1.0 }.plan(settings, counts);
        (self.0)(&mut plan);
        plan
    }
}

#[test]
fn plans_that_cannot_be_followed_are_refused_before_anything_is_written() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("images");
    images(&data);
    let spoilt: [(Change, &str); 12] = [
        (|plan| plan.stages.clear(), "it has no stage"),
        (|plan| plan.stages[0].epochs = 0, "a stage before the last has no epoch"),
        (|plan| plan.stages[1].epochs = 0, "neither an epoch nor a classifier"),
        (|plan| plan.stages[0].samplers.clear(), "no sampler or no view"),
        (|plan| plan.stages[1].views.clear(), "no sampler or no view"),
        (|plan| plan.stages[0].samplers[0].batch_size = 0, "draws no image"),
        (|plan| plan.stages[1].trains.clear(), "trains no part"),
        (|plan| plan.stages[0].schedule.lr = 0.0, "learning rate"),
        (|plan| plan.stages[1].schedule.lr = f64::NAN, "learning rate"),
        (|plan| plan.stages[1].schedule.lr = -0.1, "learning rate"),
        (|plan| plan.network.classes += 1, "another number of classes"),
        (|plan| plan.stages[0].samplers[0].batch_size = 1_000_000, "batch"),
    ];
    for (change, reason) in spoilt {
        let runner = Runner::new(device::cpu()).with_method(Spoilt(change));
        let out = place.path().join("run");
        let started = runner.start(&layer(&data, "ce", ""), &Out::At(out.clone()), &mut ());
        let said = started.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains(reason), "\"{said}\" does not say \"{reason}\"");
        assert!(!out.exists(), "{reason}");
    }
}

#[test]
fn a_run_goes_on_with_its_stages_in_their_order_alone() {
    let place = tempfile::tempdir().unwrap();
    let (data, run) = (place.path().join("images"), place.path().join("run"));
    images(&data);
    let own = |change: Change| Runner::new(device::cpu()).with_method(Spoilt(change));
    let mut begun = own(|_| {}).start(&layer(&data, "ce", ""), &Out::At(run.clone()), &mut ());
    begun.as_mut().unwrap().run(Limits { max_steps: Some(3) }, &mut ()).unwrap();
    drop(begun);
    let swapped = own(|plan| plan.stages.swap(0, 1)).resume(&run, &[], &mut ());
    let error = swapped.err().unwrap().to_string();
    let said = "its stages are representation, classifier, not classifier, representation";
    assert!(error.contains(said), "{error}");
    own(|_| {}).resume(&run, &[], &mut ()).unwrap();
}

#[test]
fn an_encoder_whose_statistics_would_move_twice_takes_no_micro_batches() {
    let place = tempfile::tempdir().unwrap();
    let (data, out) = (place.path().join("images"), place.path().join("run"));
    images(&data);
    let runner = Runner::new(device::cpu()).with_method(SmallLa);
    let layers = layer(&data, "la", "[train]\nmicro_batch = 4\n");
    let refused = runner.start(&layers, &Out::At(out.clone()), &mut ());
    let said = refused.err().unwrap().to_string();
    assert!(said.contains("encoder small") && said.contains("--micro-batch"), "{said}");
    assert!(!out.exists());
}

#[test]
fn an_encoder_from_outside_trains_goes_on_and_predicts() {
    let place = tempfile::tempdir().unwrap();
    let (data, broken, whole) =
        (place.path().join("images"), place.path().join("broken"), place.path().join("whole"));
    images(&data);
    let layers = layer(&data, "la", "[optimizer]\nlr = 0.05\n");
    let mut trainer = unbroken(SmallLa, &layers, &whole);
    let runner = Runner::new(device::cpu()).with_method(SmallLa);
    let mut run = runner.start(&layers, &Out::At(broken.clone()), &mut ()).unwrap();
    run.run(Limits { max_steps: Some(7) }, &mut ()).unwrap();
    drop(run);
    runner.resume(&broken, &[], &mut ()).unwrap().run(Limits::default(), &mut ()).unwrap();
    same(&broken, &whole);
    let (model, velocity) = state(&whole);
    for name in ["encoder.conv.weight", "encoder.norm.gamma", "encoder.norm.running_mean"] {
        assert!(model.contains_key(name), "{name} not among {:?}", model.keys());
    }
    assert!(velocity.contains_key("encoder.conv.weight"), "it is trained");
    assert!(!velocity.contains_key("encoder.norm.running_mean"), "statistics are not");
    let first = weights::state(
        &runner.start(&layers, &Out::At(place.path().join("new")), &mut ()).unwrap().network(),
    );
    assert_ne!(first["encoder.norm.running_mean"], model["encoder.norm.running_mean"]);
    assert_eq!(trainer.summary().unwrap().backbone.as_deref(), Some("small"));
    drop(trainer);
    let other = DataTyped { name: Some(data.display().to_string()), ..DataTyped::default() };
    let scored = runner.rescore(&whole, other, &mut ()).unwrap();
    assert_eq!(
        (scored.backbone.as_deref(), scored.method.as_str()),
        (Some("small"), "la on small")
    );
    let planner = longtail::method::Planner::own(SmallLa);
    let opened = Predictor::open_planned(&whole, WeightsChoice::Last, device::cpu(), &planner);
    assert_eq!(opened.unwrap().class_names().len(), 4);
    let trained = Trained::open(&whole, WeightsChoice::Last, &device::cpu(), &planner).unwrap();
    let weights = Exported::of(&trained, Format::Safetensors, None).unwrap();
    let read = weights::from_safetensors(&weights.bytes, Path::new("memory")).unwrap();
    assert_eq!(read.state["encoder.conv.weight"], model["encoder.conv.weight"]);
    let graph = Exported::of(&trained, Format::Onnx, None).unwrap_err().to_string();
    assert!(graph.contains("encoder small is not one of this program's"), "{graph}");
    let without = Predictor::open(&whole, WeightsChoice::Last, device::cpu()).unwrap_err();
    assert!(without.to_string().contains("\"la on small\" is not one"), "{without}");
}

#[test]
fn the_same_seed_draws_the_same_encoder_and_another_seed_another() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("images");
    images(&data);
    let weights = |seed: u64, out: &str| {
        let layers = layer(&data, "la", &format!("[train]\nseed = {seed}\n"));
        let runner = Runner::new(device::cpu()).with_method(SmallLa);
        let run = runner.start(&layers, &Out::At(place.path().join(out)), &mut ()).unwrap();
        weights::state(&run.network())["encoder.conv.weight"].clone()
    };
    let first = weights(1, "a");
    assert_eq!(first, weights(1, "b"));
    assert_ne!(first, weights(2, "c"));
}

/// Says that it has so many features, and gives so many.
#[derive(burn::module::Module, Debug)]
struct Wrong {
    linear: burn::nn::Linear,
    says: usize,
}

impl longtail::model::Encode for Wrong {
    fn features(&self) -> usize {
        self.says
    }

    fn forward(&self, images: burn::tensor::Tensor<4>) -> burn::tensor::Tensor<2> {
        self.linear.forward(images).mean_dim(1).mean_dim(2).flatten::<2>(1, 3)
    }
}

#[test]
fn an_encoder_that_gives_other_features_than_it_says_is_refused_before_anything_is_written() {
    struct Says(usize);
    impl OwnMethod for Says {
        fn name(&self) -> String {
            "says".into()
        }
        fn plan(&self, settings: &Settings<'_>, counts: &ClassCounts) -> Plan {
            let (says, mut plan) = (self.0, SmallLa.plan(settings, counts));
            plan.network.encoder = longtail::model::EncoderConfig::own("wrong", move |device| {
                Wrong { linear: burn::nn::LinearConfig::new(3, 5).init(device), says }
            });
            plan
        }
    }
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("images");
    images(&data);
    for (says, said) in [
        (0, "says that it has 0 features"),
        (7, "says that it has 7 features, and gives 2 rows of 5"),
    ] {
        let runner = Runner::new(device::cpu()).with_method(Says(says));
        let out = place.path().join("run");
        let started = runner.start(&layer(&data, "la", ""), &Out::At(out.clone()), &mut ());
        let error = started.err().unwrap().to_string();
        assert!(error.contains("encoder wrong") && error.contains(said), "{error}");
        assert!(!out.exists());
    }
}

#[test]
fn an_encoder_from_outside_has_no_branches_and_one_precision() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("images");
    images(&data);
    let said = |change: fn(&mut Plan)| {
        struct Changed(fn(&mut Plan));
        impl OwnMethod for Changed {
            fn name(&self) -> String {
                "changed".into()
            }
            fn plan(&self, settings: &Settings<'_>, counts: &ClassCounts) -> Plan {
                let mut plan = SmallLa.plan(settings, counts);
                (self.0)(&mut plan);
                plan
            }
        }
        let runner = Runner::new(device::cpu()).with_method(Changed(change));
        let out = tempfile::tempdir().unwrap();
        let out = Out::At(out.path().join("run"));
        runner.start(&layer(&data, "la", ""), &out, &mut ()).err().unwrap().to_string()
    };
    use longtail::model::{Branches, Precision};
    let branches = said(|plan| plan.network.branches = Branches::LastBlocks { count: 2 });
    assert!(branches.contains("encoder small has no branches"), "{branches}");
    let precision = said(|plan| plan.network.precision = Precision::Bf16);
    assert!(precision.contains("encoder small computes in f32"), "{precision}");
}
