//! LDAM, and cross entropy with class weights.

use burn::tensor::Tensor;
use longtail::loss::{Ldam, LossError, cross_entropy, weighted_cross_entropy};

use super::*;

fn oracle() -> Value {
    serde_json::from_str(include_str!("../oracles/ldam.json")).unwrap()
}

#[test]
fn ldam_matches_its_public_code() {
    let oracle = oracle();
    let n = counts(&of::<Vec<usize>>(&oracle["n"]));
    let labels: Vec<u32> = of(&oracle["labels"]);
    let weights = n.class_balanced_weights(0.9999);
    all_close(&weights, &of::<Vec<f64>>(&oracle["drw_weights"]), 1e-12);
    for entry in oracle["ldam"].as_array().unwrap() {
        let ldam = Ldam { max_margin: of(&entry["max_margin"]), scale: of(&entry["scale"]) };
        all_close(&ldam.margins(&n), &of::<Vec<f64>>(&entry["margins"]), 1e-14);
        let weights = of::<bool>(&entry["weighted"]).then_some(weights.as_slice());
        let cosines: Rows = of(&oracle["cosines"]);
        for (dtype, tolerance) in PRECISIONS {
            let loss = |cosines: Tensor<2>| ldam.loss(cosines, &labels, &n, weights);
            matches_entry(&of_logits(&cosines, dtype, loss), entry, tolerance);
        }
    }
}

#[test]
fn weighted_cross_entropy_matches_pytorch() {
    let oracle = oracle();
    let n = counts(&of::<Vec<usize>>(&oracle["n"]));
    let labels: Vec<u32> = of(&oracle["labels"]);
    for entry in oracle["cross_entropy"].as_array().unwrap() {
        let beta = if of(&entry["weighted"]) { 0.9999 } else { 0.0 };
        let weights = n.class_balanced_weights(beta);
        for (dtype, tolerance) in PRECISIONS {
            let loss = |logits: Tensor<2>| weighted_cross_entropy(logits, &labels, &weights);
            let actual = of_logits(&of::<Rows>(&oracle["logits"]), dtype, loss);
            matches_entry(&actual, entry, tolerance);
        }
    }
}

/// The figures that stood in the losses' own oracle before there was a loss for them.
#[test]
fn the_earlier_oracle_agrees() {
    let oracle: Value = serde_json::from_str(include_str!("../oracles/losses.json")).unwrap();
    let n = counts(&of::<Vec<usize>>(&oracle["n"]));
    let labels: Vec<u32> = of(&oracle["targets"]);
    let weights = n.class_balanced_weights(0.9999);
    let expected = |name: &str| of::<f64>(&oracle["ce_family"][name]);
    let cosines: Rows = of(&oracle["cos_logits_for_ldam"]);
    let ldam = |weights| {
        of_logits(&cosines, DType::F64, |x| Ldam::default().loss(x, &labels, &n, weights)).0
    };
    close(ldam(None), expected("ldam_s30"), EXACT);
    close(ldam(Some(weights.as_slice())), expected("ldam_s30_drw_beta0.9999"), EXACT);
    let weighted = of_logits(&of::<Rows>(&oracle["logits"]), DType::F64, |logits| {
        weighted_cross_entropy(logits, &labels, &weights)
    });
    let name = "cb_softmax_ce_beta0.9999 (weighted mean: sum w l / sum w)";
    close(weighted.0, expected(name), EXACT);
}

#[test]
fn a_margin_of_zero_gives_cross_entropy_of_scaled_cosines() {
    let oracle = oracle();
    let (cosines, labels): (Rows, Vec<u32>) = (of(&oracle["cosines"]), of(&oracle["labels"]));
    let n = counts(&of::<Vec<usize>>(&oracle["n"]));
    let ldam = Ldam { max_margin: 0.0, scale: 12.0 };
    let equal = [7.0; 5];
    let plain = of_logits(&cosines, DType::F64, |x| cross_entropy(x.mul_scalar(12.0), &labels));
    for weights in [None, Some(&equal[..])] {
        let without = of_logits(&cosines, DType::F64, |x| ldam.loss(x, &labels, &n, weights));
        close(without.0, plain.0, 1e-14);
        all_close(&without.1, &plain.1, 1e-14);
    }
}

