use burn::{module::Module, tensor::Tensor};
use longtail::{
    device::{self, Device},
    model::{Pass, Precision, weights::values},
};

use crate::{gpu, rounds_to_tf32, skipped, step_oracle::*};

fn bounds(device: &Device) -> Bounds {
    match rounds_to_tf32(device) {
        true => Bounds::TEN_BITS,
        false => F32_TUNED,
    }
}

/// Which of Burn's operators run, and with them the order of sums and which ReLUs flip, is found out by timing:
/// it differs from machine to machine. [`gradients_are_the_cpus`] tells flips from mistakes.
const F32_TUNED: Bounds =
    Bounds { loss: 3e-5, late: 5e-3, flipped: 12, loss_after: 3e-3, ..Bounds::F32_WITH_FLIPS };

/// Of images few enough that often no activation lies within rounding of 0, all gradients are those of the
/// CPU: what the oracle's bounds let pass are flipped ReLUs and not mistakes.
#[test]
fn gradients_are_the_cpus() {
    const SEEDS: u64 = 12;
    let Some((gpu, _alone)) = gpu() else { return };
    if rounds_to_tf32(&gpu) {
        skipped("products in TF32 are not the CPU's");
        return;
    }
    let agrees = |seed: u64| {
        let expected = norms_of_few(seed, &device::cpu());
        let found = norms_of_few(seed, &gpu);
        // Biases before a batch norm have gradient 0 up to rounding.
        let worst = expected.iter().filter(|(_, norm)| **norm > 1e-4);
        let worst = worst.map(|(name, norm)| (found[name] - norm).abs() / norm).fold(0.0, f64::max);
        println!("seed {seed}: {worst:e}");
        worst < 1e-4
    };
    // A mistake would be in all of them.
    let count = (0..SEEDS).filter(|seed| agrees(*seed)).take(2).count();
    assert_eq!(count, 2, "of {SEEDS} seeds agree");
}

#[test]
fn forward_pass_matches_pytorch() {
    let Some((device, _alone)) = gpu() else { return };
    check_forward_pass(&device, &bounds(&device));
}

#[test]
fn losses_and_gradients_match_pytorch() {
    let Some((device, _alone)) = gpu() else { return };
    check_losses_and_gradients(&device, &bounds(&device));
}

#[test]
fn one_sgd_step_matches_pytorch() {
    let Some((device, _alone)) = gpu() else { return };
    check_sgd_step(&device, &bounds(&device));
}

/// A GPU's convolutions may sum in f16 as well, which doubles or trebles what the CPU's rounding costs: 1.5 % of
/// the norm of all gradients were seen, on llvmpipe.
#[test]
fn f16_stays_near_pytorch() {
    let Some((device, _alone)) = gpu() else { return };
    let bounds =
        Bounds { precision: Precision::F16, all: 5e-2, early: 0.5, late: 0.3, ..Bounds::TEN_BITS };
    if device::check_precision(&device, bounds.precision).is_err() {
        skipped("this device does not compute in f16");
        return;
    }
    check_forward_pass(&device, &bounds);
    check_losses_and_gradients(&device, &bounds);
}

/// Padding a batch, as evaluation on a GPU does, changes no row of it.
#[test]
fn rows_of_an_evaluation_do_not_depend_on_the_others() {
    let Some((device, _alone)) = gpu() else { return };
    let network = network(true, Precision::F32, &device);
    let network = network.valid();
    let rows = images(&device).inner().narrow(0, 0, 2);
    let padded = Tensor::cat(vec![rows.clone(), rows.zeros_like()], 0);
    let logits = |x| network.logits(network.features(x, &mut Pass::Eval)).narrow(0, 0, 2);
    let (alone, padded) = (values(logits(rows)), values(logits(padded)));
    for (a, b) in alone.iter().zip(&padded) {
        close("logit", f64::from(*a), f64::from(*b), 1e-5);
    }
}
