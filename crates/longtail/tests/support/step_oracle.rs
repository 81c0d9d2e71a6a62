//! The training step that PyTorch made (`oracles/train_step.json`, in f64): its weights, images and
//! settings.

use std::{collections::BTreeMap, sync::Arc};

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Gradients, Tensor, TensorData},
};
use longtail::{
    loss::{
        ClassCounts, ClassifierContrastive, ClassifierLoss, Contrastive, ContrastiveBranch, Draw,
        Losses, Moment, Objective,
    },
    model::{
        Backbone, BnGroups, Network, NetworkConfig, Pass, Precision,
        weights::{self, ModulePath, State},
    },
    optim::{Sgd, SgdConfig},
};
use serde_json::Value;

/// Images of the step.
pub const BATCH: usize = 4;
/// Their labels.
pub const LABELS: [u32; BATCH] = [0, 0, 2, 4];

pub fn oracle() -> Value {
    serde_json::from_str(include_str!("../oracles/train_step.json")).unwrap()
}

/// The stream that the oracle's inputs are drawn from, in [-0.5, 0.5).
pub fn splitmix64(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    (0..count).map(|_| (next() >> 11) as f64 / 2_f64.powi(53) - 0.5).collect()
}

pub fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

/// The oracle's initial parameters on top of fresh running statistics.
pub fn initial_state(network: &Network, order: &Value) -> State {
    let mut state = weights::state(network);
    for (k, entry) in (0..).zip(order.as_array().unwrap()) {
        let name = entry[0].as_str().unwrap();
        let shape: Vec<usize> = serde_json::from_value(entry[1].clone()).unwrap();
        let drawn = splitmix64(10_000 + k, shape.iter().product());
        let Some(weights) = state.get_mut(name) else { continue };
        assert_eq!(weights.shape, shape, "{name}");
        let fan_in = shape[1..].iter().product::<usize>() as f64;
        let is_norm = name.contains("bn") || name.contains("head.1") || name.contains("head_fc.1");
        weights.values = match (is_norm, name.ends_with("weight")) {
            (true, true) => vec![1.0; drawn.len()],
            (true, false) => vec![0.0; drawn.len()],
            (false, true) => {
                drawn.iter().map(|u| (u * 12_f64.sqrt() * (2.0 / fan_in).sqrt()) as f32).collect()
            }
            (false, false) => drawn.iter().map(|u| (0.1 * u) as f32).collect(),
        };
    }
    state
}

/// A network with the oracle's initial parameters.
pub fn network(prototypes: bool, precision: Precision, device: &Device) -> Network {
    let config = NetworkConfig {
        head: Some([16, 8]),
        prototypes,
        precision,
        ..NetworkConfig::new(Backbone::ResNetCifar { depth: 32 }, 5)
    };
    let network = Network::new(&config, 0, &device.clone().autodiff()).unwrap();
    let state = initial_state(&network, &oracle()["param_order"]);
    weights::with_state(network, state, "the oracle").unwrap()
}

/// The oracle's images, from NCHW to NHWC.
pub fn images(device: &Device) -> Tensor<4> {
    let rows = 3 * BATCH;
    let values = splitmix64(77, rows * 3 * 32 * 32).iter().map(|u| 2.0 * u).collect::<Vec<_>>();
    let nchw = TensorData::new(values, [rows, 3, 32, 32]).convert::<f32>();
    Tensor::<4>::from_data(nchw, &device.clone().autodiff()).permute([0, 2, 3, 1])
}

pub fn objective(contrastive: Contrastive) -> ClassifierContrastive {
    ClassifierContrastive {
        alpha: 2.0,
        classifier: ClassifierLoss::LogitAdjusted { tau: 1.3 },
        contrastive: Some(ContrastiveBranch::new(contrastive, 1.0)),
        class_counts: ClassCounts::new(vec![500, 150, 60, 20, 5]).unwrap(),
        bn_groups: BnGroups::Joint,
    }
}

/// The losses of a batch in three views.
pub fn losses_of(
    objective: &ClassifierContrastive,
    network: &Network,
    images: Tensor<4>,
    labels: &[u32],
) -> Losses {
    let draw = Draw { images, labels: labels.to_vec() };
    objective.losses(network, &[draw], Moment { epoch: 0, epochs: 1 }).unwrap()
}

