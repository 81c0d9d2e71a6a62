//! Cases of the contrastive loss, and their comparison with the reference loops in f64.

use burn::tensor::{Device, Tensor, TensorData};
use longtail::loss::{ApplyTo, ClassCounts, Compression, Contrastive, reference};
use longtail_kernels::{ContrastPath, contrast_path};
use proptest::prelude::*;

/// Numbers in ±1 from a seed.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    pub fn below(&mut self, limit: usize) -> usize {
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

/// What a loss is computed of.
#[derive(Debug, Clone)]
pub struct Case {
    pub z: Vec<Vec<f64>>,
    pub labels: Vec<u32>,
    pub c: Vec<Vec<f64>>,
    pub n: ClassCounts,
    pub compression: Option<Compression>,
}

impl Case {
    pub fn new(rows: usize, classes: usize, features: usize, seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        Self {
            z: (0..rows).map(|_| numbers.unit(features)).collect(),
            labels: (0..rows).map(|_| numbers.below(classes) as u32).collect(),
            c: (0..classes).map(|_| numbers.unit(features)).collect(),
            n: ClassCounts::new((0..classes).map(|_| 1 + numbers.below(2000)).collect()).unwrap(),
            compression: None,
        }
    }
}

/// A loss and its gradients, as a device made them.
pub struct Made {
    pub loss: f32,
    pub z: Vec<f32>,
    pub prototypes: Vec<f32>,
}

/// Rows as a tensor that gets a gradient.
pub fn leaf(rows: &[Vec<f64>], device: &Device) -> Tensor<2> {
    let shape = [rows.len(), rows[0].len()];
    let values: Vec<f32> = rows.concat().into_iter().map(|v| v as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), &device.clone().autodiff()).require_grad()
}

/// The loss as one operator, after checking that it is that which runs.
pub fn fused(loss: &Contrastive, case: &Case, device: &Device, path: ContrastPath) -> Made {
    let z = leaf(&case.z, device);
    let c = loss.prototypes.then(|| leaf(&case.c, device));
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

/// What the reference makes of a case.
pub struct Expected {
    what: String,
    made: reference::ContrastiveGradients,
    relative: f64,
    largest: f64,
}

impl Expected {
    pub fn of(loss: &Contrastive, case: &Case) -> Self {
        let c = if loss.prototypes { &case.c[..] } else { &[] };
        let compression = case.compression.as_ref();
        let made = reference::contrastive(loss, &case.z, &case.labels, c, &case.n, compression);
        let factor = compression.map_or(1.0, |c| c.factors.iter().fold(1.0_f64, |a, b| a.max(*b)));
        let steepness = factor * factor / loss.temperature;
        let all = made.z.iter().chain(&made.prototypes).flatten();
        let largest = all.fold(steepness / case.z.len() as f64, |a, b| a.max(b.abs()));
        let (rows, classes, features) = (case.z.len(), case.n.classes(), case.z[0].len());
        let what = format!("{loss:?}: {rows}, {classes}, {features}");
        Self { what, made, relative: 1e-6 + 5e-7 * steepness, largest }
    }

    /// Compares value and gradients. f32 holds a similarity of s to about s · 10⁻⁷, and an error of the
    /// exponent is a relative error of the softmax.
    pub fn check(&self, made: &Made, device: &str) {
        let near = |made: f32, expected: f64, scale: f64| {
            let difference = (f64::from(made) - expected).abs();
            let fits = difference <= self.relative * scale;
            assert!(fits, "{made} is not {expected} on {device}: {}", self.what);
        };
        near(made.loss, self.made.loss, 1.0 + self.made.loss.abs());
        let pairs =
            [(&made.z, self.made.z.concat()), (&made.prototypes, self.made.prototypes.concat())];
        for (made, expected) in pairs {
            assert_eq!(made.len(), expected.len());
            let both = made.iter().zip(expected);
            both.for_each(|(made, expected)| near(*made, expected, self.largest));
        }
    }
}

impl Expected {
    /// The largest error of a value of the gradients.
    #[allow(dead_code)]
    pub fn farthest(&self, made: &Made) -> f64 {
        let expected = self.made.z.iter().chain(&self.made.prototypes).flatten();
        let made = made.z.iter().chain(&made.prototypes);
        made.zip(expected).fold(0.0, |farthest, (m, e)| (f64::from(*m) - e).abs().max(farthest))
    }
}

/// Cases of every kind.
pub fn any_case() -> impl Strategy<Value = Case> {
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

/// The four losses of the paper.
pub fn four(temperature: f64) -> [Contrastive; 4] {
    [Contrastive::scl, Contrastive::bcl, Contrastive::rcl, Contrastive::bcl_rcl]
        .map(|loss| loss(temperature))
}
