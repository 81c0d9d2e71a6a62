use super::*;
use crate::eval::{EvalOptions, Evaluation, Scores, ShotThresholds};
use crate::report::Outcome;

const NASTY: &str = "<b>&\"=1|[x]\u{202e}*";
const COUNTS: [usize; 3] = [500, 50, 5];
/// Test images of each class.
const IMAGES: usize = 40;

/// A run that has, by image and seed, about `skill` percent of the images right.
fn run(name: &str, method: &str, seed: u64, skill: u64) -> Run {
    let labels: Vec<u32> = (0..3 * IMAGES as u32).map(|image| image % 3).collect();
    let is_right = |image: u64| (image * 37 + seed * 11) % 100 < skill;
    let said = |(image, &label): (usize, &u32)| {
        if is_right(image as u64) { label } else { (label + 1) % 3 }
    };
    let predicted: Vec<u32> = labels.iter().enumerate().map(said).collect();
    of(name, method, seed, &labels, &predicted, &["head", NASTY, "אב"])
}

fn of(
    name: &str,
    method: &str,
    seed: u64,
    labels: &[u32],
    predicted: &[u32],
    names: &[&str],
) -> Run {
    let counts = &COUNTS[..names.len()];
    let mut figures = Evaluation::of(labels, predicted, counts, &EvalOptions::default()).unwrap();
    figures.scores = Scores {
        geometric_mean: Some(0.25),
        macro_f1: Some(0.5),
        top5: Some(0.75),
        ece: Some(0.0456),
        calinski_harabasz: Some(1537.68),
        davies_bouldin: Some(1.2345),
        ..Scores::default()
    };
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let json = r#"{"last":{"test":null,"val":null},"best":null,"epochs":30,"steps":900,"seed":0,
        "split_hash":"0123456789abcdef","data":"photos","method":"","classes":[],"seconds":60.0,
        "images_per_second":500.0,"longtail_version":"0.1.0","compression":null}"#;
    let summary: Summary = serde_json::from_str(json).unwrap();
    let rows = labels.iter().zip(predicted).enumerate();
    let rows: String =
        rows.map(|(i, (label, last))| format!("{i},{i}.png,{label},{last},\n")).collect();
    let recipe = [("train.epochs", "30"), ("data.imbalance", "100.0"), ("optimizer.lr", "0.1")];
    let method_key = ("method.name".to_owned(), format!("\"{method}\""));
    let recipe = recipe.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter();
    Run {
        name: name.into(),
        summary: Summary {
            last: Outcome { test: Some(figures), val: None },
            seed,
            method: method.into(),
            classes: ClassInfo::list(&names, counts, &ShotThresholds::default()),
            ..summary
        },
        recipe: recipe.chain([method_key]).collect(),
        predictions: Predictions::parse(format!("index,path,label,last,best\n{rows}").as_bytes()),
        notes: Vec::new(),
    }
}

fn set(run: Run, key: &str, value: &str) -> Run {
    let mut run = run;
    run.recipe.insert(key.into(), value.into());
    run
}

fn compare(runs: &[Run]) -> Comparison {
    Comparison::of(runs, &quick(None)).unwrap()
}

fn quick(baseline: Option<&str>) -> CompareOptions {
    let bootstrap = Bootstrap { draws: 400, seed: 0 };
    CompareOptions { baseline: baseline.map(Into::into), bootstrap, ..CompareOptions::default() }
}

fn refusal(runs: &[Run], baseline: Option<&str>) -> String {
    Comparison::of(runs, &quick(baseline)).unwrap_err().to_string()
}

/// Five seeds of each of two methods.
fn ten() -> Vec<Run> {
    let of = |method: &str, skill| {
        let run = |seed| run(&format!("{method}-{seed}"), method, seed, skill);
        (0..5).map(run).collect::<Vec<_>>()
    };
    [of("la", 50), of("rcl", 80)].concat()
}

