//! Made-up runs of any size. Their figures mean nothing; they only have to be shown.

use longtail::{
    eval::{EvalOptions, Evaluation, ShotThresholds},
    report::{Best, ClassInfo, EpochRecord, Outcome, Summary},
};

pub const NASTY: &str = "<b>&\"x'\u{1b}[31m";

/// Predictions of which fewer are right towards the tail and more with `skill` in 0..=10.
pub fn evaluation(counts: &[usize], per_class: usize, skill: usize) -> Evaluation {
    let classes = counts.len();
    let (mut labels, mut predictions) = (Vec::new(), Vec::new());
    for class in 0..classes {
        let right = per_class * (skill * (2 * classes - class) + class * 31 % 7) / (24 * classes);
        for image in 0..per_class {
            labels.push(class as u32);
            predictions.push(if image < right { class } else { (class + 1) % classes } as u32);
        }
    }
    Evaluation::of(&labels, &predictions, counts, &EvalOptions::default()).unwrap()
}

/// Counts that fall by the factor 100 from the first class to the last.
pub fn counts(classes: usize, most: usize) -> Vec<usize> {
    let tail = |class| 0.01_f64.powf(class as f64 / (classes - 1) as f64);
    (0..classes).map(|class| (most as f64 * tail(class)) as usize).collect()
}

pub fn summary(classes: usize, epochs: usize, validated: bool) -> Summary {
    let counts = counts(classes, if classes > 20 { 500 } else { 5000 });
    let name = |class: usize| match class {
        1 => NASTY.to_owned(),
        3 => "a class with quite a long name, as folders have them".to_owned(),
        _ => format!("class {class}"),
    };
    let names: Vec<_> = (0..classes).map(name).collect();
    let outcome = |skill| Outcome {
        test: Some(evaluation(&counts, 100, skill)),
        val: validated.then(|| evaluation(&counts, 20, skill)),
    };
    Summary {
        last: outcome(8),
        best: validated.then(|| Best { epoch: epochs / 2, outcome: outcome(9) }),
        epochs,
        steps: 97 * epochs as u64,
        seed: 3,
        split_hash: "9f2c".repeat(16),
        data: "cifar10-lt".into(),
        method: "bcl+rcl".into(),
        classes: ClassInfo::list(&names, &counts, &ShotThresholds::default()),
        seconds: 4321.5,
        waited: 12.25,
        images_per_second: 57.25,
        longtail_version: "0.1.0".into(),
        compression: validated.then(|| vec![names[classes - 1].clone()]),
    }
}

pub fn records(summary: &Summary) -> Vec<EpochRecord> {
    let counts: Vec<_> = summary.classes.iter().map(|class| class.train_count).collect();
    let switch = summary.epochs / 2;
    let record = |epoch: usize| {
        let progress = epoch as f64 / summary.epochs as f64;
        let (ce, contrastive) = (2.3 - 1.5 * progress, 4.9 - progress * progress);
        let skill = 3 + 6 * epoch / summary.epochs;
        let note = (epoch == switch && summary.epochs > 1)
            .then(|| format!("compression on for {}", summary.classes[1].name));
        EpochRecord {
            epoch,
            step: 97 * (epoch as u64 + 1),
            lr: if progress < 0.8 {
                0.1
            } else if progress < 0.9 {
                0.01
            } else {
                0.001
            },
            loss: 2.0 * ce + contrastive,
            loss_ce: ce,
            loss_contrastive: Some(contrastive),
            train_accuracy: Some(0.2 + 0.6 * progress),
            images_per_second: 57.25,
            seconds: 216.0,
            waited: 0.5,
            val: summary.last.val.as_ref().map(|_| evaluation(&counts, 20, skill)),
            note,
        }
    };
    (0..summary.epochs).map(record).collect()
}
