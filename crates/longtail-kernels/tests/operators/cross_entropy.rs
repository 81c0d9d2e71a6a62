//! Softmax cross entropy on every path against plain loops in f64 and, to the bit, against Burn's operators.

use burn::tensor::{DType, Device, Tensor, TensorData};
use longtail_kernels::{CrossEntropyTerms, Path, composed, cross_entropy, cross_entropy_path};
use proptest::prelude::*;

use super::support::{on_every_path, to_vec, values};

#[derive(Debug, Clone)]
struct Case {
    logits: Vec<f64>,
    shape: [usize; 2],
    terms: CrossEntropyTerms,
    /// What the loss is multiplied with.
    by: f64,
}

/// A loss and its gradient.
#[derive(Debug, PartialEq)]
struct Made {
    loss: Vec<f64>,
    gradient: Vec<f64>,
}

impl Case {
    fn new([rows, classes]: [usize; 2], spread: f64, salt: u64) -> Self {
        let logits =
            values(rows * classes, salt).into_iter().map(|v| f64::from((v * spread) as f32));
        let label = |v: f64| ((v + 1.0) / 2.0 * classes as f64) as u32 % classes as u32;
        let labels = values(rows, !salt).into_iter().map(label).collect();
        let bias = values(classes, salt ^ 5).into_iter().map(|v| 3.0 * v).collect();
        let terms = CrossEntropyTerms { labels, bias, weights: None };
        Self { logits: logits.collect(), shape: [rows, classes], terms, by: 1.0 }
    }

    fn weighted(mut self) -> Self {
        self.terms.weights = Some(values(self.shape[0], 77).into_iter().map(|v| v + 1.0).collect());
        self
    }

    fn leaf(&self, dtype: DType) -> Tensor<2> {
        let data = TensorData::new(self.logits.clone(), self.shape).convert_dtype(dtype);
        Tensor::from_data(data, (&Device::flex().autodiff(), dtype)).require_grad()
    }

    fn by(&self, loss: impl Fn(Tensor<2>, CrossEntropyTerms) -> Tensor<1>, dtype: DType) -> Made {
        let logits = self.leaf(dtype);
        let loss = loss(logits.clone(), self.terms.clone()).mul_scalar(self.by);
        let mut gradients = loss.backward();
        let gradient = to_vec(logits.grad_remove(&mut gradients).unwrap());
        Made { loss: to_vec(loss), gradient }
    }

    /// The loss as its equation reads.
    fn looped(&self) -> Made {
        let [rows, classes] = self.shape;
        let CrossEntropyTerms { labels, bias, weights } = &self.terms;
        let mut made = Made { loss: vec![0.0], gradient: Vec::new() };
        for (row, logits) in self.logits.chunks(classes).enumerate() {
            let weight = self.by * weights.as_ref().map_or(1.0, |w| w[row]) / rows as f64;
            let label = labels[row] as usize;
            let biased: Vec<f64> = logits.iter().zip(bias).map(|(f, b)| f + b).collect();
            let max = biased.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = biased.iter().map(|f| (f - max).exp()).sum();
            made.loss[0] += weight * (sum.ln() + max - biased[label]);
            let share =
                |(j, f): (usize, &f64)| (f - max).exp() / sum - f64::from(u8::from(j == label));
            made.gradient.extend(biased.iter().enumerate().map(|jf| weight * share(jf)));
        }
        made
    }