#[test]
fn runs_that_differ_in_their_seed_alone_are_one_row() {
    let runs = ten();
    let comparison = compare(&runs);
    let [la, rcl] = &comparison.rows[..] else { panic!() };
    assert_eq!((la.name.as_str(), la.runs.len(), rcl.name.as_str()), ("la", 5, "rcl"));
    let values: Vec<f64> =
        runs[..5].iter().filter_map(|run| Some(run.summary.last.test.as_ref()?.top1)).collect();
    assert_eq!(la.figures["top1"], Spread::of(&values).unwrap());
    assert_eq!((rcl.verdict, rcl.doubts.len()), (Verdict::Better, 0), "{}", rcl.sentence);
    let against = rcl.against.as_ref().unwrap();
    let [low, high] = against.interval.unwrap();
    assert!(low < against.difference && against.difference < high && low > 0.0);
    assert_eq!(against.classes.len(), 3);
    // The other way round.
    let turned = Comparison::of(&runs, &quick(Some("rcl"))).unwrap();
    assert_eq!((turned.baseline, turned.rows[0].verdict), (1, Verdict::Worse));
    assert_eq!(turned.rows[1].verdict, Verdict::Baseline);
}

#[test]
fn few_seeds_and_lacking_predictions_decide_nothing() {
    let mut runs = ten();
    runs.truncate(9);
    let rcl = &compare(&runs).rows[1];
    assert_eq!(
        (rcl.verdict, &rcl.doubts[..]),
        (Verdict::Undecided, &[Doubt::FewSeeds { own: 4, base: 5 }][..])
    );
    let mut runs = ten();
    runs[7].predictions = Err("it has no predictions.csv".into());
    let comparison = compare(&runs);
    let rcl = &comparison.rows[1];
    assert_eq!(rcl.doubts, [Doubt::NoPredictions("rcl-2".into())]);
    assert_eq!((rcl.verdict, rcl.against.as_ref().unwrap().interval), (Verdict::Undecided, None));
    let [note] = &comparison.notes[..] else { panic!("{:?}", comparison.notes) };
    assert!(
        note.starts_with("rcl-2: it has no predictions.csv") && note.contains("longtail evaluate")
    );
}

#[test]
fn images_are_paired_by_index_and_their_labels_have_to_agree() {
    let doubt = |csv: &str| {
        let [labels, said] = [[0, 1, 2], [0, 1, 1]];
        let [la, mut rcl] =
            ["la", "rcl"].map(|method| of(method, method, 0, &labels, &said, &["a", "b", "c"]));
        rcl.predictions = Predictions::parse(format!("index,path,label,last\n{csv}").as_bytes());
        compare(&[la, rcl]).rows[1].doubts[0].to_string()
    };
    assert_eq!(doubt("2,,2,1\n1,,1,1\n0,,0,0\n"), "the interval holds 0");
    let text = doubt("0,,1,1\n1,,0,0\n2,,2,1\n");
    assert!(text.contains("image 0 is of class 1 in rcl and of class 0 in la"), "{text}");
    let text = doubt("0,,0,0\n1,,1,1\n5,,2,1\n");
    assert!(text.contains("rcl has no image 2"), "{text}");
    let text = doubt("0,,0,0\n");
    assert!(text.contains("not known what rcl says"), "not those of its summary: {text}");
}

