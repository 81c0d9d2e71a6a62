//! The losses against PyTorch's values and gradients (`oracles/losses.json`, made in f64), against
//! the reference loops on random shapes, and the identities and invariants of the paper.

#[path = "support/loss_oracle.rs"]
mod loss_oracle;
mod support;

use std::sync::Mutex;

use burn::tensor::{DType, Device, Tensor};
use longtail::loss::{
    ApplyTo, Compression, Contrastive, LossError, Prior, balanced_softmax, cross_entropy,
    logit_adjusted, reference,
};
use longtail_kernels::{ContrastPath, Path, contrast_path, force};
use proptest::prelude::*;

use loss_oracle::*;

/// The path is the process's: one test at a time chooses it.
static PATH: Mutex<()> = Mutex::new(());

fn referenced(loss: &Contrastive, case: &Case<'_>) -> reference::ContrastiveGradients {
    let c = if loss.prototypes { case.c } else { &[] };
    reference::contrastive(loss, case.z, case.labels, c, &counts(case.n), case.compression)
}

#[test]
fn contrastive_losses_match_pytorch_with_gradients() {
    let oracle = oracle();
    let (z, c) = (matrix(&oracle["z"]), matrix(&oracle["c"]));
    let n: Vec<usize> = serde_json::from_value(oracle["n"].clone()).unwrap();
    let targets: Vec<u32> = serde_json::from_value(oracle["targets"].clone()).unwrap();
    let labels = [targets.clone(), targets].concat();
    let entries = contrastive_entries();
    let frequencies = "rcl_eq4 frequencies instead of counts";
    assert_eq!(
        oracle["derived"].as_object().unwrap().keys().filter(|k| *k != frequencies).count() + 2,
        entries.len(),
        "an entry of the oracle is not tested"
    );
    for (name, loss, compression) in entries {
        let expected =
            if oracle[name].is_null() { &oracle["derived"][name] } else { &oracle[name] };
        let case = Case { z: &z, labels: &labels, c: &c, n: &n, compression: compression.as_ref() };
        for actual in
            [differentiated(&loss, &case, DType::F64, &Device::flex()), referenced(&loss, &case)]
        {
            close(actual.loss, expected["loss"].as_f64().unwrap(), 1e-12);
            all_close(&actual.z, &matrix(&expected["dz"]), 1e-12);
            if loss.prototypes {
                all_close(&actual.prototypes, &matrix(&expected["dc"]), 1e-12);
            }
        }
        let _one = PATH.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for path in Path::ALL.into_iter().rev().filter(|path| path.is_available()) {
            force(path);
            let c = loss.prototypes.then(|| tensor(&c, DType::F32, &Device::flex()));
            let expected_path = match path {
                Path::Composed => ContrastPath::Composed,
                path => ContrastPath::Cpu(path),
            };
            assert_eq!(
                contrast_path(&tensor(&z, DType::F32, &Device::flex()), c.as_ref()),
                expected_path
            );
            let single = differentiated(&loss, &case, DType::F32, &Device::flex());
            close(single.loss, expected["loss"].as_f64().unwrap(), 2e-6);
            all_close(&single.z, &matrix(&expected["dz"]), 1e-5);
            if loss.prototypes {
                all_close(&single.prototypes, &matrix(&expected["dc"]), 1e-5);
            }
        }
    }
}

#[test]
fn frequencies_give_the_same_loss_as_counts() {
    let oracle = oracle();
    let (z, c) = (matrix(&oracle["z"]), matrix(&oracle["c"]));
    let labels = [0, 0, 1, 2, 0, 0, 0, 1, 2, 0];
    let expected = &oracle["derived"]["rcl_eq4 frequencies instead of counts"];
    for n in [[500, 120, 30, 6], [5000, 1200, 300, 60]] {
        let case = Case { z: &z, labels: &labels, c: &c, n: &n, compression: None };
        let actual = differentiated(&Contrastive::rcl(T), &case, DType::F64, &Device::flex());
        close(actual.loss, expected["loss"].as_f64().unwrap(), 1e-12);
        all_close(&actual.z, &matrix(&expected["dz"]), 1e-12);
    }
}

#[test]
fn cross_entropy_family_matches_pytorch() {
    check_cross_entropy_family(DType::F64, &Device::flex(), 1e-14);
}