/// A part of a loss by its name.
pub fn part(losses: &Losses, name: &str) -> f64 {
    let (_, value) = losses.parts.iter().find(|(known, _)| *known == name).unwrap();
    scalar(value.clone())
}

struct Norms<'a> {
    gradients: &'a Gradients,
    path: ModulePath,
    norms: BTreeMap<String, f64>,
}

impl ModuleVisitor for Norms<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            let squares = weights::values(gradient).iter().map(|g| f64::from(*g).powi(2)).sum();
            self.norms.insert(self.path.name(), f64::sqrt(squares));
        }
    }
}

pub fn gradient_norms(network: &Network, gradients: &Gradients) -> BTreeMap<String, f64> {
    let mut visitor = Norms { gradients, path: ModulePath::default(), norms: BTreeMap::new() };
    network.visit(&mut visitor);
    visitor.norms
}

pub fn scalar(tensor: Tensor<1>) -> f64 {
    f64::from(weights::values(tensor)[0])
}

#[track_caller]
pub fn close(name: &str, actual: f64, expected: f64, tolerance: f64) {
    let error = (actual - expected).abs() / expected.abs().max(1e-3);
    assert!(error <= tolerance, "{name}: {actual} is not {expected} ({error:e})");
}

pub fn first_losses(loss: Contrastive, network: &Network, device: &Device) -> Losses {
    losses_of(&objective(loss), network, images(device), &LABELS)
}

/// How far results may be from PyTorch's in f64, relative to them.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// In what the encoder computes.
    pub precision: Precision,
    /// Outputs.
    pub forward: f64,
    /// Losses.
    pub loss: f64,
    /// The norm of one parameter's gradient, before layer 3.
    pub early: f64,
    /// From layer 3 on.
    pub late: f64,
    /// The norm of all gradients together.
    pub all: f64,
    /// How many parameters may be further off than all together.
    pub flipped: usize,
    /// The classifier's loss after a step.
    pub loss_after: f64,
    /// Outputs after a step.
    pub after: f64,
}

impl Bounds {
    /// f32, where rounding puts no activation on the other side of its ReLU.
    pub const F32: Self = Self {
        precision: Precision::F32,
        forward: 1e-4,
        loss: 1e-5,
        early: 1e-3,
        late: 1e-3,
        all: 1e-3,
        flipped: 0,
        loss_after: 1e-3,
        after: 1e-3,
    };
    /// f32, where it puts some. The logits after the step are of the order of 10⁵ and follow what flips.
    pub const F32_WITH_FLIPS: Self =
        Self { early: 5e-3, late: 5e-5, flipped: 5, after: 2e-2, ..Self::F32 };
    /// Factors of 10 bits of mantissa instead of 23: f16, and f32 where tensor cores make it TF32. Some three
    /// times what f16 was seen to differ by on a CPU.
    pub const TEN_BITS: Self = Self {
        forward: 2e-2,
        loss: 1e-2,
        early: 0.3,
        late: 0.1,
        all: 1e-2,
        flipped: usize::MAX,
        loss_after: 0.1,
        after: 0.5,
        ..Self::F32
    };

    fn gradient(&self, parameter: &str) -> f64 {
        let is_early =
            parameter.starts_with("encoder.") && !parameter.starts_with("encoder.layer3");
        if is_early { self.early } else { self.late }
    }
}

/// The forward pass: logits and prototypes.
pub fn check_forward_pass(device: &Device, bounds: &Bounds) {
    let oracle = oracle();
    let network = network(true, bounds.precision, device);
    let losses = first_losses(Contrastive::bcl_rcl(0.1), &network, device);
    let expected = numbers(&oracle["forward_train"]["logits_view0"]);
    for (actual, expected) in weights::values(losses.logits[0].clone()).into_iter().zip(expected) {
        close("logit", f64::from(actual), expected, bounds.forward);
    }
    let mut statistics = Default::default();
    let centers = network.prototypes(&mut Pass::Train(&mut statistics)).unwrap();
    let expected = numbers(&oracle["forward_train"]["centers"]);
    for (actual, expected) in weights::values(centers).into_iter().zip(expected) {
        close("prototype", f64::from(actual), expected, bounds.forward);
    }
}

