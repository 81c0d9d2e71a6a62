//! Steps that are worked off in parts: what they have in common with whole ones.

use longtail::{
    batch::DrawnPixels,
    burn::{
        self,
        module::Module,
        nn::{Linear, LinearConfig},
        tensor::{Device, Tensor, activation::relu},
    },
    device,
    loss::{ClassCounts, Moment},
    method::{Method, Plan},
    model::{
        Encode, EncoderConfig,
        weights::{self, State},
    },
    recipe::{Recipe, RecipeFile},
    train::Learner,
};

const SIDE: usize = 16;
const COUNTS: [usize; 3] = [50, 20, 10];

/// The plan of a method on images of [`SIDE`] pixels that works off `micro_batch` images at a time.
fn plan(method: &str, more: &str, micro_batch: usize) -> Plan {
    let text = format!(
        "[data]\nname = \"cifar10-lt\"\n[method]\nname = \"{method}\"\n[model]\nbackbone = \"resnet8\"\n\
         [optimizer]\nweight_decay = 0.0\n[train]\nmicro_batch = {micro_batch}\n"
    );
    let layers = [&text, more].map(|text| RecipeFile::parse(text, "this test").unwrap());
    let (recipe, _) = Recipe::resolve(&layers).unwrap();
    Method::plan(&recipe.settings(), &ClassCounts::new(COUNTS.to_vec()).unwrap())
}

/// A draw of these labels in `views` views, whose images repeat after `different` of them.
fn draw(seed: u32, labels: &[u32], views: usize, different: usize) -> DrawnPixels {
    let pixels = SIDE * SIDE * 3;
    let mut state = seed;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut all = Vec::new();
    for _ in 0..views {
        let few: Vec<f32> = (0..different * pixels).map(|_| noise()).collect();
        all.extend((0..labels.len()).flat_map(|i| &few[i % different * pixels..][..pixels]));
    }
    DrawnPixels { pixels: all, labels: labels.to_vec() }
}

/// Weights before and after two steps of a plan's first stage, which have momentum between them.
fn stepped(plan: &Plan, labels: &[u32], different: usize) -> [State; 2] {
    let mut learner = Learner::new(plan, 0, device::cpu().autodiff()).unwrap();
    let stage = &plan.stages[0];
    learner.begin_stage(stage, 0, 0);
    let before = weights::state(&learner.network);
    for step in 0..2 {
        let seed = |sampler| 10 * step + sampler as u32;
        let draws = (0..stage.samplers.len())
            .map(|sampler| draw(seed(sampler), labels, stage.views.len(), different))
            .collect();
        learner.step(stage, Moment { epoch: 0, epochs: 200 }, draws, [SIDE; 2]).unwrap();
    }
    [before, weights::state(&learner.network)]
}

fn is_statistic(name: &str) -> bool {
    name.contains("running_")
}

/// How far two updates of the same weights are from each other, as a share of the larger.
fn deviation([before, one]: &[State; 2], other: &State, name: &str) -> (f64, f64) {
    let moved = |after: &State| -> Vec<f64> {
        let pairs = after[name].values.iter().zip(&before[name].values);
        pairs.map(|(after, before)| f64::from(after - before)).collect()
    };
    let norm = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
    let (one, other) = (moved(one), moved(other));
    let apart: Vec<f64> = one.iter().zip(&other).map(|(a, b)| a - b).collect();
    let size = norm(&one).max(norm(&other));
    (norm(&apart) / size.max(1e-30), size)
}

/// Every weight moves alike; where a whole step hardly moves one, rounding is all that there is.
#[track_caller]
fn assert_alike(what: &str, whole: &[State; 2], parts: &State, most: f64) {
    let largest = whole[1].keys().filter(|name| !is_statistic(name));
    let largest = largest.map(|name| deviation(whole, parts, name).1).fold(0.0, f64::max);
    assert!(largest > 1e-4, "{what}: nothing moves");
    let mut moved = 0;
    for name in whole[1].keys().filter(|name| !is_statistic(name)) {
        let (deviation, size) = deviation(whole, parts, name);
        if size > 1e-4 * largest {
            assert!(deviation < most, "{what}, {name}: {deviation:e} of {size:e}");
            moved += 1;
        }
    }
    assert!(moved > 3, "{what}: {moved}");
}