/// Two classes of 16 and of 1 image have margins of ¼ and ½; at a scale of 2, the gaps are 2(cos_y − m_y − cos_j).
#[test]
fn two_rows_by_hand() {
    let cosines = [vec![0.5, 0.25], vec![0.5, 0.25]];
    let ldam = Ldam { max_margin: 0.5, scale: 2.0 };
    let weights = [1.0, 3.0];
    let softplus = |x: f64| x.exp().ln_1p();
    let (first, second) = (softplus(0.0), softplus(1.5));
    let loss = |weights: Option<&[f64]>| {
        of_logits(&cosines, DType::F64, |x| ldam.loss(x, &[0, 1], &counts(&[16, 1]), weights)).0
    };
    close(loss(None), (first + second) / 2.0, 1e-15);
    close(loss(Some(&weights)), (first + 3.0 * second) / 4.0, 1e-15);
}

#[test]
fn one_class_costs_nothing_and_extremes_stay_finite() {
    let one = |cosines: Tensor<2>| Ldam::default().loss(cosines, &[0], &counts(&[9]), None);
    assert_eq!(of_logits(&[vec![0.3]], DType::F32, one), (0.0, vec![0.0]));
    let (rows, labels) = extremes();
    let n = counts(&[1000, 10, 1]);
    for (dtype, _) in PRECISIONS {
        finite(&of_logits(&rows, dtype, |x| Ldam::default().loss(x, &labels, &n, None)));
        let weights = n.class_balanced_weights(0.9999);
        finite(&of_logits(&rows, dtype, |x| weighted_cross_entropy(x, &labels, &weights)));
    }
}

#[test]
fn arguments_that_do_not_fit_are_errors() {
    let x = || tensor(&[vec![0.1, 0.2], vec![0.3, 0.4]], DType::F32);
    let n = counts(&[3, 1]);
    let refused = |ldam: Ldam, labels: &[u32], n: &ClassCounts, weights: Option<&[f64]>| {
        ldam.loss(x(), labels, n, weights).unwrap_err()
    };
    let ldam = Ldam::default();
    assert_eq!(refused(ldam, &[0], &n, None), LossError::Rows { labels: 1, rows: 2 });
    let label = LossError::Label { label: 2, row: 1, classes: 2 };
    assert_eq!(refused(ldam, &[0, 2], &n, None), label);
    let three = counts(&[3, 2, 1]);
    assert_eq!(refused(ldam, &[0, 1], &three, None), LossError::Classes { counts: 3, logits: 2 });
    let weights = LossError::ClassWeights { weights: 3, classes: 2 };
    assert_eq!(refused(ldam, &[0, 1], &n, Some(&[1.0; 3])), weights);
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let weights = [1.0, weight];
        let error = weighted_cross_entropy(x(), &[0, 1], &weights).unwrap_err();
        assert!(matches!(error, LossError::ClassWeight { class: 1, .. }), "{error}");
    }
    for wrong in [-0.1, f64::NAN, f64::INFINITY] {
        for ldam in [Ldam { max_margin: wrong, ..ldam }, Ldam { scale: wrong, ..ldam }] {
            let error = refused(ldam, &[0, 1], &n, None);
            assert!(matches!(error, LossError::Parameter { .. }), "{error}");
        }
    }
    let error = refused(Ldam { scale: 0.0, ..ldam }, &[0, 1], &n, None).to_string();
    assert_eq!(error, "the scale of cosines is 0 and must be a positive number");
    let none = Tensor::<2>::zeros([0, 2], &Device::flex());
    assert_eq!(ldam.loss(none, &[], &n, None).unwrap_err(), LossError::NoRows);
}
