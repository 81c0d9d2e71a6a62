//! BBN's cumulative learning.

use longtail::loss::{LossError, cross_entropy, cumulative_learning, cumulative_share};

use super::*;

fn oracle() -> Value {
    serde_json::from_str(include_str!("../oracles/bbn.json")).unwrap()
}

#[test]
fn cumulative_learning_matches_its_public_code() {
    let oracle = oracle();
    let logits: Rows = of(&oracle["logits"]);
    let [uniform, reversed]: [Vec<u32>; 2] =
        [of(&oracle["conventional"]), of(&oracle["rebalancing"])];
    for entry in oracle["cases"].as_array().unwrap() {
        let share = cumulative_share(of(&entry["epoch"]), of(&entry["epochs"])).unwrap();
        close(share, of(&entry["share"]), 1e-15);
        for (dtype, tolerance) in PRECISIONS {
            let loss = |x| cumulative_learning(x, &uniform, &reversed, share);
            matches_entry(&of_logits(&logits, dtype, loss), entry, tolerance);
        }
    }
}

#[test]
fn the_share_runs_from_one_to_nearly_zero() {
    for entry in oracle()["shares"].as_array().unwrap() {
        let (epochs, every): (usize, usize) = (of(&entry["epochs"]), of(&entry["every"]));
        let shares = (1..=epochs).step_by(every).map(|e| cumulative_share(e, epochs).unwrap());
        let shares: Vec<f64> = shares.collect();
        all_close(&shares, &of::<Vec<f64>>(&entry["shares"]), 1e-15);
        assert_eq!(shares[0], 1.0);
        assert!(shares.is_sorted_by(|a, b| a > b), "{shares:?}");
    }
    let last = cumulative_share(200, 200).unwrap();
    assert!(last > 0.0 && last < 0.01, "{last}");
    for epoch in [0, 201, usize::MAX] {
        let refused = cumulative_share(epoch, 200).unwrap_err();
        assert_eq!(refused, LossError::Epoch { epoch, epochs: 200 });
    }
    assert!(cumulative_share(1, 0).is_err());
}

#[test]
fn at_the_ends_one_branch_is_learned() {
    let (rows, labels) = extremes();
    let other = [2, 1, 2, 0];
    for (share, learned) in [(1.0, &labels), (0.0, &other)] {
        for (dtype, _) in PRECISIONS {
            let plain = of_logits(&rows, dtype, |x| cross_entropy(x, learned));
            let mixed = of_logits(&rows, dtype, |x| cumulative_learning(x, &labels, &other, share));
            assert_eq!(mixed, plain);
            finite(&mixed);
        }
    }
}

#[test]
fn arguments_that_do_not_fit_are_errors() {
    let x = || tensor(&[vec![0.1, 0.2]], DType::F32);
    for share in [-0.1, 1.1, f64::NAN] {
        let error = cumulative_learning(x(), &[0], &[1], share).unwrap_err();
        assert!(matches!(error, LossError::Parameter { .. }), "{error}");
    }
    let label = LossError::Label { label: 2, row: 0, classes: 2 };
    assert_eq!(cumulative_learning(x(), &[2], &[1], 1.0).unwrap_err(), label);
    assert_eq!(cumulative_learning(x(), &[1], &[2], 1.0).unwrap_err(), label);
    let rows = LossError::Rows { labels: 2, rows: 1 };
    assert_eq!(cumulative_learning(x(), &[1], &[1, 0], 0.5).unwrap_err(), rows);
}
