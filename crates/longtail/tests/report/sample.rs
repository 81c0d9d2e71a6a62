//! Made-up runs of any size. Their figures mean nothing; they only have to be shown.

use longtail::{
    eval::{Analysis, EvalOptions, Evaluation, Outputs, Rows, ShotThresholds},
    report::{
        AnalysedSet, Analyses, Best, ClassInfo, EpochRecord, Gallery, Outcome, Picture, RareClass,
        Summary, Tested,
    },
};

pub const NASTY: &str = "<b>&\"x'\u{1b}[31m";

/// Predictions of which fewer are right towards the tail and more with `skill` in 0..=10.
pub fn evaluation(counts: &[usize], per_class: usize, skill: usize) -> Evaluation {
    let classes = counts.len();
    let right =
        |class| per_class * (skill * (2 * classes - class) + class * 31 % 7) / (24 * classes);
    evaluation_of(&(0..classes).map(|class| (right(class), per_class)).collect::<Vec<_>>(), counts)
}

/// Predictions of which the given numbers are right, of the given numbers of images.
pub fn evaluation_of(correct_of: &[(usize, usize)], counts: &[usize]) -> Evaluation {
    let (mut labels, mut predictions) = (Vec::new(), Vec::new());
    for (class, &(right, images)) in correct_of.iter().enumerate() {
        for image in 0..images {
            labels.push(class as u32);
            let wrong = (class + 1) % counts.len();
            predictions.push(if image < right { class } else { wrong } as u32);
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
    let best = validated.then(|| Best { epoch: epochs / 2, outcome: outcome(9) });
    let compression = validated.then(|| vec![names[classes - 1].clone()]);
    Summary { compression, ..of(&names, &counts, epochs, outcome(8), best) }
}

/// A run on the given classes that came to the given figures.
pub fn of(
    names: &[String],
    counts: &[usize],
    epochs: usize,
    last: Outcome,
    best: Option<Best>,
) -> Summary {
    let shots = ShotThresholds::default();
    Summary {
        last,
        best,
        epochs,
        planned_epochs: None,
        hardware: None,
        steps: 97 * epochs as u64,
        seed: 3,
        split_hash: "9f2c".repeat(16),
        data: "cifar10-lt".into(),
        method: "bcl+rcl".into(),
        classes: ClassInfo::list(names, counts, &shots),
        seconds: 4321.5,
        waited: 12.25,
        images_per_second: 57.25,
        longtail_version: "0.1.0".into(),
        commit: Some("0123456789ab".into()),
        precision: Some("f32".into()),
        compression: None,
        loss: Some(3.5),
        loss_parts: [("classifier", 0.8), ("contrastive", 1.9)].into_iter().collect(),
        backbone: Some("resnet32".into()),
        finished: Some("2026-03-01T17:05:09Z".into()),
        shot_thresholds: Some(shots),
        warnings: Vec::new(),
        notes: Vec::new(),
        left_out: None,
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
            loss_parts: [("classifier", ce), ("contrastive", contrastive)].into_iter().collect(),
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

/// A name of more than 60 characters, one of one long word, and ones from right to left and without
/// spaces.
pub const LONG: [&str; 4] = [
    "Ardea herodias (great blue heron), juvenile plumage, seen from behind at dusk",
    "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch_(railway_station)",
    "חתול בית אירופאי קצר שיער",
    "日本猫の写真集第三巻",
];

/// Photos in few classes, of which `correct_of` were right in the test set.
pub fn photos(names: &[&str], counts: &[usize], correct_of: &[(usize, usize)]) -> Summary {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let test = Some(evaluation_of(correct_of, counts));
    let mut summary = of(&names, counts, 12, Outcome { test, val: None }, None);
    summary.data = "/home/someone/pictures/photos/".into();
    summary
}

const ANIMALS: [&str; 8] =
    ["badger", "deer", "fox", "golden jackal", "lynx", "marten", "otter", "wolf"];

/// Too long to stand slanted under a bar, short enough to stand upright.
const UPRIGHT: [&str; 4] =
    ["golden retriever", "Felis silvestris", "חתול בית אירופאי", "日本猫の写真集第三巻 a"];

/// Runs that a page has to be readable of, by name.
pub fn situations() -> Vec<(&'static str, Summary)> {
    let mut long = photos(&LONG, &[40, 31, 12, 3], &[(8, 10), (5, 10), (1, 3), (1, 1)]);
    long.notes = vec![
        "65 of 110 images were held out: 24 test and none validate.".into(),
        format!("2 files were left out: {}.heic and 1 more.", LONG[1]),
    ];
    let mut many = summary(100, 20, true);
    for (class, label) in many.classes.iter_mut().zip(0..) {
        if label % 9 == 4 {
            class.name = LONG[label / 9 % 4].into();
        }
    }
    let counts = [200, 90, 60, 30, 12, 8, 6, 5];
    let mut dead = photos(&ANIMALS, &counts, &[0, 0, 0, 0, 12, 0, 0, 0].map(|right| (right, 12)));
    dead.warnings = vec![
        "the run did not learn: 97% of test images are called \"lynx\"; lower train.lr or raise the \
         number of steps".into(),
        "the loss rose over the warm-up".into(),
    ];
    let mut untested = summary(10, 20, true);
    untested.last.test = None;
    if let Some(best) = &mut untested.best {
        best.outcome.test = None;
    }
    untested.notes = vec!["test/ holds no image of a class: there are no test figures".into()];
    let mut bare = summary(10, 1, false);
    bare.last = Outcome::default();
    let one_of_two = photos(&["cat", "wolf"], &[40, 1], &[(1, 1), (0, 0)]);
    let rarest = photos(
        &ANIMALS,
        &counts,
        &[(40, 50), (20, 22), (9, 15), (4, 7), (2, 3), (1, 1), (0, 1), (0, 0)],
    );
    let upright = photos(&UPRIGHT, &[40, 31, 12, 3], &[(8, 10), (5, 10), (1, 3), (1, 1)]);
    vec![
        ("long-names", long),
        ("upright-names", upright),
        ("hundred", summary(100, 200, true)),
        ("hundred-long-names", many),
        ("ten", summary(10, 20, true)),
        ("dead", dead),
        ("no-test-set", untested),
        ("nothing-evaluated", bare),
        ("one-of-two", one_of_two),
        ("rarest", rarest),
        ("earlier-version", earlier(summary(10, 20, true))),
    ]
}

/// As a version would have written it that counted no images per class.
pub fn earlier(mut summary: Summary) -> Summary {
    let best = summary.best.as_mut().map(|best| &mut best.outcome);
    for outcome in [Some(&mut summary.last), best].into_iter().flatten() {
        for figures in [&mut outcome.test, &mut outcome.val].into_iter().flatten() {
            figures.per_class_images.clear();
            figures.per_class_correct.clear();
            figures.interval = None;
        }
    }
    Summary { backbone: None, finished: None, shot_thresholds: None, ..summary }
}

/// What a model is like that is right for most images of the head and fewer of the tail, on `images` images.
pub fn analyses(summary: &Summary, images: usize) -> Analyses {
    let classes = summary.classes.len();
    let counts: Vec<_> = summary.classes.iter().map(|class| class.train_count).collect();
    let labels: Vec<u32> = (0..images).map(|image| (image % classes) as u32).collect();
    let (mut logits, mut features) = (Vec::with_capacity(images * classes), Vec::new());
    for (image, &label) in labels.iter().enumerate() {
        let turn = image / classes;
        let is_right = turn * classes % 13 > 2 + 6 * label as usize / classes;
        let answer =
            if is_right { label as usize } else { (label as usize + 1 + turn % 3) % classes };
        logits.extend(
            (0..classes).map(|class| if class == answer { 4.0 + turn as f32 / 9.0 } else { 0.0 }),
        );
        let angle = answer as f32 * std::f32::consts::TAU / classes as f32
            + (image * 37 % 11) as f32 / 90.0;
        features.extend([angle.cos(), angle.sin(), (image * 7 % 5) as f32 / 50.0]);
    }
    let features = Rows::new(features, 3).unwrap();
    let outputs = Outputs {
        labels,
        logits: Rows::new(logits, classes).unwrap(),
        projections: Some(features.clone()),
        features,
    };
    let prior = vec![1.0; classes];
    let options = EvalOptions::default();
    let (_, last) = Analysis::of(&outputs, &counts, &prior, &options).unwrap();
    let split_hash = summary.split_hash.clone();
    Analyses { set: AnalysedSet::Test, split_hash, last, best: None }
}

/// Pictures of one colour, of the rarest classes and the worst confusions.
pub fn gallery(summary: &Summary, analyses: &Analyses) -> Gallery {
    let picture = |shade: usize| {
        let mut png = std::io::Cursor::new(Vec::new());
        let colour = image::Rgb([shade as u8 * 29, 90, 160]);
        image::RgbImage::from_pixel(32, 32, colour)
            .write_to(&mut png, image::ImageFormat::Png)
            .unwrap();
        Picture { size: [32, 32], png: png.into_inner() }
    };
    let classes = summary.classes.len();
    let rarest = (classes.saturating_sub(3)..classes).rev().map(|label| RareClass {
        label: label as u32,
        train: (0..3).map(picture).collect(),
        tested: (0..4)
            .map(|image| Tested {
                picture: picture(image),
                called: (label * image % classes) as u32,
            })
            .collect(),
    });
    let confused = analyses.last.worst_confusions.iter().take(10);
    let confused = confused.map(|pair| (0..pair.images.len()).map(picture).collect());
    Gallery { rarest: rarest.collect(), confused: confused.collect() }
}
