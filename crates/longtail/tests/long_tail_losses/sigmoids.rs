//! The focal losses.

use longtail::loss::{LossError, class_balanced_focal, cross_entropy, softmax_focal};

use super::*;

fn oracle() -> Value {
    serde_json::from_str(include_str!("../oracles/focal.json")).unwrap()
}

#[test]
fn focal_losses_match_their_public_code() {
    let oracle = oracle();
    let (logits, labels): (Rows, Vec<u32>) = (of(&oracle["logits"]), of(&oracle["labels"]));
    let n = counts(&of::<Vec<usize>>(&oracle["n"]));
    for (dtype, tolerance) in PRECISIONS {
        for entry in oracle["sigmoid"].as_array().unwrap() {
            let (beta, gamma) = (of(&entry["beta"]), of(&entry["gamma"]));
            let loss = |x| class_balanced_focal(x, &labels, &n, beta, gamma);
            matches_entry(&of_logits(&logits, dtype, loss), entry, tolerance);
        }
        for entry in oracle["softmax"].as_array().unwrap() {
            let loss = |x| softmax_focal(x, &labels, of(&entry["gamma"]));
            matches_entry(&of_logits(&logits, dtype, loss), entry, tolerance);
        }
    }
}

/// The earlier oracle's sigmoid figures are of f32.
#[test]
fn the_earlier_oracle_agrees() {
    let oracle: Value = serde_json::from_str(include_str!("../oracles/losses.json")).unwrap();
    let n = counts(&of::<Vec<usize>>(&oracle["n"]));
    let (logits, labels): (Rows, Vec<u32>) = (of(&oracle["logits"]), of(&oracle["targets"]));
    let expected = |name: &str| of::<f64>(&oracle["ce_family"][name]);
    for beta in ["0.9999", "0.9"] {
        for gamma in ["0.5", "1.0", "2.0"] {
            let name = format!("cb_focal_reference_code_beta{beta}_gamma{gamma} (f32)");
            let (beta, gamma) = (beta.parse().unwrap(), gamma.parse().unwrap());
            let loss = |x| class_balanced_focal(x, &labels, &n, beta, gamma);
            close(of_logits(&logits, DType::F64, loss).0, expected(&name), 3e-7);
        }
    }
    let softmax = of_logits(&logits, DType::F64, |x| softmax_focal(x, &labels, 1.0)).0;
    close(softmax, expected("softmax_focal_gamma1 mean((1-p)^g*ce) (LDAM repo)"), EXACT);
}

#[test]
fn gamma_zero_gives_the_plain_losses() {
    let oracle = oracle();
    let (logits, labels): (Rows, Vec<u32>) = (of(&oracle["logits"]), of(&oracle["labels"]));
    let plain = of_logits(&logits, DType::F64, |x| cross_entropy(x, &labels));
    let focal = of_logits(&logits, DType::F64, |x| softmax_focal(x, &labels, 0.0));
    close(focal.0, plain.0, 1e-15);
    all_close(&focal.1, &plain.1, 1e-15);
    // With β = 0 as well, the sum of the binary cross entropies.
    let n = counts(&[500, 120, 30, 6, 1]);
    let loss = |x| class_balanced_focal(x, &labels, &n, 0.0, 0.0);
    let (value, slopes) = of_logits(&logits, DType::F64, loss);
    let rows = labels.len() as f64;
    let (mut expected, mut expected_slopes) = (0.0, Vec::new());
    for (row, &label) in logits.iter().zip(&labels) {
        for (class, &f) in row.iter().enumerate() {
            let target = f64::from(class == label as usize);
            let p = 1.0 / (1.0 + (-f).exp());
            expected -= (target * p.ln() + (1.0 - target) * (1.0 - p).ln()) / rows;
            expected_slopes.push((p - target) / rows);
        }
    }
    close(value, expected, EXACT);
    all_close(&slopes, &expected_slopes, EXACT);
}

/// Every class's sigmoid is one half at logits of 0, so that a row's loss is w·C·½^γ·log 2, and the slope of the focal
/// term by its own logit is −½^γ·(½ + γ/2·log 2).
#[test]
fn logits_of_zero_by_hand() {
    let n = counts(&[9, 3]);
    let weights = n.class_balanced_weights(0.9);
    let loss = |x| class_balanced_focal(x, &[0, 1], &n, 0.9, 2.0);
    let (value, slopes) = of_logits(&[vec![0.0, 0.0], vec![0.0, 0.0]], DType::F64, loss);
    let log_2 = 2_f64.ln();
    close(value, (weights[0] + weights[1]) / 2.0 * 2.0 * 0.25 * log_2, 1e-15);
    let slope = |weight: f64| 0.25 * (0.5 + log_2) * weight / 2.0;
    let (first, second) = (slope(weights[0]), slope(weights[1]));
    all_close(&slopes, &[-first, first, second, -second], 1e-15);
}

#[test]
fn extremes_stay_finite_and_one_class_costs_what_it_should() {
    let (rows, labels) = extremes();
    let n = counts(&[1000, 10, 1]);
    for gamma in [0.0, 0.5, 1.0, 2.0] {
        for (dtype, _) in PRECISIONS {
            let sigmoid = |x| class_balanced_focal(x, &labels, &n, 0.9999, gamma);
            finite(&of_logits(&rows, dtype, sigmoid));
            finite(&of_logits(&rows, dtype, |x| softmax_focal(x, &labels, gamma)));
            // One class of a softmax is certain; one sigmoid of 0 is not.
            let one = of_logits(&[vec![0.0]], dtype, |x| softmax_focal(x, &[0], gamma));
            assert_eq!(one, (0.0, vec![0.0]));
            let one = |x| class_balanced_focal(x, &[0], &counts(&[4]), 0.9, gamma);
            let expected = 0.5_f64.powf(gamma) * 2_f64.ln();
            close(of_logits(&[vec![0.0]], dtype, one).0, expected, SINGLE);
        }
    }
    // Wrong in all three sigmoids of the row, each by 1000.
    let wrong = |x| class_balanced_focal(x, &[0], &counts(&[1; 3]), 0.0, 1.0);
    let (value, slopes) = of_logits(&rows[1..2], DType::F32, wrong);
    assert_eq!((value, slopes), (3000.0, vec![-1.0, 1.0, 1.0]));
}

#[test]
fn arguments_that_do_not_fit_are_errors() {
    let x = || tensor(&[vec![0.1, 0.2]], DType::F32);
    let n = counts(&[3, 1]);
    for beta in [-0.1, 1.0, f64::NAN] {
        let error = class_balanced_focal(x(), &[0], &n, beta, 1.0).unwrap_err();
        assert!(matches!(error, LossError::Parameter { name: "beta", .. }), "{error}");
    }
    for gamma in [-0.1, f64::NAN, f64::INFINITY] {
        let sigmoid = class_balanced_focal(x(), &[0], &n, 0.9, gamma).unwrap_err();
        let softmax = softmax_focal(x(), &[0], gamma).unwrap_err();
        for error in [sigmoid, softmax] {
            assert!(matches!(error, LossError::Parameter { .. }), "{error}");
        }
    }
    let three = class_balanced_focal(x(), &[0], &counts(&[3, 2, 1]), 0.9, 1.0).unwrap_err();
    assert_eq!(three, LossError::Classes { counts: 3, logits: 2 });
    assert!(matches!(softmax_focal(x(), &[2], 1.0), Err(LossError::Label { .. })));
    assert!(matches!(softmax_focal(x(), &[0, 1], 1.0), Err(LossError::Rows { .. })));
}
