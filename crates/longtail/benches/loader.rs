//! Whether data waits: the training step behind the running loader against the same step on a fixed
//! batch, in alternating blocks, so that both meet the same weather of the machine.
//!
//! `cargo bench --workspace --bench loader`

use std::{sync::Arc, time::Instant};

use burn::tensor::{Tensor, TensorData};
use longtail::{
    augment::{ClassifierConfig, Normalize, SimConfig, View},
    batch::{Batch, Loader, LoaderConfig, Position, Sampler},
    data::{ImageSet, Synthetic},
    device,
    loss::Contrastive,
    method::ClassifierLoss,
    model::{ClassifierKind, InitHeads, Network, NetworkConfig, Precision},
    train::{BnGroups, Objective, Sgd, SgdConfig},
};

/// Images of a batch, each in three views.
const BATCH: usize = 64;
/// Steps of a block.
const STEPS: usize = 6;
const BLOCKS: usize = 12;

struct Trainee {
    images: Arc<ImageSet>,
    network: Network,
    objective: Objective,
    sgd: Sgd,
}

impl Trainee {
    fn new(images: Arc<ImageSet>, classes: usize) -> Self {
        let config = NetworkConfig {
            depth: 32,
            classes,
            classifier: ClassifierKind::Linear,
            cosine_scale: 30.0,
            head: Some([512, 128]),
            prototypes: true,
            init_heads: InitHeads::TorchDefault,
            precision: Precision::F32,
        };
        let device = device::cpu().autodiff();
        let objective = Objective {
            alpha: 2.0,
            beta: 1.0,
            classifier_loss: ClassifierLoss::LogitAdjusted,
            tau: 1.3,
            contrastive: Some(Contrastive::bcl_rcl(0.1)),
            class_counts: (1..=classes).rev().collect(),
            bn_groups: BnGroups::Joint,
            head_on_cls_view: true,
        };
        let sgd = SgdConfig {
            momentum: 0.9,
            nesterov: false,
            weight_decay: 5e-4,
            weight_decay_on_bn: true,
        };
        let network = Network::new(&config, 0, &device).expect("32 is 6n + 2");
        Self { images, network, objective, sgd: Sgd::new(sgd) }
    }

    fn step(&mut self, batch: &Batch) {
        let shape = [3 * BATCH, self.images.height(), self.images.width(), 3];
        let pixels = TensorData::new(batch.pixels.clone(), shape);
        let input = Tensor::from_data(pixels, &device::cpu().autodiff());
        let losses = self.objective.losses(&self.network, input, &batch.labels, None);
        let losses = losses.expect("labels and counts fit");
        let gradients = losses.total.backward();
        let network = self.sgd.step(1e-3, self.network.clone(), gradients);
        self.network = losses.statistics.update(network);
    }
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn main() {
    let source = Synthetic::default().source();
    let classes = source.class_names.len();
    let images = Arc::new(source.pool);
    let sim = View::Sim(SimConfig::default());
    let config = LoaderConfig {
        sampler: Sampler::new((0..images.len() as u32).collect(), BATCH, true, 0),
        views: vec![View::Classifier(ClassifierConfig::default()), sim.clone(), sim],
        normalize: Normalize::CIFAR,
        seed: 0,
    };
    let loader = Loader::start(Arc::clone(&images), config, Position { epoch: 0, batch: 0 });
    let mut trainee = Trainee::new(images, classes);
    let fixed = loader.next_batch().expect("the loader runs");
    trainee.step(&fixed);
    let (mut with_loader, mut on_fixed, mut waiting) = (Vec::new(), Vec::new(), 0.0);
    for _ in 0..BLOCKS {
        let began = Instant::now();
        for _ in 0..STEPS {
            let asked = Instant::now();
            let batch = loader.next_batch().expect("the loader runs");
            waiting += asked.elapsed().as_secs_f64();
            trainee.step(&batch);
        }
        with_loader.push(began.elapsed().as_secs_f64() / STEPS as f64);
        let began = Instant::now();
        (0..STEPS).for_each(|_| trainee.step(&fixed));
        on_fixed.push(began.elapsed().as_secs_f64() / STEPS as f64);
    }
    let waiting = waiting / with_loader.iter().map(|s| s * STEPS as f64).sum::<f64>();
    let (with_loader, on_fixed) = (median(with_loader), median(on_fixed));
    println!("{}; {BATCH} images in three views", device::hardware());
    println!("step behind the loader   {:8.2} ms", 1e3 * with_loader);
    println!("step on a fixed batch    {:8.2} ms", 1e3 * on_fixed);
    println!("ratio                    {:8.3}", with_loader / on_fixed);
    println!("waiting for a batch      {:8.2} %", 1e2 * waiting);
}
