//! Evaluation figures against the fixtures of the reference and against plain counting.

use longtail::eval::{
    EvalError, EvalOptions, Evaluation, Group, HarmonicZero, ShotThresholds, argmax,
};
use proptest::prelude::*;

/// Labels and predictions in which class `c` gets `correct[c]` of `images[c]` right.
fn answers(correct: &[usize], images: &[usize]) -> (Vec<u32>, Vec<u32>) {
    let classes = correct.len();
    let mut pairs = Vec::new();
    for (class, (&correct, &images)) in correct.iter().zip(images).enumerate() {
        let wrong = ((class + 1) % classes) as u32;
        let predicted = |image| if image < correct { class as u32 } else { wrong };
        pairs.extend((0..images).map(|image| (class as u32, predicted(image))));
    }
    pairs.into_iter().unzip()
}

fn evaluate(
    correct: &[usize],
    images: &[usize],
    counts: &[usize],
    zero: HarmonicZero,
) -> Evaluation {
    let (labels, predictions) = answers(correct, images);
    let options = EvalOptions { harmonic_zero: zero, ..EvalOptions::default() };
    Evaluation::of(&labels, &predictions, counts, &options).unwrap()
}

#[test]
fn means_equal_the_fixtures() {
    // Accuracies .9, .5, .2 and 0.
    let of = |zero| evaluate(&[9, 5, 2, 0], &[10; 4], &[500, 100, 20, 19], zero);
    let strict = of(HarmonicZero::Strict);
    assert_eq!(strict.per_class, [Some(0.9), Some(0.5), Some(0.2), Some(0.0)]);
    assert_eq!((strict.arithmetic_mean, strict.top1), (0.4, 0.4));
    assert_eq!((strict.zero_classes, strict.worst_class, strict.count), (1, 0.0, 40));
    assert_eq!((strict.many, strict.medium, strict.few), (Some(0.9), Some(0.35), Some(0.0)));
    let cases = [
        (HarmonicZero::Strict, 0.0),
        (HarmonicZero::Floor, 0.003967816598699438),
        (HarmonicZero::Drop, 0.36986301369863017),
    ];
    for (zero, expected) in cases {
        let harmonic = of(zero).harmonic_mean;
        assert!((harmonic - expected).abs() < 1e-12, "{zero:?}: {harmonic}");
    }
}

#[test]
fn a_model_that_is_always_wrong_has_harmonic_mean_zero() {
    for zero in [HarmonicZero::Strict, HarmonicZero::Drop] {
        let wrong = evaluate(&[0, 0], &[3, 4], &[50, 50], zero);
        assert_eq!((wrong.harmonic_mean, wrong.zero_classes), (0.0, 2));
    }
}

#[test]
fn empty_groups_are_null_and_not_zero() {
    let heads = evaluate(&[1, 2], &[2, 2], &[5000, 2997], HarmonicZero::Strict);
    assert_eq!((heads.many, heads.medium, heads.few), (Some(0.75), None, None));
    let json = serde_json::to_value(&heads).unwrap();
    assert!(json["medium"].is_null() && json["few"].is_null());
}

#[test]
fn classes_without_an_image_are_left_out_of_everything() {
    let partial = evaluate(&[3, 0, 1], &[4, 0, 2], &[200, 50, 10], HarmonicZero::Strict);
    assert_eq!(partial.per_class, [Some(0.75), None, Some(0.5)]);
    assert_eq!((partial.arithmetic_mean, partial.harmonic_mean), (0.625, 0.6));
    assert_eq!((partial.zero_classes, partial.worst_class), (0, 0.5));
    assert_eq!(partial.medium, None);
    assert_eq!(partial.top1, (4.0_f64 / 6.0 * 1e12).round() / 1e12);
}

#[test]
fn groups_follow_the_literature_at_their_borders() {
    let shots = ShotThresholds::default();
    let groups = [101, 100, 20, 19, 0].map(|count| shots.group(count));
    use Group::{Few, Many, Medium};
    assert_eq!(groups, [Many, Medium, Medium, Few, Few]);
    let narrow = ShotThresholds::new(19, 20).unwrap();
    assert_eq!([20, 19].map(|count| narrow.group(count)), [Many, Few]);
}

#[test]
fn overlapping_thresholds_are_refused_wherever_they_come_from() {
    let overlap = EvalError::ShotThresholds { many_above: 10, few_below: 12 };
    assert_eq!(ShotThresholds::new(10, 12), Err(overlap));
    let json = r#"{"many_above": 10, "few_below": 12}"#;
    let error = serde_json::from_str::<ShotThresholds>(json).unwrap_err().to_string();
    assert!(error.contains("eval.shot_thresholds"), "{error}");
}

