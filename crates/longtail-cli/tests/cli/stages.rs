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
        ("--stage1 ce --method crt --lr 0.7", "optimizer.lr"),
        ("--stage1 nowhere --method crt", "nowhere"),
        ("--stage1 runs/photos-crt-0 --method lws", "it is of crt, and lws begins with ce"),
    ] {
        let refused = place.run(&format!("train {words} --out new --quiet"));
        let text = stderr(&refused);
        assert!(!refused.status.success() && text.contains(says), "{words}: {text}");
        assert!(text.lines().count() <= 2, "{words}: {text}");
    }
}
