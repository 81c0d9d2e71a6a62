//! Figures of a model's outputs against scikit-learn's and torchmetrics' (`oracles/analysis.json`, made in f64), tiny
//! cases by hand, extremes, and what is no number.

use longtail::eval::*;
use serde_json::Value;

const ORACLE: &str = include_str!("oracles/analysis.json");

fn cases(of: &str) -> Vec<Value> {
    let mut oracle: Value = serde_json::from_str(ORACLE).unwrap();
    serde_json::from_value(oracle[of].take()).unwrap()
}

fn list<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap()
}

#[track_caller]
fn close(found: Option<f64>, expected: &Value, tolerance: f64) {
    let (found, expected) = (found.unwrap(), expected.as_f64().unwrap());
    let off = (found - expected).abs() / expected.abs().max(1e-3);
    assert!(off <= tolerance, "{found} is not {expected}: off by {off:e}");
}

fn rows<T>(values: Vec<T>, width: usize) -> Rows<T> {
    Rows::new(values, width).unwrap()
}

#[test]
fn cluster_indices_are_scikit_learns() {
    for case in cases("clusters") {
        let labels: Vec<u32> = list(&case["labels"]);
        let features =
            rows::<f64>(list(&case["features"]), case["width"].as_u64().unwrap() as usize);
        close(calinski_harabasz(&features, &labels).unwrap(), &case["calinski_harabasz"], 1e-12);
        close(davies_bouldin(&features, &labels).unwrap(), &case["davies_bouldin"], 1e-12);
    }
}

/// splitmix64, of which the oracle's features are made (`oracles/metrics_schedules.json`).
fn splitmix(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)) as f64 / 2.0_f64.powi(64)
}

#[test]
fn predictions_come_to_scikit_learns_figures() {
    for case in cases("classified") {
        let classes = case["classes"].as_u64().unwrap() as usize;
        let labels: Vec<u32> = list(&case["labels"]);
        let logits = rows::<f32>(list(&case["logits"]), classes);
        let outputs = Outputs { features: logits.clone(), labels, logits, projections: None };
        let confusion = Confusion::of(&outputs.labels, &outputs.predictions(), classes).unwrap();
        assert_eq!(confusion.matrix(), list::<Vec<usize>>(&case["confusion"]));
        let (figures, analysis) = analysed(&outputs, classes);
        assert_eq!(analysis.confusion, Some(confusion.matrix()));
        let scores = figures.scores;
        let averages = [scores.macro_precision, scores.macro_recall, scores.macro_f1];
        for (found, expected) in averages.into_iter().zip(case["macro"].as_array().unwrap()) {
            close(found, expected, 1e-11);
        }
        let each = confusion.tallies().into_iter().enumerate();
        for (class, tally) in each.filter(|(_, tally)| tally.images > 0) {
            close(tally.f1(), &case["f1"][class], 1e-12);
            // scikit-learn's 0 of a class that nothing is called is none here.
            close(tally.precision().or(Some(0.0)), &case["precision"][class], 1e-12);
            assert_eq!(tally.precision().is_none(), tally.predicted == 0);
        }
    }
}

fn analysed(outputs: &Outputs, classes: usize) -> (Evaluation, Analysis) {
    let counts: Vec<usize> = (0..classes).map(|class| 300 >> class).collect();
    Analysis::of(outputs, &counts, &vec![1.0; classes], &EvalOptions::default()).unwrap()
}

#[test]
fn the_first_k_are_scikit_learns_where_no_logits_are_equal() {
    for case in cases("classified") {
        let labels: Vec<u32> = list(&case["labels"]);
        let logits = rows::<f64>(list(&case["logits"]), case["classes"].as_u64().unwrap() as usize);
        for (k, expected) in case["top"].as_object().unwrap() {
            let k = k.parse().unwrap();
            close(top_k_accuracy(&logits, &labels, k).unwrap(), expected, 1e-12);
        }
    }
    // Of equal logits the first is taken, as top-1 does.
    let equal = rows(vec![1.0_f32; 8], 4);
    assert_eq!(top_k_accuracy(&equal, &[0, 3], 1).unwrap(), Some(0.5));
    assert_eq!(top_k_accuracy(&equal, &[1, 2], 2).unwrap(), Some(0.5));
}

#[test]
fn calibration_is_torchmetrics_in_f64() {
    for case in cases("classified") {
        let labels: Vec<u32> = list(&case["labels"]);
        let classes = case["classes"].as_u64().unwrap() as usize;
        let said = confidences(&rows::<f64>(list(&case["logits"]), classes), &labels).unwrap();
        let shots = ShotThresholds::default();
        let of = Calibration::of(&labels, &said, &vec![50; classes], &shots).unwrap().unwrap();
        close(Some(of.all.ece), &case["ece"], 1e-11);
        close(Some(of.all.max_error), &case["max_error"], 1e-11);
        close(Some(of.all.confidence), &case["confidence"], 1e-11);
        assert_eq!((of.many, of.few), (None, None));
        assert_eq!(of.medium, Some(of.all));
    }
}