const METHODS: [(&str, &str); 7] = [
    ("ce", ""),
    ("bcl+rcl", ""),
    ("bcl", "[model]\nbn_groups = \"per-view\"\n"),
    ("scl", "[model]\nhead_on_cls_view = false\n"),
    ("ride", ""),
    ("bbn", ""),
    ("ce", "[model]\nbackbone = \"resnet18\"\n"),
];

/// Of a batch of four images twice each, either half has the batch statistics of the whole.
#[test]
fn where_the_parts_have_the_statistics_of_the_whole_so_has_the_step() {
    let labels = [0, 0, 2, 1, 0, 0, 2, 1];
    for (method, more) in METHODS {
        let whole = stepped(&plan(method, more, 0), &labels, 4);
        let [_, parts] = stepped(&plan(method, more, 4), &labels, 4);
        assert_alike(&format!("{method} {more}"), &whole, &parts, 2e-3);
        let mean = |state: &State| {
            let values = &state["encoder.bn1.running_mean"].values;
            values.iter().map(|v| f64::from(v.abs())).sum::<f64>()
        };
        // 0.9 · 0.1 + 0.1 of the first step's instead of 0.1, and each once more of the second's.
        let ratio = mean(&parts) / mean(&whole[1]);
        let passes = if method == "bbn" { 2.0 } else { 1.0 };
        let once = |steps: f64| 1.0 - 0.9_f64.powf(steps);
        let expected = once(4.0 * passes) / once(2.0 * passes);
        assert!((ratio - expected).abs() < 0.1, "{method} {more}: {ratio}, not {expected}");
    }
}

/// An encoder without batch norm; the heads have one, which sees all rows either way.
#[derive(Module, Debug)]
struct Plain {
    first: Linear,
    second: Linear,
}

impl Plain {
    fn new(device: &Device) -> Self {
        let linear = |input, output| LinearConfig::new(input, output).init(device);
        Self { first: linear(SIDE * SIDE * 3, 40), second: linear(40, 24) }
    }
}

impl Encode for Plain {
    fn features(&self) -> usize {
        24
    }

    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let rows = images.flatten::<2>(1, 3);
        relu(self.second.forward(relu(self.first.forward(rows))))
    }
}

fn plain(method: &str, micro_batch: usize) -> Plan {
    let mut plan = plan(method, "", micro_batch);
    plan.network.encoder = EncoderConfig::own("plain", Plain::new);
    plan
}

#[test]
fn without_batch_norm_a_step_in_parts_is_the_whole_step() {
    let labels = [0, 1, 1, 2, 0, 0, 2];
    for method in ["ce", "la", "cb-focal", "ldam-drw", "scl", "bcl", "rcl", "bcl+rcl"] {
        let whole = stepped(&plain(method, 0), &labels, 7);
        for images in [1, 3, 6] {
            let [_, parts] = stepped(&plain(method, images), &labels, 7);
            assert_alike(&format!("{method} in parts of {images}"), &whole, &parts, 2e-5);
        }
        let [_, all] = stepped(&plain(method, 7), &labels, 7);
        assert_eq!(all, whole[1], "{method}: one part is the whole");
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let labels = [0, 1, 1, 2, 0, 0, 2];
    for (method, more) in [("bcl+rcl", ""), ("bbn", ""), ("ce", "[train]\nprecision = \"bf16\"\n")]
    {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| stepped(&plan(method, more, 3), &labels, 7))
        };
        let one = on(1);
        assert_eq!(one, on(3), "{method}");
        assert_ne!(one[0], one[1], "{method}");
    }
}

/// A stage that freezes the encoder has nothing to go back through.
#[test]
fn frozen_encoders_are_worked_off_in_parts_to_the_same_bits() {
    let labels = [0, 1, 1, 2, 0, 0, 2];
    let second = |micro_batch: usize| {
        let mut plan = plan("crt", "", micro_batch);
        plan.stages.remove(0);
        stepped(&plan, &labels, 7)
    };
    let (whole, parts) = (second(0), second(3));
    assert_eq!(whole, parts);
    assert_ne!(whole[0]["fc.weight"], whole[1]["fc.weight"]);
    assert_eq!(whole[0]["encoder.conv1.weight"], whole[1]["encoder.conv1.weight"]);
}
