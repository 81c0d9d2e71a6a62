//! Training steps or evaluation passes of Longtail, timed on request: the counterpart of
//! `benches/peers/step.py`, with the same protocol and arguments.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    io::{self, BufRead, Write},
    path::Path,
    process::ExitCode,
    time::Instant,
};

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use longtail::{
    device,
    eval::argmax,
    method::Method,
    model::{
        ClassifierKind, InitHeads, Network, NetworkConfig, Pass, Precision,
        weights::{self, Weights, values},
    },
    rng::{Purpose, stream},
    train::{BnGroups, Objective, Sgd, SgdConfig},
};
use rand::RngExt;
use serde_json::{Value, json};

/// CIFAR-10 at imbalance factor 100.
const CLASS_COUNTS: [usize; 10] = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50];
const SIDE: usize = 32;
const PIXELS: usize = SIDE * SIDE * 3;

/// Whether the training step exists in `precision`.
fn supports(precision: &str) -> bool {
    precision_of(precision).is_some()
}

fn precision_of(name: &str) -> Option<Precision> {
    match name {
        "f32" => Some(Precision::F32),
        "bf16" => Some(Precision::Bf16),
        _ => None,
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peer_step: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let options = Options::from_args(std::env::args().skip(1))?;
    if !supports(&options.precision) {
        return answer(&json!({ "ready": false, "unsupported": options.precision }));
    }
    rayon::ThreadPoolBuilder::new().num_threads(options.threads).build_global()?;
    let mut peer = Peer::new(&options)?;
    if let Some(file) = &options.export {
        return peer.export(file);
    }
    answer(&json!({
        "ready": true,
        "program": concat!("Longtail ", env!("CARGO_PKG_VERSION")),
        "kernels": longtail_kernels::active_path(),
        "threads": rayon::current_num_threads(),
    }))?;
    serve(&mut peer, &options)
}

/// What was typed.
struct Options {
    task: String,
    precision: String,
    rows: usize,
    images: usize,
    threads: usize,
    lr: f64,
    export: Option<String>,
}

impl Options {
    fn from_args(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            task: "step".into(),
            precision: "f32".into(),
            rows: 192,
            images: 10_000,
            threads: 1,
            lr: 0.01,
            export: None,
        };
        while let Some(name) = args.next() {
            let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--task" if value == "step" || value == "eval" => options.task = value,
                "--precision" => options.precision = value,
                "--rows" => options.rows = value.parse()?,
                "--images" => options.images = value.parse()?,
                "--threads" => options.threads = value.parse()?,
                "--lr" => options.lr = value.parse()?,
                "--export" => options.export = Some(value),
                _ => return Err(format!("unknown option {name} {value}").into()),
            }
        }
        Ok(options)
    }
}

fn serve(peer: &mut Peer, options: &Options) -> Result<(), Box<dyn Error>> {
    let batches = match options.task.as_str() {
        "eval" => peer.evaluation_batches(options.images),
        _ => Vec::new(),
    };
    let mut memory = Memory::default();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (command, count) = line.trim().split_once(' ').unwrap_or((line.trim(), "0"));
        let count: usize = count.parse()?;
        if command != "memory" {
            memory.first_step();
        }
        answer(&match command {
            "run" if options.task == "eval" => seconds(count, || {
                peer.evaluate(&batches);
                Ok(())
            })?,
            "run" => seconds(count, || peer.step().map(drop))?,
            "losses" => (0..count).map(|_| peer.step()).collect::<Result<Value, _>>()?,
            "logits" => json!(peer.logits(count)),
            "memory" => memory.report(),
            _ => json!({ "error": format!("unknown command {command}") }),
        })?;
    }
    Ok(())
}

fn answer(value: &Value) -> Result<(), Box<dyn Error>> {
    println!("{value}");
    Ok(io::stdout().flush()?)
}