#[test]
fn edges_of_bins_are_torchs() {
    let oracle: Value = serde_json::from_str(ORACLE).unwrap();
    let confidences: Vec<f64> = list(&oracle["edges"]["confidences"]);
    let right: Vec<u8> = list(&oracle["edges"]["right"]);
    let images: Vec<_> = confidences.into_iter().zip(right.iter().map(|&r| r == 1)).collect();
    let of = Reliability::of(&images).unwrap();
    close(Some(of.ece), &oracle["edges"]["ece"], 1e-11);
    for (bin, edge) in of.bins.iter().zip(oracle["linspace"].as_array().unwrap()) {
        close(Some(bin.low), edge, 1e-11);
    }
    let last = of.bins.last().unwrap();
    assert_eq!((of.bins.len(), last.low, last.high, last.images), (16, 1.0, 1.0, 1));
}

#[test]
fn the_project_s_own_oracle_of_cluster_indices_agrees() {
    let oracle: Value =
        serde_json::from_str(include_str!("oracles/metrics_schedules.json")).unwrap();
    let (labels, mut state) = ((0..30).map(|i| i % 3).collect::<Vec<u32>>(), 5);
    let uniform: Vec<f64> = (0..120).map(|_| splitmix(&mut state)).collect();
    let moved = |(i, x): (usize, &f64)| match i % 4 {
        0 => x + 0.7 * f64::from(labels[i / 4]),
        _ => *x,
    };
    let features = rows(uniform.iter().enumerate().map(moved).collect::<Vec<_>>(), 4);
    close(calinski_harabasz(&features, &labels).unwrap(), &oracle["chi"], 1e-12);
    close(davies_bouldin(&features, &labels).unwrap(), &oracle["dbi"], 1e-12);
}

#[test]
fn cluster_indices_without_a_meaning_are_none() {
    let indices = |values: &[f64], labels: &[u32]| {
        let features = rows(values.to_vec(), 1);
        (calinski_harabasz(&features, labels).unwrap(), davies_bouldin(&features, labels).unwrap())
    };
    assert_eq!(indices(&[], &[]), (None, None));
    assert_eq!(indices(&[3.0], &[0]), (None, None), "one image");
    assert_eq!(indices(&[1.0, 2.0, 3.0], &[7, 7, 7]), (None, None), "one class");
    assert_eq!(indices(&[1.0, 2.0, 3.0], &[0, 1, 2]), (None, None), "every image a class");
    // scikit-learn: 1 and 0, the best there is.
    assert_eq!(indices(&[0.1, 0.1, 0.1, 0.1], &[0, 0, 1, 1]), (None, None), "nothing differs");
    assert_eq!(indices(&[0.1, 0.3, 0.3, 0.1], &[0, 0, 1, 1]), (Some(0.0), None), "equal centres");
    // Third class apart; the centres of the first two are equal but for rounding.
    let (chi, dbi) = indices(&[0.1, 0.2, 0.3, 0.2, 0.2, 9.0, 9.5], &[0, 0, 0, 1, 1, 2, 2]);
    assert!(chi.is_some_and(|chi| chi > 100.0), "{chi:?}");
    assert_eq!(dbi, None);
    // Compact, but apart: Davies and Bouldin's best.
    assert_eq!(indices(&[0.0, 0.0, 1.0, 1.0], &[0, 0, 1, 1]), (None, Some(0.0)));
}

#[test]
fn numbers_that_are_none_are_errors_of_functions_and_null_in_an_analysis() {
    let broken = |what, image| EvalError::NotFinite { what, image };
    let labels = vec![0, 1, 1];
    for bad in [f32::NAN, f32::INFINITY] {
        let features = rows(vec![0.0, 1.0, bad], 1);
        assert_eq!(calinski_harabasz(&features, &labels), Err(broken("features", 2)));
        assert_eq!(davies_bouldin(&features, &labels), Err(broken("features", 2)));
        let logits = rows(vec![1.0, 0.0, 0.0, bad, 0.0, 1.0], 2);
        assert_eq!(top_k_accuracy(&logits, &labels, 1), Err(broken("logits", 1)));
        assert_eq!(confidences(&logits, &labels), Err(broken("logits", 1)));
        let outputs = Outputs { labels: labels.clone(), logits, features, projections: None };
        let (figures, analysis) = analysed(&outputs, 2);
        assert_eq!((analysis.calibration, analysis.priors, analysis.features), (None, None, None));
        assert_eq!((figures.scores.ece, figures.scores.calinski_harabasz), (None, None));
        assert!(figures.scores.macro_f1.is_some(), "what is called what is known");
        let of =
            |what: &str| analysis.not_computed.iter().filter(|said| said.contains(what)).count();
        assert_eq!((of("logits of image 1"), of("features of image 2")), (1, 1));
        let json = serde_json::to_value(&figures.scores).unwrap();
        assert!(json["ece"].is_null() && json["davies_bouldin"].is_null());
    }
}