    /// f32 holds a logit to 6 · 10⁻⁸ of it, which is what its power is off by.
    fn check(&self) {
        let (composed, looped) = (self.by(composed::cross_entropy, DType::F32), self.looped());
        let largest = self.logits.iter().fold(3.0_f64, |a, b| a.max(b.abs()));
        on_every_path(|path| {
            assert_eq!(cross_entropy_path(&self.leaf(DType::F32)), path);
            let fused = self.by(cross_entropy, DType::F32);
            assert!(fused == composed, "{} has other bits: {:?}", path.name(), self.shape);
            let near = |a: &[f64], b: &[f64], scale: f64| {
                let far = a.iter().zip(b).find(|(a, b)| (**a - **b).abs() > 3e-7 * largest * scale);
                assert!(a.len() == b.len() && far.is_none(), "{far:?}: {self:?}");
            };
            let weight = self.terms.weights.as_ref().map_or(1.0, |_| 2.0) * self.by;
            near(&fused.loss, &looped.loss, weight * (1.0 + looped.loss[0].abs()));
            near(&fused.gradient, &looped.gradient, weight / self.shape[0] as f64);
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_path_is_the_loops_and_burn_to_the_bit(
        rows in 1..70_usize,
        classes in 1..300_usize,
        spread in prop_oneof![Just(0.01), Just(3.0), Just(200.0)],
        salt in any::<u64>(),
        weighted in any::<bool>(),
        by in prop_oneof![Just(1.0), Just(0.37), Just(65536.0)],
    ) {
        let case = Case { by, ..Case::new([rows, classes], spread, salt) };
        if weighted { case.weighted().check() } else { case.check() }
    }
}

#[test]
fn sizes_at_the_edges() {
    for shape in
        [[1, 1], [1, 2], [16, 15], [17, 16], [128, 10], [33, 1000], [2, 16_385], [64, 8142]]
    {
        Case::new(shape, 6.0, 1).check();
        Case::new(shape, 6.0, 2).weighted().check();
    }
    assert_eq!(Case::new([5, 1], 6.0, 1).looped().gradient, [0.0; 5]);
}

#[test]
fn other_types_and_no_rows_run_composed() {
    let case = Case::new([7, 12], 3.0, 3).weighted();
    on_every_path(|_| {
        assert_eq!(cross_entropy_path(&case.leaf(DType::F64)), Path::Composed);
        assert_eq!(cross_entropy_path(&case.leaf(DType::BF16)), Path::Composed);
        let (made, looped) = (case.by(cross_entropy, DType::F64), case.looped());
        for (a, b) in
            made.gradient.iter().zip(&looped.gradient).chain(made.loss.iter().zip(&looped.loss))
        {
            assert!((a - b).abs() < 1e-14, "{a} and {b}");
        }
    });
    let none = Tensor::<2>::zeros([0, 3], &Device::flex());
    assert_eq!(cross_entropy_path(&none), Path::Composed);
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let case = Case::new([130, 700], 6.0, 4).weighted();
    on_every_path(|path| {
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| case.by(cross_entropy, DType::F32))
        };
        let one = with(1);
        [2, 3, 7].into_iter().for_each(|threads| assert!(with(threads) == one, "{}", path.name()));
    });
}

#[test]
fn no_number_stays_so_and_infinity_leaves_a_class_out() {
    for place in [0, 16, 36] {
        let mut case = Case::new([1, 37], 3.0, 5);
        case.logits[place] = f64::NAN;
        on_every_path(|_| {
            let made = case.by(cross_entropy, DType::F32);
            assert!(made.loss[0].is_nan() && made.gradient.iter().all(|g| g.is_nan()));
        });
    }
    let mut case = Case::new([2, 37], 3.0, 6);
    case.terms.labels = vec![3, 4];
    case.logits[5] = f64::NEG_INFINITY;
    case.check();
}

#[test]
fn a_gradient_for_one_side_only_and_twice() {
    let case = Case::new([9, 20], 3.0, 7);
    on_every_path(|_| {
        let once = case.by(cross_entropy, DType::F32);
        let logits = case.leaf(DType::F32);
        let plain = cross_entropy(logits.clone().inner(), case.terms.clone());
        assert_eq!(to_vec(plain), once.loss);
        let twice = cross_entropy(logits.clone(), case.terms.clone())
            + cross_entropy(logits.clone(), case.terms.clone());
        let gradients = twice.backward();
        let doubled: Vec<f64> = once.gradient.iter().map(|g| 2.0 * g).collect();
        assert_eq!(to_vec(logits.grad(&gradients).unwrap()), doubled);
    });
}

#[test]
#[should_panic(expected = "labels")]
fn a_label_beyond_the_classes_is_refused() {
    let mut case = Case::new([3, 4], 3.0, 8);
    case.terms.labels[1] = 4;
    case.by(cross_entropy, DType::F32);
}
