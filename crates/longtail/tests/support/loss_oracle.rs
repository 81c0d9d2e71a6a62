//! The losses that PyTorch computed (`oracles/losses.json`, in f64), and ours beside them.

use burn::tensor::{DType, Device, Tensor, TensorData};
use longtail::loss::{
    ApplyTo, ClassAverage, ClassCounts, Compression, Contrastive, Normaliser, balanced_softmax,
    cross_entropy, logit_adjusted, reference,
};
use serde_json::Value;

/// The oracle's temperature.
pub const T: f64 = 0.1;

pub fn oracle() -> Value {
    serde_json::from_str(include_str!("../oracles/losses.json")).unwrap()
}

pub fn matrix(value: &Value) -> Vec<Vec<f64>> {
    serde_json::from_value(value.clone()).unwrap()
}

pub fn tensor(rows: &[Vec<f64>], dtype: DType, device: &Device) -> Tensor<2> {
    let shape = [rows.len(), rows[0].len()];
    let device = device.clone().autodiff();
    Tensor::from_data(TensorData::new(rows.concat(), shape), (&device, dtype)).require_grad()
}

pub fn rows(tensor: Tensor<2>) -> Vec<Vec<f64>> {
    let columns = tensor.dims()[1];
    let flat = tensor.into_data().iter::<f64>().collect::<Vec<_>>();
    flat.chunks(columns).map(<[f64]>::to_vec).collect()
}

pub fn scalar(tensor: Tensor<1>) -> f64 {
    tensor.into_data().iter::<f64>().next().unwrap()
}

pub fn counts(n: &[usize]) -> ClassCounts {
    ClassCounts::new(n.to_vec()).unwrap()
}

/// What a loss is computed of.
pub struct Case<'a> {
    pub z: &'a [Vec<f64>],
    pub labels: &'a [u32],
    pub c: &'a [Vec<f64>],
    pub n: &'a [usize],
    pub compression: Option<&'a Compression>,
}

/// Value and gradients by automatic differentiation.
pub fn differentiated(
    loss: &Contrastive,
    case: &Case<'_>,
    dtype: DType,
    device: &Device,
) -> reference::ContrastiveGradients {
    let z = tensor(case.z, dtype, device);
    let c = loss.prototypes.then(|| tensor(case.c, dtype, device));
    let n = counts(case.n);
    let value = loss.loss(z.clone(), case.labels, c.clone(), &n, case.compression).unwrap();
    let mut gradients = value.backward();
    let prototypes = c.map_or_else(Vec::new, |c| rows(c.grad_remove(&mut gradients).unwrap()));
    let z = rows(z.grad_remove(&mut gradients).unwrap());
    reference::ContrastiveGradients { loss: scalar(value), z, prototypes }
}

#[track_caller]
pub fn close(actual: f64, expected: f64, tolerance: f64) {
    let scale = expected.abs().max(1.0);
    assert!((actual - expected).abs() <= tolerance * scale, "{actual} is not {expected}");
}

#[track_caller]
pub fn all_close(actual: &[Vec<f64>], expected: &[Vec<f64>], tolerance: f64) {
    assert_eq!(actual.len(), expected.len());
    for (a, e) in actual.concat().iter().zip(expected.concat()) {
        close(*a, e, tolerance);
    }
}

pub fn both(factors: [f64; 4], prototypes: bool) -> Compression {
    Compression { factors: factors.to_vec(), apply_to: ApplyTo::Both, prototypes }
}

/// Every contrastive entry of the oracle, with the configuration that it stands for.
pub fn contrastive_entries() -> Vec<(&'static str, Contrastive, Option<Compression>)> {
    let printed = |loss| Contrastive { class_average: ClassAverage::Printed, ..loss };
    let with_self = |loss| Contrastive { include_self: true, ..loss };
    let counted = |loss| Contrastive { normaliser: Normaliser::BatchCount, ..loss };
    let (scl, bcl, rcl, both_losses) =
        (Contrastive::scl(T), Contrastive::bcl(T), Contrastive::rcl(T), Contrastive::bcl_rcl(T));
    let plain_prototypes =
        Contrastive { class_average: ClassAverage::None, ..Contrastive::bcl_rcl(T) };
    vec![
        ("bcl_reference_code", bcl, None),
        ("supcon_reference_code", scl, None),
        ("bcl_paper_eq3 (1/(|B_j|+1) for every class, self excluded)", printed(bcl), None),
        ("bcl_paper_eq3 (self included in denominator)", with_self(printed(bcl)), None),
        ("rcl_eq4 mean over positives, self excluded", rcl, None),
        ("rcl_eq4 1/|B_y|, self excluded", counted(rcl), None),
        ("rcl_eq4 1/|B_y|, self included", with_self(counted(rcl)), None),
        ("bcl+rcl_eq5 code-style class average, self excluded", both_losses, None),
        ("bcl+rcl_eq5 paper-style class average, self excluded", printed(both_losses), None),
        ("rcl+prototypes without class average", plain_prototypes, None),
        (
            "bcl+rcl_eq5 code-style, tau=[1,1,0.005,0.005] on z and c",
            both_losses,
            Some(both([1.0, 1.0, 0.005, 0.005], true)),
        ),
        (
            "bcl+rcl_eq5 code-style, tau=[0.005,0.005,1,1] on z and c",
            both_losses,
            Some(both([0.005, 0.005, 1.0, 1.0], true)),
        ),
        (
            "bcl+rcl_eq5 code-style, tau=[1,1,2,2] on z and c",
            both_losses,
            Some(both([1.0, 1.0, 2.0, 2.0], true)),
        ),
        (
            "bcl+rcl_eq5 code-style, tau=[1,1,2,2] on z only",
            both_losses,
            Some(both([1.0, 1.0, 2.0, 2.0], false)),
        ),
    ]
}

/// The losses of the classifier.
pub fn check_cross_entropy_family(dtype: DType, device: &Device, tolerance: f64) {
    let oracle = oracle();
    let logits = || tensor(&matrix(&oracle["logits"]), dtype, device);
    let n = counts(&serde_json::from_value::<Vec<usize>>(oracle["n"].clone()).unwrap());
    let labels: Vec<u32> = serde_json::from_value(oracle["targets"].clone()).unwrap();
    let expected = |name: &str| oracle["ce_family"][name].as_f64().unwrap();
    close(scalar(cross_entropy(logits(), &labels).unwrap()), expected("ce"), tolerance);
    for (tau, name) in [(1.0, "logit_adjust_tau1.0"), (1.3, "logit_adjust_tau1.3")] {
        let actual = logit_adjusted(logits(), &labels, &n, tau).unwrap();
        close(scalar(actual), expected(name), tolerance);
    }
    let balanced = balanced_softmax(logits(), &labels, &n).unwrap();
    close(scalar(balanced), expected("balanced_softmax_counts"), tolerance);
}