/// The losses, and the norms of all gradients.
pub fn check_losses_and_gradients(device: &Device, bounds: &Bounds) {
    let oracle = oracle();
    for (name, loss) in [
        ("scl", Contrastive::scl(0.1)),
        ("bcl", Contrastive::bcl(0.1)),
        ("rcl", Contrastive::rcl(0.1)),
        ("bcl+rcl", Contrastive::bcl_rcl(0.1)),
    ] {
        let expected = &oracle[name];
        let network = network(loss.prototypes, bounds.precision, device);
        let losses = first_losses(loss, &network, device);
        let value = |key: &str| expected[key].as_f64().unwrap();
        close("ce", part(&losses, "classifier"), value("ce"), bounds.loss);
        let contrastive = part(&losses, "contrastive");
        close("contrastive", contrastive, value("contrastive"), bounds.loss);
        close("total", scalar(losses.total.clone()), value("total"), bounds.loss);

        let norms = gradient_norms(&network, &losses.total.backward());
        let (mut beyond, mut found, mut expected_total) = (0, 0.0_f64, 0.0_f64);
        for (parameter, norm) in expected["grad_l2"].as_object().unwrap() {
            let norm = norm.as_f64().unwrap();
            // Without prototypes head_fc is not made; the biases before a batch norm have gradient
            // 0 up to rounding.
            if !loss.prototypes && parameter.starts_with("head_fc") || norm < 1e-6 {
                continue;
            }
            let name = format!("{name} {parameter}");
            close(&name, norms[parameter], norm, bounds.gradient(parameter));
            beyond += usize::from((norms[parameter] - norm).abs() > bounds.all * norm);
            found += norms[parameter].powi(2);
            expected_total += norm.powi(2);
        }
        assert!(beyond <= bounds.flipped, "{name}: {beyond} parameters beyond the bound");
        close(&format!("{name}, all together"), found.sqrt(), expected_total.sqrt(), bounds.all);
    }
}

/// A step of the optimizer and of the running statistics.
pub fn check_sgd_step(device: &Device, bounds: &Bounds) {
    let oracle = oracle();
    let expected = &oracle["bcl+rcl"];
    let network = network(true, bounds.precision, device);
    let losses = first_losses(Contrastive::bcl_rcl(0.1), &network, device);
    let config = SgdConfig {
        momentum: 0.9,
        nesterov: false,
        weight_decay: 5e-4,
        weight_decay_on_bn: true,
        weight_decay_on_classifier_bias: true,
    };
    let gradients = losses.total.backward();
    let network = Sgd::new(config, Arc::clone(network.roles())).step(0.1, network, gradients);
    let network = losses.statistics.update(network);

    let after = first_losses(Contrastive::bcl_rcl(0.1), &network, device);
    let ce = expected["ce_after_step_train_mode"].as_f64().unwrap();
    close("cross entropy after the step", part(&after, "classifier"), ce, bounds.loss_after);

    let view0 = images(device).inner().narrow(0, 0, BATCH);
    let valid = network.valid();
    let logits = valid.logits(valid.features(view0, &mut Pass::Eval));
    let expected = numbers(&expected["eval_logits_after_step_view0"]);
    for (actual, expected) in weights::values(logits).into_iter().zip(expected) {
        // The logits are of the order of 10⁵ and follow what flips in the gradients.
        close("evaluation logit after the step", f64::from(actual), expected, bounds.after);
    }
}

/// Norms of the gradients of three rows of images drawn from `seed`.
pub fn norms_of_few(seed: u64, device: &Device) -> BTreeMap<String, f64> {
    let network = network(true, Precision::F32, device);
    let values: Vec<f64> = splitmix64(seed, 3 * 32 * 32 * 3).iter().map(|u| 2.0 * u).collect();
    let images = TensorData::new(values, [3, 32, 32, 3]).convert::<f32>();
    let images = Tensor::<4>::from_data(images, &device.clone().autodiff());
    let objective = objective(Contrastive::bcl_rcl(0.1));
    let losses = losses_of(&objective, &network, images, &LABELS[..1]);
    gradient_norms(&network, &losses.total.backward())
}
