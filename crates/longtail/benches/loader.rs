//! Whether data waits: the training step behind the running loader against the same step on a fixed
//! batch, in alternating blocks, so that both meet the same weather of the machine.
//!
//! `cargo bench --workspace --bench loader`

use std::{sync::Arc, time::Instant};

use longtail::{
    augment::{ClassifierConfig, Normalize, SimConfig, View},
    batch::{Batch, Loader, LoaderConfig, Position, Sampler},
    data::Synthetic,
    device,
    loss::{ClassCounts, Moment},
    method::Method,
    optim::Schedule,
    recipe::{Recipe, RecipeFile},
    threads,
    train::Learner,
};

/// Images of a batch, each in three views.
const BATCH: usize = 64;
/// Steps of a block.
const STEPS: usize = 6;
const BLOCKS: usize = 12;

/// ResNet-32 under BCL+RCL.
const RECIPE: &str = "model.backbone = \"resnet32\"";

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn main() {
    threads::start(None).expect("no threads were started before");
    let source = Synthetic::default().source();
    let classes = source.class_names.len();
    let images = Arc::new(source.pool);
    let sim = View::Sim(SimConfig::default());
    let config = LoaderConfig {
        samplers: vec![Sampler::new((0..images.len() as u32).collect(), BATCH, true, 0)],
        views: vec![View::Classifier(ClassifierConfig::default()), sim.clone(), sim],
        normalize: Normalize::CIFAR,
        seed: 0,
    };
    let loader = Loader::start(Arc::clone(&images), config, Position { epoch: 0, batch: 0 });
    let layer = RecipeFile::parse(RECIPE, "the bench").expect("it is a recipe");
    let (recipe, _) = Recipe::resolve(&[layer]).expect("it can be run");
    let counts = ClassCounts::new((1..=classes).rev().collect()).expect("none is 0");
    let mut plan = Method::plan(&recipe.settings(), &counts);
    let stage = &mut plan.stages[0];
    stage.schedule = Schedule::cosine(1e-3, 1);
    let moment = Moment { epoch: 0, epochs: 1 };
    let mut learner = Learner::new(&plan, 0, device::cpu().autodiff()).expect("32 is 6n + 2");
    let size = [images.height(), images.width()];
    let mut step = |batch: Batch| {
        let losses = learner.step(&plan.stages[0], moment, batch.draws, size);
        losses.expect("labels and counts fit");
    };
    let fixed = loader.next_batch().expect("the loader runs");
    step(fixed.clone());
    let (mut with_loader, mut on_fixed, mut waiting) = (Vec::new(), Vec::new(), 0.0);
    for _ in 0..BLOCKS {
        let began = Instant::now();
        for _ in 0..STEPS {
            let asked = Instant::now();
            let batch = loader.next_batch().expect("the loader runs");
            waiting += asked.elapsed().as_secs_f64();
            step(batch);
        }
        with_loader.push(began.elapsed().as_secs_f64() / STEPS as f64);
        let began = Instant::now();
        (0..STEPS).for_each(|_| step(fixed.clone()));
        on_fixed.push(began.elapsed().as_secs_f64() / STEPS as f64);
    }
    let waiting = waiting / with_loader.iter().map(|s| s * STEPS as f64).sum::<f64>();
    let (with_loader, on_fixed) = (median(with_loader), median(on_fixed));
    println!("{}; {BATCH} images in three views", device::hardware(&device::cpu()));
    println!("step behind the loader   {:8.2} ms", 1e3 * with_loader);
    println!("step on a fixed batch    {:8.2} ms", 1e3 * on_fixed);
    println!("ratio                    {:8.3}", with_loader / on_fixed);
    println!("waiting for a batch      {:8.2} %", 1e2 * waiting);
}
