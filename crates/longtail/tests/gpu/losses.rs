use burn::tensor::DType;

use crate::{gpu, loss_oracle::*};

/// Every contrastive entry of the oracle, value and gradients. The operator multiplies in f32 everywhere.
#[test]
fn contrastive_losses_match_pytorch() {
    let Some((device, _alone)) = gpu() else { return };
    let oracle = oracle();
    let (z, c) = (matrix(&oracle["z"]), matrix(&oracle["c"]));
    let n: Vec<usize> = serde_json::from_value(oracle["n"].clone()).unwrap();
    let targets: Vec<u32> = serde_json::from_value(oracle["targets"].clone()).unwrap();
    let labels = [targets.clone(), targets].concat();
    for (name, loss, compression) in contrastive_entries() {
        let expected =
            if oracle[name].is_null() { &oracle["derived"][name] } else { &oracle[name] };
        let case = Case { z: &z, labels: &labels, c: &c, n: &n, compression: compression.as_ref() };
        let actual = differentiated(&loss, &case, DType::F32, &device);
        close(actual.loss, expected["loss"].as_f64().unwrap(), 2e-6);
        all_close(&actual.z, &matrix(&expected["dz"]), 1e-5);
        if loss.prototypes {
            all_close(&actual.prototypes, &matrix(&expected["dc"]), 1e-5);
        }
    }
}

#[test]
fn cross_entropy_family_matches_pytorch() {
    let Some((device, _alone)) = gpu() else { return };
    check_cross_entropy_family(DType::F32, &device, 1e-6);
}
