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
    tensor::{Tensor, TensorData},
};
use longtail::{
    batch::DrawnPixels,
    device::{self, Device, DeviceChoice},
    eval::Prepacking,
    loss::{ClassCounts, Moment},
    method::{Method, Plan},
    model::{
        Network, Pass,
        weights::{self, Weights, values},
    },
    optim::{Decay, Schedule},
    recipe::{Recipe, RecipeError, RecipeFile},
    rng::{Purpose, stream},
    threads::{self, Awake},
    train::{Learner, Measured},
};
use rand::RngExt;
use serde_json::{Value, json};

/// CIFAR-10 at imbalance factor 100.
const CLASS_COUNTS: [usize; 10] = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50];
/// Classes of another backbone than CIFAR's.
const CLASSES: usize = 1000;

/// The paper's full objective with its CIFAR settings: the defaults there. With a backbone cross entropy alone, of one
/// view.
fn recipe(options: &Options) -> Result<Recipe, RecipeError> {
    let Options { precision, backbone, .. } = options;
    let text = format!("data.name = \"cifar10-lt\"\ntrain.precision = \"{precision}\"\n");
    let other = backbone.iter().map(|name| {
        format!("method.name = \"ce\"\nmodel.backbone = \"{name}\"\nviews.classifier = \"plain\"\n")
    });
    let text = std::iter::once(text).chain(other).collect::<String>();
    let layer = RecipeFile::parse(&text, "--precision or --backbone")?;
    Ok(Recipe::resolve(&[layer])?.0)
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
    let Ok(recipe) = recipe(&options) else {
        return answer(&json!({ "ready": false, "unsupported": options.precision }));
    };
    threads::start(Some(options.threads))?;
    let device = device::open(options.device)?;
    if device::check_precision(&device, recipe.train.precision).is_err() {
        return answer(&json!({ "ready": false, "unsupported": options.precision }));
    }
    let mut peer = Peer::new(&recipe, &options, device)?;
    if let Some(file) = &options.export {
        return peer.export(file);
    }
    answer(&json!({
        "ready": true,
        "program": concat!("Longtail ", env!("CARGO_PKG_VERSION")),
        "kernels": device::operators(peer.learner.device()),
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
    device: DeviceChoice,
    export: Option<String>,
    backbone: Option<String>,
    side: usize,
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
            device: DeviceChoice::CPU,
            export: None,
            backbone: None,
            side: 32,
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
                "--device" => options.device = value.parse()?,
                "--export" => options.export = Some(value),
                "--backbone" => options.backbone = Some(value),
                "--side" => options.side = value.parse()?,
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
            "run" if peer.waits() => peer.block(count)?,
            "run" => seconds(count, || peer.step().map(drop))?,
            "losses" => (0..count).map(|_| peer.step_total()).collect::<Result<Value, _>>()?,
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

/// What `train::Trainer` trains with, and one fixed batch.
struct Peer {
    plan: Plan,
    learner: Learner,
    pixels: Vec<f32>,
    labels: Vec<u32>,
    side: usize,
    classes: usize,
}

impl Peer {
    fn new(recipe: &Recipe, options: &Options, device: Device) -> Result<Self, Box<dyn Error>> {
        let counts = match options.backbone {
            None => CLASS_COUNTS.to_vec(),
            Some(_) => vec![1; CLASSES],
        };
        let views = if options.backbone.is_none() { 3 } else { 1 };
        let (side, classes) = (options.side, counts.len());
        let labels = labels(options.rows / views, &counts);
        let mut plan = Method::plan(&recipe.settings(), &ClassCounts::new(counts)?);
        for stage in &mut plan.stages {
            stage.schedule = Schedule { decay: Decay::Step, ..Schedule::cosine(options.lr, 1) };
        }
        Ok(Self {
            learner: Learner::new(&plan, recipe.train.seed, device.autodiff())?,
            plan,
            pixels: pixels(options.rows * side * side * 3),
            labels,
            side,
            classes,
        })
    }

    /// One optimizer step.
    fn step(&mut self) -> Result<Measured, Box<dyn Error>> {
        let draw = DrawnPixels { pixels: self.pixels.clone(), labels: self.labels.clone() };
        let stage = self.plan.stages.first().ok_or("a plan has a stage")?;
        let moment = Moment { epoch: 0, epochs: 1 };
        Ok(self.learner.step(stage, moment, vec![draw], [self.side; 2])?)
    }

    /// One optimizer step; gives the loss before it.
    fn step_total(&mut self) -> Result<f64, Box<dyn Error>> {
        let losses = Measured::read_all(&[self.step()?]);
        Ok(losses.first().map_or(f64::NAN, |losses| losses.total))
    }

    /// Whether reading a step's losses waits for a GPU.
    fn waits(&self) -> bool {
        !device::is_cpu(self.learner.device())
    }

    /// The mean seconds of `count` steps that are waited for together, `count` times.
    fn block(&mut self, count: usize) -> Result<Value, Box<dyn Error>> {
        let began = Instant::now();
        let steps = (0..count).map(|_| self.step()).collect::<Result<Vec<_>, _>>()?;
        Measured::read_all(&steps);
        // The last step's update comes after its losses.
        self.learner.device().sync()?;
        let each = began.elapsed().as_secs_f64() / count.max(1) as f64;
        Ok(json!(vec![each; count]))
    }

    /// Values of an image.
    fn image(&self) -> usize {
        self.side * self.side * 3
    }

    /// The fixed batch again and again, up to `images`.
    fn evaluation_batches(&self, images: usize) -> Vec<Vec<f32>> {
        let all: Vec<f32> =
            self.pixels.iter().copied().cycle().take(images * self.image()).collect();
        all.chunks(self.pixels.len()).map(<[f32]>::to_vec).collect()
    }

    /// The passes of `Network::predict` over images that are drawn already; gives the rows.
    fn evaluate(&self, batches: &[Vec<f32>]) -> usize {
        let _awake = (!self.waits()).then(Awake::new);
        let _prepacking = Prepacking::new();
        let network = self.learner.network.valid();
        batches.iter().map(|batch| self.infer(&network, batch.clone()).len()).sum()
    }

    fn infer(&self, network: &Network, pixels: Vec<f32>) -> Vec<Vec<f32>> {
        let shape = [pixels.len() / self.image(), self.side, self.side, 3];
        let input = TensorData::new(pixels, shape);
        let input = Tensor::from_data(input, &self.learner.device().clone().inner());
        let logits = network.logits(network.features(input, &mut Pass::Eval));
        values(logits).chunks_exact(self.classes).map(<[f32]>::to_vec).collect()
    }

    fn logits(&self, count: usize) -> Vec<Vec<f32>> {
        self.infer(&self.learner.network.valid(), self.pixels[..count * self.image()].to_vec())
    }

    /// Writes the weights and the batch as safetensors.
    fn export(&self, file: &str) -> Result<(), Box<dyn Error>> {
        let (rows, side) = (self.pixels.len() / self.image(), self.side);
        let labels: Vec<f32> = self.labels.iter().map(|&label| label as f32).collect();
        let images = Weights { shape: vec![rows, side, side, 3], values: self.pixels.clone() };
        let labels = Weights { shape: vec![labels.len()], values: labels };
        let mut state = weights::state(&self.learner.network);
        state.insert("input.images".into(), images);
        state.insert("input.labels".into(), labels);
        Ok(fs::write(file, weights::to_safetensors(&state, BTreeMap::new())?)?)
    }
}

/// Images of noise with mean 0 and deviation 1.
fn pixels(values: usize) -> Vec<f32> {
    let mut rng = stream(0, Purpose::Synthetic, 0, 0, 0);
    let bound = 3_f32.sqrt();
    (0..values).map(|_| rng.random_range(-bound..bound)).collect()
}

/// Labels drawn as the training images are distributed.
fn labels(batch: usize, counts: &[usize]) -> Vec<u32> {
    let mut rng = stream(0, Purpose::Synthetic, 1, 0, 0);
    let draw = |image: usize| {
        let passed = counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        passed.take_while(|&sum| sum <= image).count() as u32
    };
    (0..batch).map(|_| draw(rng.random_range(0..counts.iter().sum()))).collect()
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
