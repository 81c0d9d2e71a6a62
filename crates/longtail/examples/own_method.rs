//! A method that this crate does not have, through its public items: polynomial cross entropy (Leng et al. 2022,
//! "PolyLoss", with its first term alone), on images as they come and then, with a new classifier, on classes drawn
//! alike. It is trained, broken off, gone on with, evaluated and reported.
//!
//! `cargo run --release --example own_method -- FOLDER` writes the run into FOLDER.

use std::path::Path;

use longtail::{
    batch::Sampling,
    burn::tensor::{Int, Tensor, activation::softmax},
    device,
    loss::{
        ClassCounts, Draw, LossError, Losses, Moment, Objective, classifier_alone, cross_entropy,
    },
    method::{OwnMethod, Plan, Settings, Stage, parts},
    model::{ClassifierStart, Network, Part},
    optim::Schedule,
    recipe::{DataTyped, RecipeFile},
    report::Summary,
    run::Runner,
    train::{Limits, Out},
};

/// The method: its settings are its fields.
#[derive(Debug, Clone, Copy)]
pub struct Poly {
    /// ε, the weight of 1 − p_y.
    pub epsilon: f64,
}

impl OwnMethod for Poly {
    fn name(&self) -> String {
        format!("poly {}", self.epsilon)
    }

    fn plan(&self, settings: &Settings<'_>, counts: &ClassCounts) -> Plan {
        let stage = || parts::stage(settings, parts::views(settings, 1), Box::new(*self));
        let epochs = settings.train.epochs.div_ceil(2);
        let classifier = Stage {
            name: "classifier",
            start: ClassifierStart::New,
            trains: vec![Part::Classifier],
            epochs,
            samplers: vec![parts::sampler(settings, Sampling::ClassBalanced)],
            schedule: Schedule::cosine(0.1, epochs),
            ..stage()
        };
        let network = parts::network(settings, counts.classes(), None);
        Plan { network, stages: vec![Stage { name: "representation", ..stage() }, classifier] }
    }
}

impl Objective for Poly {
    fn losses(&self, network: &Network, draws: &[Draw], _: Moment) -> Result<Losses, LossError> {
        classifier_alone(network, draws, "poly", |logits, labels| {
            poly_cross_entropy(logits, labels, self.epsilon)
        })
    }
}

/// The mean of −log p_y + ε (1 − p_y), `[1]`, of logits `[batch, classes]`.
pub fn poly_cross_entropy(
    logits: Tensor<2>,
    labels: &[u32],
    epsilon: f64,
) -> Result<Tensor<1>, LossError> {
    let rows: Vec<i32> = labels.iter().map(|&label| label as i32).collect();
    let rows = Tensor::<1, Int>::from_ints(rows.as_slice(), &logits.device());
    let right = softmax(logits.clone(), 1).gather(1, rows.unsqueeze_dim(1));
    let cross_entropy = cross_entropy(logits, labels)?;
    Ok(cross_entropy + right.mul_scalar(-epsilon).add_scalar(epsilon).mean())
}

/// Trains on what `layers` say up to the step `stop`, gives the run up, goes on with it, and writes its report.
pub fn train(layers: &[RecipeFile], out: &Path, stop: u64) -> longtail::Result<Summary> {
    let runner = Runner::new(device::cpu()).with_method(Poly { epsilon: 1.0 });
    let limits = Limits { max_steps: Some(stop) };
    runner.start(layers, &Out::At(out.to_owned()), &mut ())?.run(limits, &mut ())?;
    let mut run = runner.resume(out, &[], &mut ())?;
    run.run(Limits::default(), &mut ())?;
    let results = run.results()?;
    run.write_results(&results, &mut ())?;
    // As another process would find it.
    drop(run);
    Ok(runner.evaluate(out, DataTyped::default(), &mut ())?.summary().clone())
}

#[allow(dead_code, reason = "a test takes the rest of this file as a module")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = std::env::args().nth(1).ok_or("say which folder the run is written to")?;
    let layer = RecipeFile::parse("[train]\nepochs = 4\n", "this example")?;
    let summary = train(&[layer], Path::new(&out), 100)?;
    println!("{}", longtail::report::class_table(&summary, None));
    Ok(())
}
