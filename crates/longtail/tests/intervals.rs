//! How far figures may be off, against statsmodels and against the binomial distribution, and the
//! images that stand beside every figure.

use longtail::eval::{EvalOptions, Evaluation, mean_margin, wilson_interval};
use serde_json::{Value, json};

/// Class `c` gets `correct` of `images` right, as `classes[c]` says.
fn evaluate(classes: &[(usize, usize)], train_counts: &[usize]) -> Evaluation {
    let (mut labels, mut predictions) = (Vec::new(), Vec::new());
    for (class, &(correct, images)) in classes.iter().enumerate() {
        let wrong = (class + 1) % classes.len();
        labels.extend(vec![class as u32; images]);
        predictions.extend(vec![class as u32; correct]);
        predictions.extend(vec![wrong as u32; images - correct]);
    }
    Evaluation::of(&labels, &predictions, train_counts, &EvalOptions::default()).unwrap()
}

#[test]
fn intervals_of_a_class_are_those_of_statsmodels() {
    // statsmodels 0.15.0: proportion_confint(correct, images, alpha=0.05, method="wilson").
    let expected = [
        ((0, 1), [0.0, 0.7934506856227627]),
        ((1, 1), [0.2065493143772374, 1.0]),
        ((0, 10), [0.0, 0.27753279986288926]),
        ((10, 10), [0.7224672001371106, 1.0]),
        ((1, 2), [0.09453120573423068, 0.9054687942657693]),
        ((3, 9), [0.1205838183869109, 0.6457978644196039]),
        ((5, 10), [0.23659309051256394, 0.7634069094874361]),
        ((62, 100), [0.5220975529551107, 0.7090240074752127]),
        ((9321, 10000), [0.9270014653820328, 0.9368666832260285]),
        ((50, 50000), [0.0007586635624695671, 0.0013180060651271433]),
    ];
    for ((correct, images), bounds) in expected {
        let made = wilson_interval(correct, images).unwrap();
        for (made, bound) in made.into_iter().zip(bounds) {
            assert!((made - bound).abs() < 1e-14, "{correct} of {images}: {made} is not {bound}");
        }
    }
    assert_eq!(wilson_interval(0, 0), None);
}

/// Every outcome of classes with the given images and accuracies, with its probability.
fn outcomes(classes: &[(usize, f64)]) -> Vec<(Vec<(usize, usize)>, f64)> {
    let mut all = vec![(Vec::new(), 1.0)];
    for &(images, accuracy) in classes {
        let mut more = Vec::new();
        for (outcome, probability) in &all {
            let mut ways = 1.0;
            for correct in 0..=images {
                let right = accuracy.powi(correct as i32);
                let wrong = (1.0 - accuracy).powi((images - correct) as i32);
                let outcome = [outcome.as_slice(), &[(correct, images)]].concat();
                more.push((outcome, probability * ways * right * wrong));
                ways *= (images - correct) as f64 / (correct + 1) as f64;
            }
        }
        all = more;
    }
    all
}

#[test]
fn the_margin_of_a_mean_holds_the_true_mean_nearly_as_often_as_it_says() {
    let ones = |accuracy| vec![(1, accuracy); 10];
    let settings = [
        vec![(1, 0.5), (4, 0.8)],
        vec![(10, 0.8), (10, 0.5)],
        vec![(5, 0.3), (5, 0.6), (5, 0.9)],
        vec![(20, 0.9), (8, 0.6), (3, 0.4), (1, 0.2)],
        vec![(20, 0.97), (8, 0.97), (3, 0.97), (1, 0.97)],
        vec![(20, 0.03), (8, 0.03), (3, 0.03), (1, 0.03)],
        vec![(300, 0.7)],
        ones(0.5),
        ones(0.8),
        ones(0.95),
    ];
    for classes in settings {
        let truth =
            classes.iter().map(|(_, accuracy)| accuracy).sum::<f64>() / classes.len() as f64;
        let held = outcomes(&classes).into_iter().filter(|(outcome, _)| {
            let shares = outcome.iter().map(|&(correct, images)| correct as f64 / images as f64);
            let mean = shares.sum::<f64>() / outcome.len() as f64;
            (mean - truth).abs() <= mean_margin(outcome.iter().copied()).unwrap() + 1e-12
        });
        let covered: f64 = held.map(|(_, probability)| probability).sum();
        assert!(covered > 0.93, "{classes:?}: {covered}");
    }
}