#[test]
fn other_terms_are_refused_and_said_where_they_are_allowed() {
    let mut runs = ten();
    runs[9].summary.split_hash = "another".into();
    runs[9].recipe.insert("data.imbalance".into(), "50.0".into());
    for run in &mut runs[5..] {
        run.recipe.insert("train.epochs".into(), "20".into());
    }
    let text = refusal(&runs, None);
    for said in [
        "the split is 0123456789ab (la-0, la-1, la-2 and 6 more) and another (rcl-4)",
        "data.imbalance is 100.0 (",
        "train.epochs is 30 (la-0, la-1, la-2 and 2 more) and 20 (rcl-0, rcl-1, rcl-2 and 2 more)",
        "--across-splits",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let allowed = CompareOptions { across_splits: true, ..quick(None) };
    let comparison = Comparison::of(&runs, &allowed).unwrap();
    assert_eq!((comparison.rows.len(), comparison.across.len()), (3, 3));
    let sentence = &comparison.rows[1].sentence;
    assert!(
        sentence.ends_with("not by the method alone, for this differs too: train.epochs"),
        "{sentence}"
    );
    for text in [table(&comparison), markdown(&comparison), latex(&comparison)] {
        assert!(text.contains("not made on the same terms"), "{text}");
    }
    assert!(csv(&comparison).unwrap().contains("train.epochs is 30"));
}

#[test]
fn images_without_a_name_in_the_recipe_are_called_as_people_call_them() {
    let mut runs = ten();
    for run in &mut runs {
        run.recipe.insert("data.name".into(), "\"\"".into());
    }
    let built_in = &mut runs[9];
    built_in.recipe.insert("data.name".into(), "\"synthetic\"".into());
    (built_in.summary.data, built_in.summary.split_hash) = ("synthetic".into(), "another".into());
    let text = refusal(&runs, None);
    assert!(text.contains("data.name is \"photos\" (la-0"), "{text}");
    assert!(text.contains("and \"synthetic\" (rcl-4)") && !text.contains("\"\""), "{text}");
    let allowed = CompareOptions { across_splits: true, ..quick(None) };
    let comparison = Comparison::of(&runs, &allowed).unwrap();
    let shown: Vec<_> = comparison.rows[2].settings.iter().map(Setting::shown).collect();
    assert!(shown.contains(&"data.name \"synthetic\", not \"photos\"".into()), "{shown:?}");
    assert_eq!(comparison.rows[1].name, "rcl (name photos)");
}

#[test]
fn other_classes_are_compared_by_balanced_figures_alone() {
    let other = of("b", "rcl", 0, &[0, 1], &[0, 0], &["head", "new"]);
    let runs = [run("a", "la", 0, 50), other];
    let text = refusal(&runs, None);
    let said = "the list of classes is 3 classes (a) and 2 classes without <b>&\"=1|[x]\u{fffd}*, אב with new (b)";
    assert!(text.contains(said), "{text}");
    let options = CompareOptions { across_splits: true, ..quick(None) };
    let comparison = Comparison::of(&runs, &options).unwrap();
    let keys: Vec<_> = comparison.figures.iter().map(|figure| figure.key).collect();
    assert_eq!(keys, ["arithmetic_mean", "harmonic_mean"]);
    assert!(comparison.classes.is_empty() && comparison.rows[1].classes.is_empty());
    assert!(comparison.rows[1].against.as_ref().unwrap().classes.is_empty());
    assert_eq!(comparison.rows[1].doubts[0], Doubt::OtherClasses);
    let shuffled = of("b", "rcl", 0, &[0, 1, 2], &[0, 0, 0], &[NASTY, "head", "אב"]);
    let text = refusal(&[run("a", "la", 0, 50), shuffled], None);
    assert!(text.contains("3 classes in another order (b)"), "{text}");
}

#[test]
fn rows_of_one_method_are_called_by_what_tells_them_apart() {
    let rows =
        |runs: &[Run]| compare(runs).rows.into_iter().map(|row| row.name).collect::<Vec<_>>();
    let (a, b) = (run("a", "la", 0, 50), run("b", "la", 0, 60));
    let lr = set(b.clone(), "optimizer.lr", "0.2");
    assert_eq!(rows(&[a.clone(), lr.clone()]), ["la (lr 0.1)", "la (lr 0.2)"]);
    let many = set(set(lr.clone(), "loss.tau", "1.0"), "loss.beta", "\"x\"");
    assert_eq!(rows(&[a.clone(), many]), ["la (a)", "la (b)"]);
    let comparison = compare(&[a.clone(), lr.clone()]);
    let text = table(&comparison);
    assert!(text.contains("other settings: optimizer.lr 0.2, not 0.1"), "{text}");
    let text = refusal(&[a.clone(), lr], Some("la"));
    assert!(text.contains("ambiguous") && text.contains("la (lr 0.1), la (lr 0.2)"), "{text}");
    let text = refusal(&[a.clone(), b], None);
    assert!(text.contains("a and b are runs of one recipe with the same seed (0)"), "{text}");
    let text = refusal(std::slice::from_ref(&a), Some("rcl"));
    assert!(text.contains("--baseline rcl is no run or method") && text.contains("la"), "{text}");
    let best = CompareOptions { weights: Weights::Best, ..quick(None) };
    let text = Comparison::of(&[a], &best).unwrap_err().to_string();
    assert!(text.contains("no epoch was chosen") && text.contains("--weights last"), "{text}");
    assert!(matches!(Comparison::of(&[], &best), Err(CompareError::Nothing)));
}

#[test]
fn classes_without_images_have_no_accuracy_anywhere() {
    let of = |name: &str, said: &[u32]| of(name, name, 0, &[0, 0, 2], said, &["a", "b", "c"]);
    let comparison = compare(&[of("la", &[0, 1, 2]), of("rcl", &[0, 0, 2])]);
    assert_eq!(comparison.rows[1].classes, [Some(1.0), None, Some(1.0)]);
    assert_eq!(comparison.rows[1].against.as_ref().unwrap().classes, [Some(0.5), None, Some(0.0)]);
    let notes = comparison.notes.join("\n");
    assert!(notes.contains("over 2 of 3 classes: the test set has no image of b"), "{notes}");
    assert!(notes.contains("1 class has one image"), "{notes}");
    let json = serde_json::to_value(&comparison).unwrap();
    assert_eq!(json["rows"][1]["classes"][1], serde_json::Value::Null);
}

#[test]
fn the_table_fits_a_terminal_and_holds_every_figure() {
    let mut runs = ten();
    runs.push(run("a/very/long/path", "a method whose name is longer than its column", 0, 90));
    let text = table(&compare(&runs));
    for line in text.lines() {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= 80, "{line}");
    }
    assert!(!text.contains('\u{202e}'));
    for figure in FIGURES {
        assert!(text.contains(figure.short), "{text}");
    }
    assert!(text.contains("better than la: +"), "{text}");
    let one_line = text.replace('\n', " ");
    assert!(one_line.contains("1 seed against 5, where 5 of each are the least"), "{text}");
    assert!(text.contains("most gained: "), "{text}");
}

