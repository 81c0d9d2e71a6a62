//! The comparison for a paper, set by LaTeX. Skipped, saying so, where LaTeX or its `booktabs` is not there.

use std::{
    fs,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{compare::Folder, program::Place};

/// Whether LaTeX finds this file.
fn finds(file: &str) -> bool {
    Command::new("kpsewhich").arg(file).output().is_ok_and(|found| found.status.success())
}

/// Every figure that a run can have, so that all columns are there.
fn with_every_figure(place: &Place, folder: &str) {
    let path = place.path(&format!("{folder}/summary.json"));
    let mut summary: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let figures = serde_json::json!({
        "geometric_mean": 0.25, "macro_f1": 0.5, "top5": 0.75, "ece": 0.0456, "calinski_harabasz": 1537.68,
        "davies_bouldin": 1.2345,
    });
    let test = summary["last"]["test"].as_object_mut().unwrap();
    test.extend(figures.as_object().unwrap().clone());
    fs::write(path, summary.to_string()).unwrap();
}

#[test]
fn latex_sets_every_column_within_the_line() {
    if !["pdflatex.fmt", "booktabs.sty"].into_iter().all(finds) {
        eprintln!("skipped: there is no LaTeX with booktabs");
        return;
    }
    let place = Place::new();
    let folders = ["la--x_`q` é #1 ^~%", "la-{2}$ & ''[x]*"];
    for (folder, wrong) in folders.into_iter().zip([5, 9]) {
        Folder::of("la", 0, wrong).write(&place, folder);
        with_every_figure(&place, folder);
    }
    for seed in 0..3 {
        let folder = format!("bcl-{seed}");
        Folder::of("bcl", seed, 7).write(&place, &folder);
        with_every_figure(&place, &folder);
    }
    let mut names: Vec<&str> = folders.into();
    names.extend(["bcl-0", "bcl-1", "bcl-2", "--out", "rows.tex"]);
    let compared = place.command("compare").args(names).output().unwrap();
    assert!(compared.status.success(), "{}", String::from_utf8_lossy(&compared.stderr));
    let page = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\\input{rows}\\end{document}";
    place.write("page.tex", page);
    let set = Command::new("pdflatex")
        .args(["-interaction=nonstopmode", "-halt-on-error", "page.tex"])
        .current_dir(place.path("."))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&set.stdout);
    assert!(set.status.success() && said.contains("Output written"), "{said}");
    assert!(!said.contains("Overfull") && !said.contains("Missing character"), "{said}");
    let text = fs::read_to_string(place.path("rows.tex")).unwrap();
    assert_eq!(text.matches("\\begin{tabular}").count(), 3, "{text}");
}