/// Images of three classes at the corners of a triangle around a point, each a step to either side of its corner.
fn triangle(away: f64, step: f64) -> (Vec<f64>, Vec<u32>) {
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for class in 0..3_u32 {
        let angle = f64::from(class) * std::f64::consts::TAU / 3.0;
        for side in [-1.0, 1.0] {
            values.push(5.0 + away * angle.cos() - side * step * angle.sin());
            values.push(7.0 + away * angle.sin() + side * step * angle.cos());
            labels.push(class);
        }
    }
    (values, labels)
}

#[test]
fn a_simplex_is_balanced_and_each_class_as_compact_as_it_is() {
    let near = |found: Option<f64>, expected: f64| {
        assert!((found.unwrap() - expected).abs() < 1e-9, "{found:?} is not {expected}");
    };
    let (values, labels) = triangle(2.0, 0.5);
    let counts = [500, 50, 5, 3];
    let shots = ShotThresholds::default();
    let of = |values: Vec<f64>| {
        Geometry::of(&rows(values, 2), &labels, &counts, &shots, "features").unwrap()
    };
    let geometry = of(values.clone());
    let balance = geometry.balance.clone().unwrap();
    assert_eq!((balance.classes, balance.simplex), (3, -0.5));
    near(Some(balance.cosine_mean), -0.5);
    near(Some(balance.cosine_std), 0.0);
    near(Some(balance.norm_variation), 0.0);
    for class in &geometry.per_class[..3] {
        near(class.spread, 0.5);
        near(class.margin, 2.0 * 3.0_f64.sqrt());
        near(class.cosine, 2.0 / 4.25_f64.sqrt());
        near(class.overlap(), 0.25 / 3.0_f64.sqrt());
    }
    let empty = &geometry.per_class[3];
    assert_eq!((empty.images, empty.spread, empty.margin, empty.nearest), (0, None, None, None));
    for means in [&geometry.many, &geometry.medium, &geometry.few, &geometry.head, &geometry.tail] {
        assert_eq!(means.as_ref().map(|means| means.classes), Some(1));
    }
    // Only what has no scale stays where the features are ten times as long.
    let larger = of(values.iter().map(|value| value * 10.0).collect());
    near(larger.per_class[0].spread, 5.0);
    near(larger.per_class[0].cosine, 2.0 / 4.25_f64.sqrt());
    near(larger.davies_bouldin, geometry.davies_bouldin.unwrap());
    // One corner further out: less even.
    let uneven = of([&values[..8], &[3.0, 3.0, 2.0, 4.0]].concat()).balance.unwrap();
    assert!(uneven.cosine_std > 0.01 && uneven.norm_variation > 0.01, "{uneven:?}");
    // A class of one image has a centre and no spread; centres that coincide have no direction.
    let alone =
        Geometry::of(&rows(vec![0.0, 1.0, 5.0], 1), &[0, 0, 1], &counts, &shots, "features");
    let alone = alone.unwrap().per_class;
    assert_eq!((alone[1].spread, alone[1].margin, alone[1].nearest), (None, Some(4.5), Some(0)));
    let equal = Geometry::of(&rows(vec![1.0; 4], 1), &[0, 0, 1, 1], &counts, &shots, "features");
    assert_eq!(
        (equal.as_ref().unwrap().balance.clone(), equal.unwrap().davies_bouldin),
        (None, None)
    );
}

