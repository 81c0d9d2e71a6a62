//! τ-normalisation and the nearest class mean.

use longtail::model::{NearestClassMean, NearestClassMeanError, tau_normalise};

use super::*;

fn oracle() -> Value {
    serde_json::from_str(include_str!("../oracles/decoupled.json")).unwrap()
}

#[test]
fn tau_normalisation_matches_its_public_code() {
    let oracle = oracle();
    for entry in oracle["tau"].as_array().unwrap() {
        for (dtype, tolerance) in PRECISIONS {
            let weights = tensor(&of::<Rows>(&oracle["weights"]), dtype);
            let expected = of::<Rows>(&entry["weights"]).concat();
            all_close(&list(tau_normalise(weights, of(&entry["p"]))), &expected, tolerance);
        }
    }
}

#[test]
fn p_zero_keeps_p_one_gives_unit_length_and_zeros_stay() {
    let rows = [vec![3.0, -4.0], vec![0.0, 0.0], vec![1e-3, 0.0]];
    let of_p = |p| list(tau_normalise(tensor(&rows, DType::F64), p));
    all_close(&of_p(0.0), &rows.concat(), 1e-15);
    all_close(&of_p(1.0), &[0.6, -0.8, 0.0, 0.0, 1.0, 0.0], 1e-15);
    all_close(&of_p(2.0)[..4], &[3.0 / 25.0, -4.0 / 25.0, 0.0, 0.0], 1e-14);
}

#[test]
fn the_nearest_class_mean_matches_its_public_code() {
    let oracle = oracle();
    let [train, test]: [Rows; 2] = [of(&oracle["train"]), of(&oracle["test"])];
    let labels: Vec<u32> = of(&oracle["train_labels"]);
    let ncm = NearestClassMean::fit(&train, &labels, 4).unwrap();
    let expected = &oracle["ncm"][0];
    all_close(&ncm.class_means().concat(), &of::<Rows>(&expected["means"]).concat(), EXACT);
    let scores: Rows = test.iter().map(|row| ncm.scores(row).unwrap()).collect();
    all_close(&scores.concat(), &of::<Rows>(&expected["scores"]).concat(), EXACT);

    let single: Vec<Vec<f32>> =
        train.iter().map(|row| row.iter().map(|&value| value as f32).collect()).collect();
    let ncm = NearestClassMean::fit(&single, &labels, 4).unwrap();
    all_close(&ncm.class_means().concat(), &of::<Rows>(&expected["means"]).concat(), SINGLE);
}

/// Every image counts once in the mean that is subtracted, so a frequent class moves it.
#[test]
fn the_subtracted_mean_is_over_images() {
    let ncm = NearestClassMean::fit(&[vec![0.0], vec![0.0], vec![3.0]], &[0, 0, 1], 2).unwrap();
    assert_eq!(ncm.class_means(), [[-1.0], [1.0]]);
    assert_eq!(ncm.scores(&[1.25]).unwrap(), [-4.0, 0.0]);
    assert_eq!(ncm.scores(&[1.0]).unwrap(), [-1.0, -1.0]);
}

#[test]
fn features_that_do_not_fit_are_errors() {
    use NearestClassMeanError::*;
    let refused = |features: &[Vec<f64>], labels: &[u32], classes| {
        NearestClassMean::fit(features, labels, classes).unwrap_err()
    };
    let two = [vec![0.0, 1.0], vec![2.0, 3.0]];
    assert_eq!(refused(&two, &[0], 1), Rows { labels: 1, rows: 2 });
    assert_eq!(refused(&two, &[0, 2], 2), Label { label: 2, row: 1, classes: 2 });
    assert_eq!(refused(&two, &[0, 0], 2), EmptyClass { class: 1 });
    assert_eq!(refused(&[], &[], 0), NoClass);
    assert_eq!(refused(&[], &[], 1), EmptyClass { class: 0 });
    let uneven = [vec![0.0, 1.0], vec![2.0]];
    assert_eq!(refused(&uneven, &[0, 1], 2), Features { found: 1, expected: 2 });
    let ncm = NearestClassMean::fit(&two, &[0, 1], 2).unwrap();
    assert_eq!(ncm.scores(&[0.0; 3]).unwrap_err(), Features { found: 3, expected: 2 });
    let one = NearestClassMean::fit(&[vec![5.0, 5.0]], &[0], 1).unwrap();
    assert_eq!(one.scores(&[5.0, 5.0]).unwrap(), [0.0]);
}
