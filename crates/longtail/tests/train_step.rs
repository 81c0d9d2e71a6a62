//! One whole training step — forward of three views, both losses, backward, SGD, running
//! statistics — against PyTorch's in f64 (`oracles/train_step.json`), on every path of this machine.

#[path = "support/step_oracle.rs"]
mod step_oracle;

use std::sync::Mutex;

use burn::tensor::{Device, Tensor};
use longtail::{
    loss::{ClassifierContrastive, Contrastive, ContrastiveBranch},
    model::{BnGroups, Precision},
};
use longtail_kernels::{Algorithm, ConvBnOptions, Path, algorithm, force};
use step_oracle::*;

/// The path is the process's: one test at a time chooses it.
static PATH: Mutex<()> = Mutex::new(());

/// Calls `check` once per path of this machine, on which the network's blocks run as they should.
fn on_every_path(check: impl Fn(Path)) {
    let _one = PATH.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
        println!("{}", path.name());
        force(path);
        for (side, channels) in [(32, 16), (16, 32), (8, 64)] {
            let tensor = |dims: [usize; 4]| Tensor::<4>::zeros(dims, &Device::flex());
            let options =
                ConvBnOptions { stride: 1, padding: 1, groups: 1, relu: true, epsilon: 1e-5 };
            let x = tensor([3 * BATCH, side, side, channels]);
            let found = algorithm(&x, &tensor([channels, channels, 3, 3]), options);
            let expected =
                if path == Path::Composed { Algorithm::Composed } else { Algorithm::Winograd };
            assert_eq!(found, expected, "{channels} channels on {}", path.name());
        }
        check(path);
    }
}

/// 10⁻³, unless rounding can put an activation on the other side of its ReLU, which changes every gradient
/// behind it by about that much: of the four million activations of this step some lie within 10⁻⁶ of 0, and
/// then the errors jump from 10⁻⁶ to 10⁻³ at one layer. Burn's operators happen to flip none, and
/// [`gradients_are_the_composed_ones`] tells flips from mistakes. Behind layer 3 none flips on any path.
fn bounds(path: Path) -> Bounds {
    match path {
        Path::Composed => Bounds::F32,
        _ => Bounds::F32_WITH_FLIPS,
    }
}

/// Of images from other seeds, few enough that often no activation lies within rounding of 0: then all
/// gradients agree closely.
#[test]
fn gradients_are_the_composed_ones() {
    const SEEDS: u64 = 8;
    let norms = |seed: u64| norms_of_few(seed, &Device::flex());
    let expected: Vec<_> = {
        let _one = PATH.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        force(Path::Composed);
        (0..SEEDS).map(norms).collect()
    };
    on_every_path(|path| {
        let agrees = |seed: u64| {
            let found = norms(seed);
            // Biases before a batch norm have gradient 0 up to rounding.
            let worst = expected[seed as usize].iter().filter(|(_, norm)| **norm > 1e-4);
            let worst = worst.map(|(name, norm)| (found[name] - norm).abs() / norm);
            let worst = worst.fold(0.0, f64::max);
            println!("seed {seed}: {worst:e}");
            worst < 1e-4
        };
        let count = (0..SEEDS).filter(|seed| agrees(*seed)).count();
        assert!(count >= 4, "{count} of {SEEDS} agree on {}", path.name());
    });
}

#[test]
fn forward_pass_matches_pytorch() {
    on_every_path(|path| check_forward_pass(&Device::flex(), &bounds(path)));
}

#[test]
fn losses_and_gradients_match_pytorch() {
    on_every_path(|path| check_losses_and_gradients(&Device::flex(), &bounds(path)));
}

#[test]
fn one_sgd_step_matches_pytorch() {
    on_every_path(|path| check_sgd_step(&Device::flex(), &bounds(path)));
}

#[test]
fn separate_batch_statistics_per_view_differ_and_train() {
    on_every_path(separate_batch_statistics);
}

fn separate_batch_statistics(_: Path) {
    let network = network(true, Precision::F32, &Device::flex());
    let joint = objective(Contrastive::bcl_rcl(0.1));
    let per_view = ClassifierContrastive { bn_groups: BnGroups::PerView, ..joint.clone() };
    let branch = ContrastiveBranch::new(Contrastive::bcl_rcl(0.1), 1.0);
    let only_sim = ClassifierContrastive {
        contrastive: Some(ContrastiveBranch { head_on_cls_view: false, ..branch }),
        ..joint.clone()
    };
    let value = |objective: &ClassifierContrastive| {
        let losses = losses_of(objective, &network, images(&Device::flex()), &LABELS);
        (part(&losses, "classifier"), part(&losses, "contrastive"))
    };
    let (joint, per_view, only_sim) = (value(&joint), value(&per_view), value(&only_sim));
    assert_ne!(joint.0, per_view.0, "the encoder's statistics");
    assert_eq!(joint.0, only_sim.0, "the classifier does not see the head");
    assert_ne!(joint.1, only_sim.1, "the head's statistics");
}

/// What [`Bounds::TEN_BITS`] allows, with products of values of 10 bits.
#[test]
fn f16_stays_near_pytorch() {
    let bounds = Bounds { precision: Precision::F16, ..Bounds::TEN_BITS };
    check_forward_pass(&Device::flex(), &bounds);
    check_losses_and_gradients(&Device::flex(), &bounds);
    check_sgd_step(&Device::flex(), &bounds);
}