#[test]
fn with_many_images_the_margin_is_the_normal_approximation_s() {
    // 1.959964 · √(.7 · .3 / 100000 + .2 · .8 / 100000) / 2
    let margin = mean_margin([(70_000, 100_000), (20_000, 100_000)]).unwrap();
    assert!((margin - 0.001_885_0).abs() < 1e-6, "{margin}");
    assert_eq!(mean_margin([(0, 0)]), None);
    assert_eq!(mean_margin([(1, 2), (0, 0)]), mean_margin([(1, 2)]));
}

#[test]
fn images_stand_beside_every_figure() {
    let figures = evaluate(&[(9, 10), (1, 1), (0, 0), (0, 2)], &[200, 50, 10, 5]);
    let json = serde_json::to_value(&figures).unwrap();
    assert_eq!(json["per_class"], json!([0.9, 1.0, null, 0.0]));
    assert_eq!(json["per_class_images"], json!([10, 1, 0, 2]));
    assert_eq!(json["per_class_correct"], json!([9, 1, 0, 0]));
    assert_eq!((&json["classes_tested"], &json["zero_classes"]), (&json!(3), &json!(1)));
    let interval = &json["interval"];
    assert_eq!(interval["per_class"][1], json!([0.206549, 1.0]));
    assert_eq!(interval["per_class"][2], Value::Null);
    // 10 of 13, by statsmodels as above.
    assert_eq!(interval["top1"], json!([0.497436, 0.918205]));
    let low = interval["arithmetic_mean"][0].as_f64().unwrap();
    assert!((low - (1.9 / 3.0 - figures.margin().unwrap())).abs() < 1e-6, "{low}");
    assert_eq!(interval["arithmetic_mean"][1], 1.0, "it ends at 1");
    assert_eq!(interval["many"].as_array().unwrap().len(), 2);
}

#[test]
fn a_mean_over_one_of_two_classes_says_so() {
    let figures = evaluate(&[(3, 3), (0, 0)], &[40, 2]);
    assert_eq!((figures.harmonic_mean, figures.worst_class), (1.0, 1.0));
    assert_eq!((figures.classes_tested, figures.per_class.len()), (1, 2));
    assert_eq!((figures.medium, figures.few), (Some(1.0), None));
    assert_eq!(figures.interval.unwrap().few, None);
}

/// What versions wrote that counted no images per class.
const EARLIER: &str = r#"{"top1":0.75,"arithmetic_mean":0.625,"harmonic_mean":0.6,"zero_classes":0,
    "worst_class":0.5,"many":0.75,"medium":null,"few":0.5,"per_class":[0.75,null,0.5],"count":6}"#;

#[test]
fn figures_of_earlier_versions_are_read_with_what_they_have() {
    let figures: Evaluation = serde_json::from_str(EARLIER).unwrap();
    assert_eq!((figures.classes_tested, figures.count), (2, 6));
    assert_eq!((figures.margin(), &figures.interval), (None, &None));
    assert_eq!(figures.counts().count(), 0);
    let mut json: Value = serde_json::to_value(&figures).unwrap();
    json.as_object_mut().unwrap().remove("classes_tested");
    assert_eq!(json, serde_json::from_str::<Value>(EARLIER).unwrap());
}

#[test]
fn lists_that_do_not_belong_to_the_classes_are_refused() {
    let json = EARLIER.replace("\"count\":6", "\"count\":6,\"per_class_images\":[4,2]");
    let error = serde_json::from_str::<Evaluation>(&json).unwrap_err().to_string();
    assert!(error.contains("3 classes have 2 numbers of images and 0 of correct ones"), "{error}");
}
