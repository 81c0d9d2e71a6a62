//! Runs the fused BCL+RCL loss for `benches/peers/contrast.py`, on the CPU or on the device that is
//! named: one answer per line on standard input.
//!
//! - `memory`: MB that the process grows by at most in its first call (Linux; else 0); on a GPU, MB that
//!   its memory grows by
//! - `check`: the loss and the norms of its gradients by embeddings and prototypes
//! - `time K`: median seconds of K calls, forward and backward, after one that is not counted; on a GPU,
//!   the mean of K calls that are waited for together
//! - `peak`: GFLOP/s of independent multiply-adds on one thread (x86-64 with AVX-512; else 0)

use std::{
    error::Error,
    fs,
    io::{BufRead, Write},
    time::Instant,
};

use burn::tensor::{Device, Tensor, TensorData};
use longtail::{
    device::{self, DeviceChoice},
    threads::{self, Awake},
};
use longtail_kernels::{ContrastTerms, contrast};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

struct Case {
    z: TensorData,
    prototypes: TensorData,
    labels: Vec<u32>,
    counts: Vec<f32>,
    device: Device,
}

fn main() -> Result<()> {
    let path = std::env::args().nth(1).ok_or("usage: contrast_peer FILE [DEVICE]")?;
    let choice = std::env::args().nth(2).map(|name| name.parse()).transpose()?;
    threads::start(None)?;
    let case = read(&fs::read(path)?, device::open(choice.unwrap_or(DeviceChoice::CPU))?)?;
    let mut output = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        let answer = match (words.next(), words.next()) {
            (Some("memory"), _) => format!("0 {}", memory(&case)),
            (Some("check"), _) => check(&case)?,
            (Some("time"), Some(calls)) => time(&case, calls.parse()?).to_string(),
            (Some("peak"), _) => peak().to_string(),
            _ => return Err(format!("what is `{line}`?").into()),
        };
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

/// N, C, D; labels; z, c and class counts.
fn read(bytes: &[u8], device: Device) -> Result<Case> {
    let words: Vec<[u8; 4]> = bytes.as_chunks().0.to_vec();
    let [n, c, d] = [0, 1, 2].map(|i| u32::from_le_bytes(words[i]) as usize);
    let (labels, values) = words[3..].split_at(n);
    let values: Vec<f32> = values.iter().map(|word| f32::from_le_bytes(*word)).collect();
    let (z, rest) = values.split_at(n * d);
    let (prototypes, counts) = rest.split_at(c * d);
    Ok(Case {
        z: TensorData::new(z.to_vec(), [n, d]),
        prototypes: TensorData::new(prototypes.to_vec(), [c, d]),
        labels: labels.iter().map(|word| u32::from_le_bytes(*word)).collect(),
        counts: counts.to_vec(),
        device,
    })
}

/// Eq. 5 with class averages as in BCL's code.
fn terms(case: &Case) -> ContrastTerms {
    let classes = case.counts.len();
    let mut in_batch = vec![0_u32; classes];
    case.labels.iter().for_each(|&y| in_batch[y as usize] += 1);
    let log_n: Vec<f64> = case.counts.iter().map(|&n| f64::from(n).ln()).collect();
    let bias = |added: u32| -> Vec<f64> {
        let of_class = |j: usize| log_n[j] - f64::from((in_batch[j] + added).max(1)).ln();
        (0..classes).map(of_class).collect()
    };
    let (own, other) = (bias(0), bias(1));
    let mut labels = case.labels.clone();
    labels.extend(0..classes as u32);
    let of = |values: &[f64], labels: &[u32]| labels.iter().map(|&y| values[y as usize]).collect();
    ContrastTerms {
        temperature: 0.1,
        include_self: false,
        bias_own: of(&own, &labels),
        bias_other: of(&other, &labels),
        prior: of(&log_n, &case.labels),
        inverse_norm: case.labels.iter().map(|&y| 1.0 / f64::from(in_batch[y as usize])).collect(),
        factors: None,
        labels,
    }
}

/// Embeddings and prototypes as leaves.
fn leaves(case: &Case) -> [Tensor<2>; 2] {
    let device = case.device.clone().autodiff();
    [&case.z, &case.prototypes].map(|data| Tensor::from_data(data.clone(), &device).require_grad())
}

fn step(case: &Case, [z, prototypes]: [Tensor<2>; 2]) -> (Tensor<1>, [Tensor<2>; 2]) {
    let loss = contrast(z.clone(), Some(prototypes.clone()), terms(case));
    let mut gradients = loss.backward();
    let of = |tensor: &Tensor<2>, gradients: &mut _| {
        tensor.grad_remove(gradients).expect("leaves have gradients")
    };
    let gradients = [of(&z, &mut gradients), of(&prototypes, &mut gradients)];
    (loss, gradients)
}

fn check(case: &Case) -> Result<String> {
    let (loss, gradients) = step(case, leaves(case));
    let value = |tensor: Tensor<1>| tensor.into_data().iter::<f64>().next().unwrap_or(f64::NAN);
    let norm = |tensor: Tensor<2>| value(tensor.powi_scalar(2).sum()).sqrt();
    let [z, prototypes] = gradients.map(norm);
    Ok(format!("{} {z} {prototypes}", value(loss.inner())))
}

fn time(case: &Case, calls: usize) -> f64 {
    if !device::is_cpu(&case.device) {
        return time_together(case, calls);
    }
    // As in a training step.
    let _awake = Awake::new();
    let mut times: Vec<f64> = (0..=calls)
        .map(|_| {
            let leaves = leaves(case);
            let start = Instant::now();
            let made = step(case, leaves);
            let seconds = start.elapsed().as_secs_f64();
            drop(made);
            seconds
        })
        .skip(1)
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn time_together(case: &Case, calls: usize) -> f64 {
    let wait = || drop(case.device.sync());
    let leaves = leaves(case);
    drop(step(case, leaves.clone()));
    wait();
    let start = Instant::now();
    (0..calls).for_each(|_| drop(step(case, leaves.clone())));
    wait();
    start.elapsed().as_secs_f64() / calls.max(1) as f64
}

/// MB that the GPU's memory holds.
fn reserved(device: &Device) -> Option<f64> {
    device.sync().ok()?;
    device.memory_pool_usage().map(|usage| usage.bytes_reserved as f64 / 1e6)
}

fn memory(case: &Case) -> f64 {
    if !device::is_cpu(&case.device) {
        let leaves = leaves(case);
        let before = reserved(&case.device).unwrap_or_default();
        let made = step(case, leaves);
        let after = reserved(&case.device).unwrap_or_default();
        drop(made);
        return after - before;
    }
    let kilobytes = |key: &str| -> f64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0.0)
    };
    let leaves = leaves(case);
    // Sets the high-water mark back to what is in use.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let before = kilobytes("VmRSS:");
    let made = step(case, leaves);
    let peak = kilobytes("VmHWM:");
    drop(made);
    (peak - before) / 1000.0
}

#[cfg(not(target_arch = "x86_64"))]
fn peak() -> f64 {
    0.0
}

#[cfg(target_arch = "x86_64")]
fn peak() -> f64 {
    use std::arch::x86_64::*;

    const CHAINS: usize = 16;
    const ROUNDS: usize = 2_000_000;

    #[target_feature(enable = "avx512f")]
    fn chains() -> f32 {
        let (a, b) = (_mm512_set1_ps(std::hint::black_box(0.999)), _mm512_set1_ps(0.001));
        let mut sums = [_mm512_set1_ps(1.0); CHAINS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(*sum, a, b);
            }
        }
        let mut total = _mm512_setzero_ps();
        for sum in sums {
            total = _mm512_add_ps(total, sum);
        }
        _mm512_reduce_add_ps(total)
    }

    if !is_x86_feature_detected!("avx512f") {
        return 0.0;
    }
    let gflops = || {
        let start = Instant::now();
        // SAFETY: AVX-512 F has just been found.
        std::hint::black_box(unsafe { chains() });
        (2 * 16 * CHAINS * ROUNDS) as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    (0..20).map(|_| gflops()).fold(0.0, f64::max)
}
