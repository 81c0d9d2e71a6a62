//! The fused contrastive loss in f32 on every path of this machine against the reference loops in
//! f64, gradients included, and what has to hold beyond: bits that do not depend on the number of
//! threads, NaN that stays NaN, temperatures near 0.

mod support;

use std::sync::Mutex;

use burn::tensor::{Device, Tensor, TensorData};
use longtail::loss::{ApplyTo, Compression, Contrastive, reference};
use longtail_kernels::{Path, contrast_path, force};
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

/// Numbers in ±1 from a seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    fn below(&mut self, limit: usize) -> usize {
        ((self.next() + 1.0) / 2.0 * limit as f64) as usize % limit
    }

    /// A vector of unit length with values of f32, so that both sides start from the same numbers.
    fn unit(&mut self, features: usize) -> Vec<f64> {
        let mut row: Vec<f64> = (0..features).map(|_| self.next()).collect();
        row[0] += 1e-3;
        let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
        row.iter_mut().for_each(|v| *v = f64::from((*v / length) as f32));
        row
    }
}

#[derive(Debug, Clone)]
struct Case {
    z: Vec<Vec<f64>>,
    labels: Vec<u32>,
    c: Vec<Vec<f64>>,
    n: Vec<usize>,
    compression: Option<Compression>,
}

impl Case {
    fn new(rows: usize, classes: usize, features: usize, seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        Self {
            z: (0..rows).map(|_| numbers.unit(features)).collect(),
            labels: (0..rows).map(|_| numbers.below(classes) as u32).collect(),
            c: (0..classes).map(|_| numbers.unit(features)).collect(),
            n: (0..classes).map(|_| 1 + numbers.below(2000)).collect(),
            compression: None,
        }
    }
}

struct Made {
    loss: f32,
    z: Vec<f32>,
    prototypes: Vec<f32>,
}

fn leaf(rows: &[Vec<f64>]) -> Tensor<2> {
    let shape = [rows.len(), rows[0].len()];
    let values: Vec<f32> = rows.concat().into_iter().map(|v| v as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff()).require_grad()
}

fn fused(loss: &Contrastive, case: &Case, path: Path) -> Made {
    let z = leaf(&case.z);
    let c = loss.prototypes.then(|| leaf(&case.c));
    assert_eq!(contrast_path(&z, c.as_ref()), path, "which path runs");
    let value =
        loss.loss(z.clone(), &case.labels, c.clone(), &case.n, case.compression.as_ref()).unwrap();
    let mut gradients = value.backward();
    let mut of =
        |t: Tensor<2>| t.grad_remove(&mut gradients).unwrap().into_data().try_to_vec().unwrap();
    let prototypes = c.map_or_else(Vec::new, &mut of);
    let z = of(z);
    Made { loss: value.into_data().try_to_vec::<f32>().unwrap()[0], z, prototypes }
}

/// Compares value and gradients on every path. f32 holds a similarity of s to about s · 10⁻⁷, and
/// an error of the exponent is a relative error of the softmax.
fn check(loss: &Contrastive, case: &Case) {
    let c = if loss.prototypes { &case.c[..] } else { &[] };
    let compression = case.compression.as_ref();
    let expected = reference::contrastive(loss, &case.z, &case.labels, c, &case.n, compression);
    let factor = compression.map_or(1.0, |c| c.factors.iter().fold(1.0_f64, |a, b| a.max(*b)));
    let steepness = factor * factor / loss.temperature;
    let all = expected.z.iter().chain(&expected.prototypes).flatten();
    let largest = all.fold(steepness / case.z.len() as f64, |a, b| a.max(b.abs()));
    let relative = 1e-6 + 5e-7 * steepness;
    on_every_path(|path| {
        let made = fused(loss, case, path);
        let what = || {
            let (rows, classes) = (case.z.len(), case.n.len());
            format!("{loss:?} on {}: {rows}, {classes}, {}", path.name(), case.z[0].len())
        };
        let near = |made: f32, expected: f64, scale: f64| {
            let difference = (f64::from(made) - expected).abs();
            assert!(difference <= relative * scale, "{made} is not {expected}: {}", what());
        };
        near(made.loss, expected.loss, 1.0 + expected.loss.abs());
        for (made, expected) in
            [(&made.z, expected.z.concat()), (&made.prototypes, expected.prototypes.concat())]
        {
            assert_eq!(made.len(), expected.len());
            made.iter().zip(expected).for_each(|(made, expected)| near(*made, expected, largest));
        }
    });
}

fn any_case() -> impl Strategy<Value = Case> {
    let sizes = (1..200_usize, 1..90_usize, 1..70_usize, any::<u64>());
    let sides = prop_oneof![Just(ApplyTo::Anchor), Just(ApplyTo::Contrast), Just(ApplyTo::Both)];
    (sizes, 0..40_usize, any::<bool>(), sides, any::<bool>()).prop_map(
        |((rows, classes, features, seed), duplicates, compressed, apply_to, prototypes)| {
            let mut case = Case::new(rows, classes, features, seed);
            let mut numbers = Numbers(!seed);
            for _ in 0..duplicates {
                let (from, to) = (numbers.below(rows), numbers.below(rows));
                case.z[to] = case.z[from].clone();
            }
            let factors = (0..classes).map(|_| 0.005 + numbers.next().abs() * 2.0).collect();
            let compression = Compression { factors, apply_to, prototypes };
            case.compression = compressed.then_some(compression);
            case
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_path_is_the_reference(loss in support::any_loss(), case in any_case()) {
        check(&loss, &case);
    }
}

/// The four losses of the paper.
fn four(temperature: f64) -> [Contrastive; 4] {
    [Contrastive::scl, Contrastive::bcl, Contrastive::rcl, Contrastive::bcl_rcl]
        .map(|loss| loss(temperature))
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
        let constant = |rows: &[Vec<f64>]| leaf(rows).set_require_grad(false);
        let [z, none] = of(leaf(&case.z), constant(&case.c), 1.0);
        assert!(z.as_ref() == Some(&made.z) && none.is_none(), "{}", path.name());
        let [none, c] = of(constant(&case.z), leaf(&case.c), 0.5);
        let halves = made.prototypes.iter().map(|g| g * 0.5).collect::<Vec<_>>();
        assert!(c == Some(halves) && none.is_none(), "{}", path.name());
        let plain = [&case.z, &case.c].map(|rows| leaf(rows).inner());
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
