//! The paths, tensors to compare on, and how they are compared.

use std::sync::Mutex;

use burn::tensor::{DType, Device, Tensor, TensorData};
use longtail_kernels::{Path, force};

/// The path is the process's: one test at a time chooses it.
static PATH: Mutex<()> = Mutex::new(());

pub const EPSILON: f64 = 1e-5;

/// The paths with kernels that this machine can run.
pub fn paths() -> Vec<Path> {
    let fast = Path::ALL.into_iter().filter(|path| *path != Path::Composed);
    fast.filter(|path| path.is_available()).collect()
}

/// Calls `check` once per path.
pub fn on_every_path(mut check: impl FnMut(Path)) {
    let _one = PATH.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for path in paths() {
        force(path);
        assert_eq!(longtail_kernels::active_path(), path.name());
        check(path);
    }
}

/// Values in ±1, a function of their position and `salt`.
pub fn values(count: usize, salt: u64) -> Vec<f64> {
    let mix = |i: usize| {
        let mut x =
            (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd1b5_4a32);
        x ^= x >> 31;
        x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x ^= x >> 29;
        (x >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    // Values of f32, so that both sides start from the same numbers.
    (0..count).map(|i| f64::from(mix(i) as f32)).collect()
}

/// A tensor that gradients are asked of.
pub fn leaf<const D: usize>(dims: [usize; D], salt: u64, dtype: DType, shift: f64) -> Tensor<D> {
    let count = dims.iter().product();
    let values: Vec<f64> = values(count, salt).into_iter().map(|v| v + shift).collect();
    let data = TensorData::new(values, dims).convert_dtype(dtype);
    Tensor::from_data(data, (&Device::flex().autodiff(), dtype)).require_grad()
}

pub fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().convert_dtype(DType::F64).try_into_vec().unwrap()
}

/// `|a − b| ≤ tolerance · (1 + |b|)` everywhere.
pub fn assert_near(a: &[f64], b: &[f64], tolerance: f64, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what}[{i}]: {a} and {b}");
    }
}

/// The type of the parameters that go with activations of `dtype`.
pub fn of_parameters(dtype: DType) -> DType {
    if dtype == DType::BF16 { DType::F32 } else { dtype }
}

/// Relative to the largest value: f32 against f64, and bf16 against the composed operator in bf16,
/// where a sum on the edge between two values may be rounded either way.
pub const F32: f64 = 2e-4;
pub const BF16: f64 = 1.0 / 64.0;

pub fn compare(
    fast: &[(&'static str, Vec<f64>)],
    reference: &[(&'static str, Vec<f64>)],
    tolerance: f64,
    path: Path,
    case: &dyn std::fmt::Debug,
) {
    for ((name, fast), (_, reference)) in fast.iter().zip(reference) {
        let largest = reference.iter().fold(1.0_f64, |a, b| a.max(b.abs()));
        let what = format!("{name} on {} of {case:?}", path.name());
        assert_near(fast, reference, tolerance * largest, &what);
        if tolerance == BF16 {
            // Few values differ by more than a rounding.
            let apart = |(a, b): (&f64, &f64)| (a - b).powi(2);
            let square = fast.iter().zip(reference).map(apart).sum::<f64>() / fast.len() as f64;
            assert!(square.sqrt() < largest / 256.0, "{what}: {}", square.sqrt() / largest);
        }
    }
}

/// Root of the mean square of what differs, over that of the reference.
pub fn apart(fast: &[f64], reference: &[f64]) -> f64 {
    assert_eq!(fast.len(), reference.len());
    let square: f64 = reference.iter().map(|r| r * r).sum();
    let apart: f64 = fast.iter().zip(reference).map(|(f, r)| (f - r).powi(2)).sum();
    (apart / square).sqrt()
}