#[test]
fn every_format_holds_names_as_text() {
    let mut runs = ten();
    runs.iter_mut().for_each(|run| run.name = format!("=cmd|{}", run.name));
    let comparison = compare(&runs);
    let page = crate::report::html::comparison(&comparison);
    let body = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    let parsed = roxmltree::Document::parse(body).unwrap();
    let names = parsed.descendants().filter(|node| node.has_tag_name("bdi"));
    let names: Vec<_> = names.filter_map(|node| node.text()).collect();
    assert!(names.contains(&NASTY.replace('\u{202e}', "\u{fffd}").as_str()), "{names:?}");
    assert!(!page.contains("src=") && !page.contains("href="));
    let table = csv(&comparison).unwrap();
    let mut reader = ::csv::Reader::from_reader(table.as_bytes());
    let head = reader.headers().unwrap().clone();
    let place = |name: &str| head.iter().position(|known| known == name).unwrap();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert!(rows[1][place("runs")].starts_with("'=cmd|rcl-0 "), "{table}");
    assert_eq!(&rows[1][place("verdict")], "better");
    let difference: f64 = rows[1][place("difference")].parse().unwrap();
    assert_eq!(difference, comparison.rows[1].against.as_ref().unwrap().difference);
    let class = comparison.rows[1].against.as_ref().unwrap().classes[1].unwrap();
    assert_eq!(rows[1][place(&format!("difference of {NASTY}"))].parse(), Ok(class));
    assert_eq!(&rows[0][place("difference")], "");
    let json: serde_json::Value =
        serde_json::from_str(&comparison.write(Format::Json).unwrap()).unwrap();
    assert_eq!(json["classes"][1]["name"], NASTY);
    assert_eq!(json["rows"][1]["verdict"], "better");
}
