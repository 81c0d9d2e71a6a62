//! How the figures came about.

use super::{
    ReportInput,
    markup::{Element, element},
    section,
};
use crate::report::{counted, duration, summary::Summary};

/// How the figures came about: the run, the machine and the recipe.
pub(super) fn facts(input: &ReportInput) -> Element {
    let summary = input.summary;
    let compression = summary.compression.as_ref().map(|names| match names.len() {
        0 => "on, no class compressed".to_owned(),
        _ => names.join(", "),
    });
    let ended = match (input.details.underway.is_some(), summary.is_cut()) {
        (true, _) => "State of",
        (false, true) => "Stopped",
        (false, false) => "Finished",
    };
    let facts = [
        ("Data", Some(summary.data.clone())),
        ("Method", Some(summary.method.clone())),
        ("Backbone", summary.backbone.clone()),
        ("Length", Some(length(summary))),
        (ended, summary.finished.clone()),
        ("Precision", summary.precision.clone()),
        ("Seed", Some(summary.seed.to_string())),
        ("Compressed classes", compression),
        ("Training time", Some(duration(summary.seconds))),
        ("Waiting for images", Some(waiting(summary))),
        ("Speed", Some(format!("{:.1} images/s", summary.images_per_second))),
        ("Hardware", Some(input.hardware.to_owned())),
        ("Split hash", Some(summary.split_hash.clone())),
        ("Longtail", Some(version(summary))),
    ];
    let facts = facts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let rows =
        facts.flat_map(|(name, value)| [element("dt").text(name), element("dd").text(value)]);
    let recipe = element("details").child(element("summary").text("Recipe"));
    section("made", "How this was made")
        .child(element("dl").children(rows))
        .child(recipe.child(element("pre").text(input.recipe)))
}

fn waiting(summary: &Summary) -> String {
    let share = 100.0 * summary.waited / summary.seconds.max(f64::MIN_POSITIVE);
    format!("{} of it ({share:.1} %)", duration(summary.waited))
}

fn length(summary: &Summary) -> String {
    let steps = counted(summary.steps as usize, "step", "steps");
    format!("{}, {steps}", summary.length())
}

/// Of the program, with its commit where that is known.
fn version(summary: &Summary) -> String {
    let commit = summary.commit.as_ref().map(|commit| format!(" at commit {commit}"));
    format!("{}{}", summary.longtail_version, commit.unwrap_or_default())
}