#[test]
fn options_are_written_as_the_recipe_names_them() {
    let json = r#"{"harmonic_zero": "floor", "harmonic_floor": 0.01,
                   "shot_thresholds": {"many_above": 50, "few_below": 10}}"#;
    let options: EvalOptions = serde_json::from_str(json).unwrap();
    assert_eq!((options.harmonic_zero, options.harmonic_floor), (HarmonicZero::Floor, 0.01));
    assert_eq!(options.shot_thresholds.group(51), Group::Many);
    assert_eq!(serde_json::to_value(HarmonicZero::Strict).unwrap(), "strict");
    assert!(serde_json::from_str::<EvalOptions>(r#"{"harmonic": "drop"}"#).is_err());
}

#[test]
fn floors_outside_of_zero_to_one_are_refused() {
    let check = |harmonic_zero, harmonic_floor| {
        EvalOptions { harmonic_zero, harmonic_floor, ..Default::default() }.check()
    };
    for floor in [0.0, -0.1, 1.5, f64::NAN, f64::INFINITY] {
        assert!(check(HarmonicZero::Floor, floor).is_err(), "{floor}");
    }
    for (zero, floor) in
        [(HarmonicZero::Floor, 1.0), (HarmonicZero::Floor, 1e-6), (HarmonicZero::Drop, 0.0)]
    {
        assert_eq!(check(zero, floor), Ok(()));
    }
}

#[test]
fn impossible_predictions_are_errors_that_name_the_image() {
    let of = |labels: &[u32], predictions: &[u32]| {
        Evaluation::of(labels, predictions, &[5, 5], &EvalOptions::default()).unwrap_err()
    };
    assert_eq!(of(&[], &[]), EvalError::Empty);
    assert_eq!(of(&[0], &[]), EvalError::Lengths { labels: 1, predictions: 0 });
    let unknown = EvalError::Class { image: 1, what: "prediction", class: 2, classes: 2 };
    assert_eq!(of(&[0, 1], &[0, 2]), unknown);
    assert!(of(&[7], &[0]).to_string().starts_with("image 0 has label 7"));
}

#[test]
fn argmax_prefers_the_lowest_index_and_never_nan() {
    let nan = f32::NAN;
    assert_eq!(argmax(&[1.0, 3.0, 3.0]), 1);
    assert_eq!(argmax(&[nan, -5.0, nan, -4.0]), 3);
    assert_eq!(argmax(&[f32::NEG_INFINITY, nan]), 0);
    assert_eq!(argmax(&[nan, f32::NEG_INFINITY]), 1);
    assert_eq!(argmax(&[nan, nan]), 0);
    assert_eq!(argmax(&[-0.0, 0.0]), 0);
    assert_eq!(argmax(&[]), 0);
}

proptest! {
    #[test]
    fn figures_agree_with_plain_counting_and_survive_json_exactly(
        counts in prop::collection::vec(0_usize..300, 1..12),
        images in prop::collection::vec((0_u32..12, 0_u32..12), 1..200),
    ) {
        let classes = counts.len() as u32;
        let (labels, predictions): (Vec<_>, Vec<_>) =
            images.iter().map(|&(label, prediction)| (label % classes, prediction % classes)).unzip();
        let figures =
            Evaluation::of(&labels, &predictions, &counts, &EvalOptions::default()).unwrap();

        let pairs = || labels.iter().zip(&predictions);
        let share = |hits: usize, all: usize| hits as f64 / all as f64;
        let hits = pairs().filter(|(label, prediction)| label == prediction).count();
        prop_assert!((figures.top1 - share(hits, labels.len())).abs() < 1e-12);
        let mut known = Vec::new();
        for (class, accuracy) in figures.per_class.iter().enumerate() {
            let own: Vec<_> = pairs().filter(|(label, _)| **label == class as u32).collect();
            let hits = own.iter().filter(|(label, prediction)| label == prediction).count();
            prop_assert_eq!(accuracy.is_some(), !own.is_empty());
            if let Some(accuracy) = accuracy {
                prop_assert!((accuracy - share(hits, own.len())).abs() < 1e-12);
                known.push((*accuracy, counts[class]));
            }
        }
        let mean = |of: &[f64]| (!of.is_empty()).then(|| of.iter().sum::<f64>() / of.len() as f64);
        let among = |range: std::ops::RangeInclusive<usize>| {
            let of: Vec<_> =
                known.iter().filter(|(_, count)| range.contains(count)).map(|(a, _)| *a).collect();
            mean(&of)
        };
        let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-11,
            (a, b) => a.is_none() && b.is_none(),
        };
        prop_assert!(close(Some(figures.arithmetic_mean), among(0..=usize::MAX)));
        prop_assert!(close(figures.many, among(101..=usize::MAX)));
        prop_assert!(close(figures.medium, among(20..=100)));
        prop_assert!(close(figures.few, among(0..=19)));
        prop_assert!(figures.harmonic_mean <= figures.arithmetic_mean + 1e-11);
        prop_assert_eq!(figures.zero_classes > 0, figures.worst_class == 0.0);

        let json = serde_json::to_string(&figures).unwrap();
        prop_assert_eq!(serde_json::from_str::<Evaluation>(&json).unwrap(), figures);
    }
}
