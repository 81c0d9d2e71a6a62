//! The fused contrastive loss in f32 on every path of this machine against the reference loops in
//! f64, gradients included, and what has to hold beyond: bits that do not depend on the number of
//! threads, NaN that stays NaN, temperatures near 0.

#[path = "support/contrast.rs"]
mod contrast;
mod support;

use std::sync::Mutex;

use burn::tensor::{Device, Tensor};
use contrast::{Case, Expected, Made, any_case, four, leaf};
use longtail::loss::Contrastive;
use longtail_kernels::{ContrastPath, Path, force};
use proptest::prelude::*;

/// The path is the process's: one test at a time chooses it.
static PATH: Mutex<()> = Mutex::new(());

/// Calls `check` once per path with kernels that this machine can run.
fn on_every_path(mut check: impl FnMut(Path)) {
    let _one = PATH.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let fast = Path::ALL.into_iter().filter(|path| *path != Path::Composed);
    for path in fast.filter(|path| path.is_available()) {
        force(path);
        check(path);
    }
}

fn fused(loss: &Contrastive, case: &Case, path: Path) -> Made {
    contrast::fused(loss, case, &Device::flex(), ContrastPath::Cpu(path))
}

/// Compares value and gradients on every path.
fn check(loss: &Contrastive, case: &Case) {
    let expected = Expected::of(loss, case);
    on_every_path(|path| expected.check(&fused(loss, case, path), path.name()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_path_is_the_reference(loss in support::any_loss(), case in any_case()) {
        check(&loss, &case);
    }
}

#[test]
fn sizes_at_the_edges_of_tiles_and_blocks() {
    let sizes = [
        (1, 1, 1),
        (1, 5, 128),
        (2, 1, 16),
        (6, 1000, 32),
        (63, 64, 15),
        (64, 65, 64),
        (65, 3, 130),
        (128, 100, 128),
        (193, 10, 47),
        (1100, 200, 9),
        (4200, 500, 3),
    ];
    for (rows, classes, features) in sizes {
        let case = Case::new(rows, classes, features, rows as u64);
        let losses = if rows > 1000 { &four(0.1)[3..] } else { &four(0.1)[..] };
        losses.iter().for_each(|loss| check(loss, &case));
    }
}

#[test]
fn one_class_and_one_image_to_a_class() {
    for temperature in [0.01, 0.1] {
        for loss in four(temperature) {
            check(&loss, &Case { labels: vec![0; 130], ..Case::new(130, 1, 20, 3) });
            check(&loss, &Case { labels: (0..130).collect(), ..Case::new(130, 130, 20, 4) });
            check(&loss, &Case { labels: vec![7; 130], ..Case::new(130, 9, 20, 5) });
        }
    }
}

#[test]
fn one_side_alone_and_a_factor() {
    let case = Case::new(70, 9, 33, 8);
    let loss = Contrastive::bcl_rcl(0.1);
    on_every_path(|path| {
        let made = fused(&loss, &case, path);
        let of = |z: Tensor<2>, c: Tensor<2>, by: f64| {
            let value = loss.loss(z.clone(), &case.labels, Some(c.clone()), &case.n, None).unwrap();
            let gradients = value.mul_scalar(by).backward();
            [z.grad(&gradients), c.grad(&gradients)]
                .map(|g| g.map(|g| g.into_data().try_to_vec::<f32>().unwrap()))
        };
        let constant = |rows: &[Vec<f64>]| leaf(rows, &Device::flex()).set_require_grad(false);
        let [z, none] = of(leaf(&case.z, &Device::flex()), constant(&case.c), 1.0);
        assert!(z.as_ref() == Some(&made.z) && none.is_none(), "{}", path.name());
        let [none, c] = of(constant(&case.z), leaf(&case.c, &Device::flex()), 0.5);
        let halves = made.prototypes.iter().map(|g| g * 0.5).collect::<Vec<_>>();
        assert!(c == Some(halves) && none.is_none(), "{}", path.name());
        let plain = [&case.z, &case.c].map(|rows| leaf(rows, &Device::flex()).inner());
        let [z, c] = plain;
        let value = loss.loss(z, &case.labels, Some(c), &case.n, None).unwrap();
        assert_eq!(value.into_data().try_to_vec::<f32>().unwrap(), [made.loss], "{}", path.name());
    });
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    for (rows, classes, features) in [(300, 70, 33), (1200, 10, 16)] {
        let case = Case::new(rows, classes, features, 1);
        on_every_path(|path| {
            let with = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let made = pool.install(|| fused(&Contrastive::bcl_rcl(0.1), &case, path));
                (made.loss, made.z, made.prototypes)
            };
            let one = with(1);
            for threads in [2, 3, 7] {
                assert!(with(threads) == one, "{threads} threads on {}", path.name());
            }
        });
    }
}

#[test]
fn what_is_no_number_stays_so() {
    for (rows, bad) in [(1, 0), (70, 0), (70, 69), (130, 64)] {
        let mut case = Case::new(rows, 5, 17, 2);
        case.z[bad][16] = f64::NAN;
        on_every_path(|path| {
            for loss in four(0.1) {
                assert!(fused(&loss, &case, path).loss.is_nan(), "{rows} on {}", path.name());
            }
        });
    }
    let mut case = Case::new(70, 5, 17, 2);
    case.c[4][0] = f64::NAN;
    on_every_path(|path| {
        assert!(fused(&Contrastive::bcl(0.1), &case, path).loss.is_nan(), "{}", path.name());
    });
}

/// The first row everywhere, and nearly so: the similarities of a row differ by nothing, or by little.
fn degenerate(kind: &str, rows: usize, seed: u64) -> Case {
    let mut case = Case::new(rows, 20, 64, seed);
    let first = case.z[0].clone();
    let moved = |row: &[f64], by: f64, sign: f64| -> Vec<f64> {
        let row: Vec<f64> = first.iter().zip(row).map(|(f, r)| sign * f + by * r).collect();
        let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
        row.iter().map(|v| f64::from((v / length) as f32)).collect()
    };
    let rows = case.z.iter_mut().chain(&mut case.c).enumerate().skip(1);
    for (i, row) in rows {
        *row = match kind {
            "equal" => moved(row, 0.0, 1.0),
            "near" => moved(row, 0.01, 1.0),
            "opposite" => moved(row, 0.0, if i % 2 == 0 { 1.0 } else { -1.0 }),
            _ => row.clone(),
        };
    }
    case
}

/// From the smallest temperature of a recipe on (`recipe/check.rs`) no value of a gradient is off by more than a
/// thousandth of 1 / (T·N), and from 0.1 on by more than 10⁻⁵, whatever the embeddings.
#[test]
fn gradients_are_right_to_a_thousandth_from_the_smallest_temperature_on() {
    for (temperature, bound) in [(0.001, 1e-3), (0.005, 2e-4), (0.1, 1e-5)] {
        for kind in ["random", "equal", "near", "opposite"] {
            for (rows, seed) in [(130, 1), (256, 2)] {
                let case = degenerate(kind, rows, seed);
                for loss in four(temperature) {
                    let expected = Expected::of(&loss, &case);
                    on_every_path(|path| {
                        let off = expected.farthest(&fused(&loss, &case, path));
                        let off = off * temperature * rows as f64;
                        assert!(off <= bound, "{off}: {kind}, T = {temperature}, {}", path.name());
                    });
                }
            }
        }
    }
}

#[test]
fn temperatures_near_zero_stay_finite() {
    let mut case = Case::new(130, 20, 24, 6);
    case.z[1] = case.z[0].clone();
    for temperature in [1e-6, 1e-4, 1e-2] {
        let losses = four(temperature);
        let with_self = losses.map(|loss| Contrastive { include_self: true, ..loss });
        on_every_path(|path| {
            for loss in losses.iter().chain(&with_self) {
                let made = fused(loss, &case, path);
                let all = made.z.iter().chain(&made.prototypes);
                let finite = made.loss.is_finite() && all.clone().all(|g| g.is_finite());
                assert!(finite, "{loss:?} on {}", path.name());
                assert!(all.clone().any(|g| *g != 0.0), "{loss:?} on {}", path.name());
            }
        });
    }
}
