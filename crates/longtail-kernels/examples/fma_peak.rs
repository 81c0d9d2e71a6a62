//! How many 32-bit multiply-adds per second this machine can do at most: independent FMA chains in
//! registers on every core, no memory. Prints one JSON line with GFLOP/s (two per multiply-add).
//!
//! `fma_peak [native|avx512|avx2] [THREADS]`; `native`, the default, is the widest set that the
//! machine has.

use std::{process::ExitCode, thread, time::Instant};

/// More than latency × units of any core, and few enough for the registers of AVX2.
const CHAINS: usize = 12;
const ROUNDS: u64 = 10_000_000;
const REPEATS: usize = 25;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().filter(|name| name != "native");
    let Some(set) = Set::of(name.as_deref()) else {
        eprintln!("fma_peak: this machine has no {}", name.as_deref().unwrap_or("avx512 or avx2"));
        return ExitCode::FAILURE;
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = args.next().and_then(|count| count.parse().ok()).unwrap_or(cores);
    let (one, all) = (gflops(set, 1), gflops(set, threads));
    let name = set.name;
    println!(r#"{{"set":"{name}","threads":{threads},"one_core":{one:.1},"all":{all:.1}}}"#);
    ExitCode::SUCCESS
}

/// One instruction set.
#[derive(Clone, Copy)]
struct Set {
    name: &'static str,
    lanes: u64,
    /// Runs `rounds` of [`CHAINS`] multiply-adds; the machine must have the set.
    chains: unsafe fn(rounds: u64) -> f32,
}

impl Set {
    /// The one called `name`, or the widest; `None` where the machine lacks it.
    #[cfg(target_arch = "x86_64")]
    fn of(name: Option<&str>) -> Option<Self> {
        let avx512 = Self { name: "avx512", lanes: 16, chains: x86::avx512 };
        let avx2 = Self { name: "avx2", lanes: 8, chains: x86::avx2 };
        let has = |set: &Self| match set.name {
            "avx512" => is_x86_feature_detected!("avx512f"),
            _ => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
        };
        [avx512, avx2].into_iter().find(|set| name.is_none_or(|name| name == set.name) && has(set))
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn of(_name: Option<&str>) -> Option<Self> {
        None
    }
}

/// The best of some repeats, each with all threads at once.
fn gflops(set: Set, threads: usize) -> f64 {
    let flops = 2 * set.lanes * CHAINS as u64 * ROUNDS * threads as u64;
    let once = || {
        let began = Instant::now();
        thread::scope(|scope| {
            for _ in 0..threads {
                // SAFETY: `Set::of` gave out the set because the machine has it.
                scope.spawn(|| std::hint::black_box(unsafe { (set.chains)(ROUNDS) }));
            }
        });
        flops as f64 / began.elapsed().as_secs_f64() / 1e9
    };
    (0..REPEATS).map(|_| once()).fold(0.0, f64::max)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::{arch::x86_64::*, hint::black_box};

    use super::CHAINS;

    macro_rules! chains {
        ($name:ident, $feature:literal, $set1:ident, $fma:ident, $add:ident, $first:ident) => {
            #[target_feature(enable = $feature)]
            pub(super) fn $name(rounds: u64) -> f32 {
                let (factor, term) = ($set1(black_box(0.999)), $set1(black_box(0.001)));
                let mut sums = [$set1(black_box(1.0)); CHAINS];
                for _ in 0..rounds {
                    for sum in &mut sums {
                        *sum = $fma(*sum, factor, term);
                    }
                }
                $first(sums.into_iter().fold($set1(0.0), |a, b| $add(a, b)))
            }
        };
    }

    chains!(avx512, "avx512f", _mm512_set1_ps, _mm512_fmadd_ps, _mm512_add_ps, _mm512_cvtss_f32);
    chains!(avx2, "avx2,fma", _mm256_set1_ps, _mm256_fmadd_ps, _mm256_add_ps, _mm256_cvtss_f32);
}
