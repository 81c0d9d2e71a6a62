//! Methods of two stages on the command line.

use super::program::{Place, SMALL, stderr};

#[test]
fn a_run_of_cross_entropy_serves_several_second_stages() {
    let place = Place::with_photos();
    let trained = place.run(&format!("train {SMALL} --method ce --epochs 2 --out ce --quiet"));
    assert!(trained.status.success(), "{}", stderr(&trained));
    for method in ["crt", "ncm"] {
        let said = place.run(&format!("train --stage1 ce --method {method}"));
        assert!(said.status.success(), "{method}: {}", stderr(&said));
        assert!(stderr(&said).contains("the first stage is the run in ce"), "{}", stderr(&said));
        // It is named after the data and the method, as any run.
        let run = format!("runs/photos-{method}-0");
        let summary = place.json(&format!("{run}/summary.json"));
        assert_eq!(summary["method"], method);
        let again = place.run(&format!("evaluate {run} --json --quiet"));
        assert!(again.status.success(), "{}", stderr(&again));
    }
    for (words, says) in [
        ("--stage1 ce --method la", "la has no first stage"),
        ("--stage1 ce", "name a method of two stages with --method"),
        (
            "--stage1 ce --method crt --lr 0.7",
            "optimizer.lr = 0.05, not 0.7: leave that option out",
        ),
        ("--stage1 ce --method crt --epochs 3", "train.epochs = 2, not 3"),
        ("--stage1 ce --method crt --batch-size 4", "train.batch_size = 8, not 4"),
        ("--stage1 nowhere --method crt", "nowhere"),
        ("--stage1 runs/photos-crt-0 --method lws", "it is of crt, and lws begins with ce"),
    ] {
        let refused = place.run(&format!("train {words} --out new --quiet"));
        let text = stderr(&refused);
        assert!(!refused.status.success() && text.contains(says), "{words}: {text}");
        assert!(text.lines().count() <= 2, "{words}: {text}");
    }
}

#[test]
fn a_finished_run_teaches_another_which_predicts_without_it() {
    let place = Place::with_photos();
    let trained = place.run(&format!("train {SMALL} --method ce --epochs 1 --out ce --quiet"));
    assert!(trained.status.success(), "{}", stderr(&trained));
    let small = SMALL.replace(" --quiet", "");
    let said =
        place.run(&format!("train {small} --method ride --teacher ce --max-steps 2 --out ride"));
    assert!(said.status.success(), "{}", stderr(&said));
    assert!(stderr(&said).contains("the teacher is the run of ce in "), "{}", stderr(&said));
    let parts = &place.json("ride/summary.json")["loss_parts"];
    assert!(parts["distillation"].as_f64().is_some(), "{parts}");
    std::fs::rename(place.path("ce"), place.path("moved")).unwrap();
    let again = place.run("evaluate ride --json --quiet");
    assert!(again.status.success(), "{}", stderr(&again));
    let refused = place.run("train --resume --out ride --max-steps 3 --quiet");
    let text = stderr(&refused);
    assert!(!refused.status.success() && text.lines().count() == 1, "{text}");
    assert!(text.contains("it has no recipe.toml; --teacher says where it is"), "{text}");
    let moved = place.run("train --resume --out ride --teacher moved --max-steps 3 --quiet");
    assert!(moved.status.success(), "{}", stderr(&moved));
}

#[test]
fn options_that_do_not_reach_the_method_are_named() {
    let place = Place::with_photos();
    let small = SMALL.replace(" --quiet", "");
    let run = |words: &str| stderr(&place.run(&format!("train {small} --max-steps 1 {words}")));
    let said = run("--method cb-focal --beta 0.5 --temperature 0.2 --out a");
    assert!(
        said.contains("without effect on cb-focal: ") && said.contains("loss.beta = 0.5"),
        "{said}"
    );
    assert!(said.contains("contrastive.temperature = 0.2"), "{said}");
    let said = run("--method ride --set method.distillation_weight=2 --out e");
    assert!(
        said.contains("without effect on ride: method.distillation_weight = 2"),
        "there is no teacher: {said}"
    );
    for (words, out) in
        [("--method la --tau 0.7", "b"), ("--method bcl+rcl --beta 0.5", "c"), ("--method ce", "d")]
    {
        let said = run(&format!("{words} --out {out}"));
        assert!(!said.contains("without effect"), "{words}: {said}");
    }
}

#[test]
fn help_names_every_method() {
    let place = Place::new();
    let help = place.succeed("train --help");
    let of_name = |c: char| c.is_ascii_alphanumeric() || "+-".contains(c);
    let words: Vec<&str> = help.split(|c| !of_name(c)).collect();
    for method in longtail::method::Method::ALL {
        assert!(words.contains(&&*method.to_string()), "{method}");
    }
}

/// Of a method that draws two batches a step, those of the first are classified.
#[test]
fn the_training_accuracy_of_two_draws_is_a_share_of_the_first() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --method bbn --epochs 10 --out bbn"));
    let accuracy = |line: &serde_json::Value| line["train_accuracy"].as_f64().unwrap();
    let most = place.metrics("bbn").iter().map(accuracy).fold(0.0, f64::max);
    assert!(most > 0.7 && most <= 1.0, "colours are told apart: {most}");
}