/// Eq. 6 and Eq. 7 of the paper, term by term, for the mean over positives.
#[test]
fn equations_4_6_and_7_are_one_loss() {
    let oracle = oracle();
    let z = matrix(&oracle["z"]);
    let n = [500_usize, 120, 30, 6];
    let labels = [0_u32, 0, 1, 2, 0, 0, 0, 1, 2, 0];
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / T;
    let log_n = |y: u32| (n[y as usize] as f64).ln();
    let (mut eq6, mut eq7) = (0.0, 0.0);
    for (i, &y) in labels.iter().enumerate() {
        let s = z.iter().map(|zk| dot(&z[i], zk)).collect::<Vec<_>>();
        let others = || (0..labels.len()).filter(move |&k| k != i);
        let positives = others().filter(|&p| labels[p] == y).collect::<Vec<_>>();
        for &p in &positives {
            let sum = others().map(|k| (log_n(labels[k])).exp() * s[k].exp()).sum::<f64>();
            eq6 -= ((log_n(y)).exp() * s[p].exp() / sum).ln() / positives.len() as f64;
            // The margin log(n_j / n_y) stands between the similarity to k and the one to p.
            let margins = others()
                .filter(|&k| k != p)
                .map(|k| ((log_n(labels[k]) - log_n(y)) + s[k] - s[p]).exp())
                .sum::<f64>();
            eq7 += (1.0 + margins).ln() / positives.len() as f64;
        }
    }
    let case = Case { z: &z, labels: &labels, c: &[], n: &n, compression: None };
    let eq4 = differentiated(&Contrastive::rcl(T), &case, DType::F64, &Device::flex()).loss;
    close(eq6 / labels.len() as f64, eq4, 1e-12);
    close(eq7 / labels.len() as f64, eq4, 1e-12);
}

prop_compose! {
    fn unit_rows(count: usize, features: usize)(
        values in prop::collection::vec(prop::collection::vec(-1.0..1.0_f64, features), count)
    ) -> Vec<Vec<f64>> {
        values
            .into_iter()
            .map(|mut row| {
                row[0] += 1e-3;
                let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
                row.iter_mut().for_each(|v| *v /= length);
                row
            })
            .collect()
    }
}

#[derive(Debug, Clone)]
struct Random {
    z: Vec<Vec<f64>>,
    labels: Vec<u32>,
    c: Vec<Vec<f64>>,
    n: Vec<usize>,
    factors: Vec<f64>,
}

fn random() -> impl Strategy<Value = Random> {
    (1..12_usize, 1..7_usize, 1..9_usize).prop_flat_map(|(rows, classes, features)| {
        (
            unit_rows(rows, features),
            prop::collection::vec(0..classes as u32, rows),
            unit_rows(classes, features),
            prop::collection::vec(1..2000_usize, classes),
            prop::collection::vec(0.005..2.0_f64, classes),
        )
            .prop_map(|(z, labels, c, n, factors)| Random { z, labels, c, n, factors })
    })
}