#[test]
fn priors_weigh_classes_and_correct_logits() {
    // 3 of class 0 right; of class 1 one of two, which the uniform prior mends; class 2 has no image.
    let logits = rows(
        [2.0, 0.0, -9.0]
            .repeat(3)
            .into_iter()
            .chain([1.0, 0.5, -9.0, 0.0, 1.0, -9.0])
            .collect::<Vec<f32>>(),
        3,
    );
    let labels = [0, 0, 0, 1, 1];
    let counts = [900, 90, 10];
    let priors = ShiftedPriors::of(&logits, &labels, &counts, &[900.0, 90.0, 10.0]).unwrap();
    let of = |prior, factor| {
        let is = |shift: &&Shift| (shift.prior, shift.factor) == (prior, factor);
        priors.shifts.iter().find(is).unwrap()
    };
    let near = |found: Option<f64>, expected: f64| {
        assert!((found.unwrap() - expected).abs() < 1e-11, "{found:?} is not {expected}");
    };
    assert_eq!(priors.shifts.len(), 9);
    assert_eq!(priors.model, [0.9, 0.09, 0.01]);
    near(of(Prior::Uniform, None).accuracy, 0.75);
    near(Some(of(Prior::Uniform, None).covered), 2.0 / 3.0);
    near(of(Prior::Training, None).accuracy, (0.9 + 0.09 / 2.0) / 0.99);
    // The training's prior is the model's: nothing is corrected.
    near(of(Prior::Training, None).corrected, (0.9 + 0.09 / 2.0) / 0.99);
    // 1/900, 1/90 of 1/900 + 1/90 + 1/10.
    near(of(Prior::Inverse, None).accuracy, (1.0 + 10.0 / 2.0) / 11.0);
    // Ranks 0, 1, 2 of factor 100: 1, 1/10, 1/100.
    near(of(Prior::Forward, Some(100.0)).accuracy, (1.0 + 0.1 / 2.0) / 1.1);
    near(of(Prior::Backward, Some(100.0)).accuracy, (0.01 + 0.1 / 2.0) / 0.11);
    // Uniform: log .9/.09 = 2.3 more for class 1 than for class 0: all are called 1.
    near(of(Prior::Uniform, None).corrected, 0.5);
    let balanced = ShiftedPriors::of(&logits, &labels, &counts, &[1.0; 3]).unwrap();
    near(balanced.shifts[0].corrected, 0.75);
    for wrong in [vec![1.0; 2], vec![1.0, 0.0, 1.0], vec![1.0, f64::NAN, 1.0]] {
        let refused = ShiftedPriors::of(&logits, &labels, &counts, &wrong);
        assert!(matches!(refused, Err(EvalError::Prior { .. })), "{wrong:?}");
    }
}

/// Outputs of `images` images that a counter makes, near one centre per class.
fn many(images: usize, classes: usize, width: usize) -> Outputs {
    let mut state = 1;
    let mut drawn =
        |count: usize| (0..count).map(|_| splitmix(&mut state) as f32).collect::<Vec<_>>();
    let labels: Vec<u32> = (0..images).map(|image| (image * 13 % classes) as u32).collect();
    let centres = drawn(classes * width);
    let mut features = drawn(images * width);
    for (row, &label) in features.chunks_exact_mut(width).zip(&labels) {
        let centre = &centres[label as usize * width..][..width];
        row.iter_mut().zip(centre).for_each(|(value, centre)| *value = *value / 4.0 + centre);
    }
    let logits = drawn(images * classes);
    Outputs {
        labels,
        logits: rows(logits, classes),
        features: rows(features, width),
        projections: None,
    }
}

#[test]
fn any_number_of_threads_gives_the_same_analysis() {
    let outputs = many(600, 70, 9);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let counts: Vec<usize> = (0..70).map(|class| 1 + 490 / (class + 1)).collect();
            Analysis::of(&outputs, &counts, &[1.0; 70], &EvalOptions::default()).unwrap()
        })
    };
    let one = on(1);
    assert_eq!(one, on(3));
    let json = serde_json::to_string(&one.1).unwrap();
    assert_eq!(serde_json::from_str::<Analysis>(&json).unwrap(), one.1);
    // The pairs of centres in panels give what one pair after the other does.
    let features =
        rows(outputs.features.values().iter().map(|v| f64::from(*v)).collect::<Vec<_>>(), 9);
    let plain = one_by_one(&features, &outputs.labels);
    let off = davies_bouldin(&features, &outputs.labels).unwrap().unwrap() / plain - 1.0;
    assert!(off.abs() < 1e-13, "{off:e}");
}

fn one_by_one(features: &Rows<f64>, labels: &[u32]) -> f64 {
    let classes = labels.iter().max().map_or(0, |most| most + 1);
    let of =
        |class| features.iter().zip(labels).filter(move |(_, l)| **l == class).map(|(row, _)| row);
    let distance =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let mean = |rows: Vec<f64>| rows.iter().sum::<f64>() / rows.len() as f64;
    let centre = |class| {
        (0..features.width()).map(|d| mean(of(class).map(|row| row[d]).collect())).collect()
    };
    let centres: Vec<Vec<f64>> = (0..classes).map(centre).collect();
    let spread =
        |class: u32| mean(of(class).map(|row| distance(row, &centres[class as usize])).collect());
    let spreads: Vec<f64> = (0..classes).map(spread).collect();
    let pairs = 0..classes as usize;
    let worst = |i: usize| {
        let ratio = |j: usize| (spreads[i] + spreads[j]) / distance(&centres[i], &centres[j]);
        pairs.clone().filter(|j| *j != i).map(ratio).fold(0.0, f64::max)
    };
    mean(pairs.clone().map(worst).collect())
}