/// Seconds of each of `count` runs of `work`.
fn seconds(
    count: usize,
    mut work: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<Value, Box<dyn Error>> {
    let mut once = || {
        let began = Instant::now();
        work()?;
        Ok(began.elapsed().as_secs_f64())
    };
    (0..count).map(|_| once()).collect()
}

/// A network, its optimizer and one fixed batch.
struct Peer {
    network: Network,
    sgd: Sgd,
    objective: Objective,
    lr: f64,
    pixels: Vec<f32>,
    labels: Vec<u32>,
    device: Device,
}

impl Peer {
    fn new(options: &Options) -> Result<Self, Box<dyn Error>> {
        let config = NetworkConfig {
            depth: 32,
            classes: CLASS_COUNTS.len(),
            classifier: ClassifierKind::Linear,
            cosine_scale: 30.0,
            head: Some([512, 128]),
            prototypes: true,
            init_heads: InitHeads::TorchDefault,
            precision: precision_of(&options.precision).unwrap_or(Precision::F32),
        };
        let sgd = SgdConfig {
            momentum: 0.9,
            nesterov: false,
            weight_decay: 5e-4,
            weight_decay_on_bn: true,
        };
        let device = device::cpu().autodiff();
        Ok(Self {
            network: Network::new(&config, 0, &device)?,
            sgd: Sgd::new(sgd),
            objective: objective(),
            lr: options.lr,
            pixels: pixels(options.rows),
            labels: labels(options.rows / 3),
            device,
        })
    }

    /// One optimizer step, call by call the one of `train::Trainer`; gives the loss before it.
    fn step(&mut self) -> Result<f64, Box<dyn Error>> {
        let shape = [self.labels.len() * self.objective.views(), SIDE, SIDE, 3];
        let input = TensorData::new(self.pixels.clone(), shape);
        let input = Tensor::from_data(input, &self.device);
        let losses = self.objective.losses(&self.network, input, &self.labels, None)?;
        let [loss, _] = [&losses.total, &losses.classifier].map(scalar);
        losses.contrastive.as_ref().map(scalar);
        correct(&losses.logits, &self.labels);

        let gradients = losses.total.backward();
        let network = self.sgd.step(self.lr, self.network.clone(), gradients);
        self.network = losses.statistics.update(network);
        Ok(loss)
    }

    /// The fixed batch again and again, up to `images`.
    fn evaluation_batches(&self, images: usize) -> Vec<Vec<f32>> {
        let all: Vec<f32> = self.pixels.iter().copied().cycle().take(images * PIXELS).collect();
        all.chunks(self.pixels.len()).map(<[f32]>::to_vec).collect()
    }

    /// The passes of `Network::predict` over images that are drawn already; gives the rows.
    fn evaluate(&self, batches: &[Vec<f32>]) -> usize {
        let network = self.network.valid();
        batches.iter().map(|batch| self.infer(&network, batch.clone()).len()).sum()
    }

    fn infer(&self, network: &Network, pixels: Vec<f32>) -> Vec<Vec<f32>> {
        let shape = [pixels.len() / PIXELS, SIDE, SIDE, 3];
        let input = TensorData::new(pixels, shape);
        let input = Tensor::from_data(input, &self.device.clone().inner());
        let logits = network.logits(network.features(input, &mut Pass::Eval));
        values(logits).chunks_exact(CLASS_COUNTS.len()).map(<[f32]>::to_vec).collect()
    }

    fn logits(&self, count: usize) -> Vec<Vec<f32>> {
        self.infer(&self.network.valid(), self.pixels[..count * PIXELS].to_vec())
    }

    /// Writes the weights and the batch as safetensors.
    fn export(&self, file: &str) -> Result<(), Box<dyn Error>> {
        let rows = self.pixels.len() / PIXELS;
        let labels: Vec<f32> = self.labels.iter().map(|&label| label as f32).collect();
        let images = Weights { shape: vec![rows, SIDE, SIDE, 3], values: self.pixels.clone() };
        let labels = Weights { shape: vec![labels.len()], values: labels };
        let mut state = weights::state(&self.network);
        state.insert("input.images".into(), images);
        state.insert("input.labels".into(), labels);
        Ok(fs::write(file, weights::to_safetensors(&state, BTreeMap::new())?)?)
    }
}

/// The paper's full objective with its CIFAR settings.
fn objective() -> Objective {
    let spec = Method::BclRcl.spec();
    Objective {
        alpha: 2.0,
        beta: 1.0,
        classifier_loss: spec.classifier_loss,
        tau: 1.3,
        contrastive: spec.contrastive,
        class_counts: CLASS_COUNTS.to_vec(),
        bn_groups: BnGroups::Joint,
        head_on_cls_view: true,
    }
}

/// Images of noise with mean 0 and deviation 1.
fn pixels(rows: usize) -> Vec<f32> {
    let mut rng = stream(0, Purpose::Synthetic, 0, 0, 0);
    let bound = 3_f32.sqrt();
    (0..rows * PIXELS).map(|_| rng.random_range(-bound..bound)).collect()
}

/// Labels drawn as the training images are distributed.
fn labels(batch: usize) -> Vec<u32> {
    let mut rng = stream(0, Purpose::Synthetic, 1, 0, 0);
    let draw = |image: usize| {
        let passed = CLASS_COUNTS.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        passed.take_while(|&sum| sum <= image).count() as u32
    };
    (0..batch).map(|_| draw(rng.random_range(0..CLASS_COUNTS.iter().sum()))).collect()
}

fn scalar(tensor: &Tensor<1>) -> f64 {
    values(tensor.clone().inner()).first().map_or(f64::NAN, |value| f64::from(*value))
}

/// Images whose largest logit is their label's.
fn correct(logits: &Tensor<2>, labels: &[u32]) -> usize {
    let logits = values(logits.clone().inner());
    let rows = logits.chunks_exact(CLASS_COUNTS.len());
    rows.zip(labels).filter(|(row, label)| argmax(row) == **label).count()
}

/// Resident bytes: before the first step, at the peak, at the peak since last asked.
#[derive(Default)]
struct Memory {
    before: u64,
    peak: u64,
}

impl Memory {
    fn first_step(&mut self) {
        if self.before == 0 {
            self.before = status("VmRSS");
        }
    }

    fn report(&mut self) -> Value {
        let recent = status("VmHWM");
        self.peak = self.peak.max(recent);
        // Where the system refuses, `recent` is the whole peak.
        let _ = fs::write(Path::new("/proc/self/clear_refs"), "5");
        json!({ "before": self.before, "peak": self.peak, "recent": recent })
    }
}

/// A figure of this process's status file, in bytes.
fn status(key: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    let kibibytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1024
}