fn sides() -> impl Strategy<Value = (ApplyTo, bool)> {
    let side = prop_oneof![Just(ApplyTo::Anchor), Just(ApplyTo::Contrast), Just(ApplyTo::Both)];
    (side, any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn tensors_and_loops_agree_on_value_and_gradient(
        data in random(), loss in support::any_loss(), (apply_to, prototypes) in sides(), on in any::<bool>()
    ) {
        let compression = Compression { factors: data.factors.clone(), apply_to, prototypes };
        let case = Case {
            z: &data.z,
            labels: &data.labels,
            c: &data.c,
            n: &data.n,
            compression: on.then_some(&compression),
        };
        let (fast, slow) = (differentiated(&loss, &case, DType::F64, &Device::flex()), referenced(&loss, &case));
        prop_assert!((fast.loss - slow.loss).abs() <= 1e-10 * slow.loss.abs().max(1.0));
        for (f, s) in fast.z.concat().iter().zip(slow.z.concat()) {
            prop_assert!((f - s).abs() <= 1e-9 * s.abs().max(1.0), "{f} is not {s}");
        }
        for (f, s) in fast.prototypes.concat().iter().zip(slow.prototypes.concat()) {
            prop_assert!((f - s).abs() <= 1e-9 * s.abs().max(1.0), "{f} is not {s}");
        }
    }

    #[test]
    fn exponent_zero_gives_scl_and_bcl_back(data in random()) {
        for (rebalanced, plain) in
            [(Contrastive::rcl(T), Contrastive::scl(T)), (Contrastive::bcl_rcl(T), Contrastive::bcl(T))]
        {
            let zero = Contrastive { prior: Prior::Counts, prior_exponent: 0.0, ..rebalanced };
            let Random { z, labels, c, n, .. } = &data;
            let case = Case { z, labels, c, n, compression: None };
            let (zero, plain) =
                (differentiated(&zero, &case, DType::F64, &Device::flex()), differentiated(&plain, &case, DType::F64, &Device::flex()));
            prop_assert!((zero.loss - plain.loss).abs() < 1e-12);
        }
    }

    /// Order of the batch, exchange of the views and a common factor on n change nothing.
    #[test]
    fn invariants(data in random(), loss in support::any_loss(), turn in 0..12_usize, factor in 2..50_usize) {
        let Random { z, labels, c, n, .. } = &data;
        let value = |z: &[Vec<f64>], labels: &[u32], n: &[usize]| {
            let case = Case { z, labels, c, n, compression: None };
            differentiated(&loss, &case, DType::F64, &Device::flex()).loss
        };
        let before = value(z, labels, n);
        let (mut turned, mut turned_labels) = (z.clone(), labels.clone());
        turned.rotate_left(turn % z.len());
        turned_labels.rotate_left(turn % z.len());
        let scaled = n.iter().map(|n| n * factor).collect::<Vec<_>>();
        for after in [value(&turned, &turned_labels, n), value(z, labels, &scaled)] {
            prop_assert!((before - after).abs() <= 1e-10 * before.abs().max(1.0), "{before} {after}");
        }
    }
}

/// Σ_k ∂ℓ_i/∂s_ik = 0: what is added to all contrasts of an anchor moves its similarities by the same amount and its
/// loss not at all. Of a single anchor the contrasts are the prototypes, whose gradients then sum to 0.
#[test]
fn slopes_of_a_row_sum_to_zero() {
    let z = vec![vec![0.6, 0.8, 0.0]];
    let c = vec![vec![1.0, 0.0, 0.0], vec![0.0, 0.6, 0.8], vec![0.0, -1.0, 0.0]];
    for loss in [Contrastive::bcl(T), Contrastive::bcl_rcl(T)] {
        let case = Case { z: &z, labels: &[1], c: &c, n: &[9, 3, 1], compression: None };
        let slopes = differentiated(&loss, &case, DType::F64, &Device::flex()).prototypes;
        assert!(slopes.concat().iter().any(|slope| slope.abs() > 0.1), "{slopes:?}");
        for feature in 0..3 {
            let sum: f64 = slopes.iter().map(|row| row[feature]).sum();
            assert!(sum.abs() < 1e-13, "{slopes:?}");
        }
    }
}

/// With all contrasts equal every similarity moves together, so the loss does not move.
#[test]
fn the_length_of_equal_embeddings_does_not_count() {
    let z = vec![vec![1.0, 0.0], vec![0.6, 0.8], vec![0.0, 1.0], vec![-1.0, 0.0]];
    for loss in [Contrastive::scl(T), Contrastive::rcl(T)] {
        let value = |z: &[Vec<f64>]| {
            let case = Case { z, labels: &[0, 0, 1, 1], c: &[], n: &[9, 3], compression: None };
            differentiated(&loss, &case, DType::F64, &Device::flex()).loss
        };
        let equal = |length: f64| value(&vec![vec![length; 2]; 4]);
        close(equal(1.0), equal(0.3), 1e-10);
        assert!(value(&z).is_finite());
    }
}

#[test]
fn an_absent_class_counts_only_through_its_prototype() {
    // Prototype of the absent class 2 is orthogonal to everything, so it adds n_2·e^0 to each sum.
    let z = vec![vec![1.0, 0.0, 0.0], vec![0.8, 0.6, 0.0]];
    let c = vec![vec![1.0, 0.0, 0.0], vec![0.0, 1.0, 0.0], vec![0.0, 0.0, 1.0]];
    let case = Case { z: &z, labels: &[0, 0], c: &c, n: &[10, 5, 2], compression: None };
    let actual =
        differentiated(&Contrastive::bcl_rcl(1.0), &case, DType::F64, &Device::flex()).loss;
    let by_hand = |own: f64, own_c: f64, other_c: f64| {
        let sum = 10.0 * (own.exp() + own_c.exp()) / 2.0 + 5.0 * other_c.exp() + 2.0;
        sum.ln() - 10.0_f64.ln() - (own + own_c) / 2.0
    };
    close(actual, (by_hand(0.8, 1.0, 0.0) + by_hand(0.8, 0.8, 0.6)) / 2.0, 1e-12);
}

#[test]
fn edge_cases_stay_finite() {
    let unit = |angle: f64| vec![angle.cos(), angle.sin()];
    let z = (0..6).map(|i| unit(f64::from(i))).collect::<Vec<_>>();
    let many = (0..1000).map(|i| unit(f64::from(i))).collect::<Vec<_>>();
    let n = vec![3; 1000];
    let cases: [(&[Vec<f64>], &[u32]); 5] = [
        (&z, &[0; 6]),
        (&z, &[0, 1, 2, 0, 1, 2]),
        (&z, &[0, 1, 2, 3, 4, 5]),
        (&z[..1], &[7]),
        (&z[..2], &[999, 999]),
    ];
    let mut extreme = z.clone();
    extreme[1] = extreme[0].clone();
    for temperature in [1e-4, 0.01, 0.1, 10.0] {
        for loss in [
            Contrastive::scl(temperature),
            Contrastive::bcl(temperature),
            Contrastive::rcl(temperature),
            Contrastive::bcl_rcl(temperature),
        ] {
            for (z, labels) in
                cases.into_iter().chain([(&extreme[..], &[0_u32, 1, 0, 1, 0, 1][..])])
            {
                for dtype in [DType::F32, DType::F64] {
                    let case = Case { z, labels, c: &many, n: &n, compression: None };
                    let result = differentiated(&loss, &case, dtype, &Device::flex());
                    assert!(result.loss.is_finite(), "{loss:?} {labels:?}");
                    assert!(result.z.concat().iter().all(|g| g.is_finite()), "{loss:?} {labels:?}");
                }
            }
        }
    }
}

#[test]
fn an_anchor_without_positives_contributes_nothing() {
    let z = vec![vec![1.0, 0.0], vec![0.0, 1.0], vec![0.6, 0.8]];
    let case = Case { z: &z, labels: &[0, 1, 2], c: &[], n: &[3, 2, 1], compression: None };
    assert_eq!(differentiated(&Contrastive::rcl(T), &case, DType::F64, &Device::flex()).loss, 0.0);
}

#[test]
fn arguments_that_do_not_fit_are_errors() {
    let z = || tensor(&[vec![1.0, 0.0], vec![0.0, 1.0]], DType::F32, &Device::flex());
    let scl = Contrastive::scl(T);
    let n = counts(&[1, 1]);
    let label = scl.loss(z(), &[0, 3], None, &n, None).unwrap_err();
    assert_eq!(label, LossError::Label { label: 3, row: 1, classes: 2 });
    for temperature in [0.0, -0.1, f64::NAN, f64::INFINITY] {
        let refused = Contrastive::bcl(temperature).loss(z(), &[0, 1], None, &n, None);
        assert!(matches!(refused, Err(LossError::Temperature(_))), "{temperature}");
    }
    let none = || Tensor::<2>::zeros([0, 2], &Device::flex());
    assert_eq!(scl.loss(none(), &[], None, &n, None).unwrap_err(), LossError::NoRows);
    assert_eq!(cross_entropy(none(), &[]).unwrap_err(), LossError::NoRows);
    let rows = scl.loss(z(), &[0], None, &n, None).unwrap_err();
    assert_eq!(rows, LossError::Rows { labels: 1, rows: 2 });
    let missing = Contrastive::bcl(T).loss(z(), &[0, 1], None, &n, None).unwrap_err();
    assert_eq!(missing, LossError::Prototypes { given: 0, needed: 2 });
    for factor in [0.0, -1.0, f64::NAN] {
        let compression =
            Compression { factors: vec![1.0, factor], apply_to: ApplyTo::Both, prototypes: true };
        let result = scl.loss(z(), &[0, 1], None, &n, Some(&compression));
        assert!(matches!(result, Err(LossError::CompressionFactor { class: 1, .. })));
    }
    assert!(logit_adjusted(z(), &[0, 2], &n, 1.0).is_err());
    let three = balanced_softmax(z(), &[0, 1], &counts(&[1, 2, 3])).unwrap_err();
    assert_eq!(three, LossError::Classes { counts: 3, logits: 2 });
    assert!(cross_entropy(z(), &[2, 0]).is_err());
}
