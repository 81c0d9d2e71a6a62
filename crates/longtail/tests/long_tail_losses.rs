//! The losses of LDAM, CB-Focal, RIDE and BBN, and the classifiers of Kang et al., against what the public code of each
//! gave (`oracles/{ldam,focal,ride,bbn,decoupled}.json`, made in f64), tiny cases by hand, identities and extremes.

#[path = "long_tail_losses/bilateral.rs"]
mod bilateral;
#[path = "long_tail_losses/decoupled.rs"]
mod decoupled;
#[path = "long_tail_losses/experts.rs"]
mod experts;
#[path = "long_tail_losses/margins.rs"]
mod margins;
#[path = "long_tail_losses/sigmoids.rs"]
mod sigmoids;

use burn::tensor::{DType, Device, Tensor, TensorData};
use longtail::loss::{ClassCounts, LossError};
use serde_json::Value;

/// Relative to the largest value beside it.
const EXACT: f64 = 1e-12;
/// The same of f32.
const SINGLE: f64 = 3e-6;
const PRECISIONS: [(DType, f64); 2] = [(DType::F64, EXACT), (DType::F32, SINGLE)];

type Rows = Vec<Vec<f64>>;

fn of<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn counts(n: &[usize]) -> ClassCounts {
    ClassCounts::new(n.to_vec()).unwrap()
}

fn tensor(rows: &[Vec<f64>], dtype: DType) -> Tensor<2> {
    let shape = [rows.len(), rows[0].len()];
    let device = Device::flex().autodiff();
    Tensor::from_data(TensorData::new(rows.concat(), shape), (&device, dtype)).require_grad()
}

fn list<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Value of a loss of several tensors, and its gradient of each, row after row.
fn differentiated(
    inputs: &[Rows],
    dtype: DType,
    loss: impl Fn(&[Tensor<2>]) -> Result<Tensor<1>, LossError>,
) -> (f64, Vec<Vec<f64>>) {
    let inputs: Vec<Tensor<2>> = inputs.iter().map(|rows| tensor(rows, dtype)).collect();
    let value = loss(&inputs).unwrap();
    let mut gradients = value.backward();
    let slopes = inputs.iter().map(|input| list(input.grad_remove(&mut gradients).unwrap()));
    let slopes = slopes.collect();
    (list(value)[0], slopes)
}

/// The same of one tensor.
fn of_logits(
    logits: &[Vec<f64>],
    dtype: DType,
    loss: impl Fn(Tensor<2>) -> Result<Tensor<1>, LossError>,
) -> (f64, Vec<f64>) {
    let (value, mut slopes) =
        differentiated(&[logits.to_vec()], dtype, |inputs| loss(inputs[0].clone()));
    (value, slopes.remove(0))
}

#[track_caller]
fn close(actual: f64, expected: f64, tolerance: f64) {
    all_close(&[actual], &[expected], tolerance);
}

#[track_caller]
fn all_close(actual: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len());
    let largest = expected.iter().fold(0.0_f64, |largest, e| largest.max(e.abs()));
    for (a, e) in actual.iter().zip(expected) {
        assert!((a - e).abs() <= tolerance * largest, "{a} is not {e}, off by {}", a - e);
    }
}

/// Value and gradient against those of an entry of an oracle.
#[track_caller]
fn matches_entry(actual: &(f64, Vec<f64>), entry: &Value, tolerance: f64) {
    close(actual.0, of(&entry["loss"]), tolerance);
    all_close(&actual.1, &of::<Rows>(&entry["gradient"]).concat(), tolerance);
}

#[track_caller]
fn finite(actual: &(f64, Vec<f64>)) {
    assert!(actual.0.is_finite() && actual.1.iter().all(|slope| slope.is_finite()), "{actual:?}");
}

/// Rows of up to 1000 in size, certain of the label, of another class, and of none.
fn extremes() -> (Rows, [u32; 4]) {
    let rows = [[1e3, -1e3, -1e3], [-1e3, 1e3, 1e3], [1e3, 1e3, 1e3], [0.0, -1e3, 1e3]];
    (rows.map(Vec::from).to_vec(), [0, 0, 1, 1])
}
