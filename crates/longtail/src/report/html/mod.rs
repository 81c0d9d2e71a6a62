//! `report.html`: one file that shows a run, without any other file, font or network.

mod classes;
mod compare;
mod curves;
mod glossary;
mod headline;
pub(super) mod markup;
mod plot;
mod scale;
mod tables;

use std::path::Path;

pub use compare::comparison;

use markup::{Element, element};

use super::{EpochRecord, ReportError, Summary, counted};
use crate::atomic;

/// What the page shows.
#[derive(Debug, Clone, Copy)]
pub struct ReportInput<'a> {
    /// The final figures.
    pub summary: &'a Summary,
    /// The epochs, in order; epochs with a note are marked in the curves.
    pub records: &'a [EpochRecord],
    /// The text of the complete recipe.
    pub recipe: &'a str,
    /// The machine that trained, in one line.
    pub hardware: &'a str,
}

/// The page as HTML, which is also well-formed XML.
///
/// It is complete without a script, fits phones and wide screens, follows the reader's choice of
/// light or dark, prints, and says of every figure which set it comes from, how sure it is and who
/// chose the model. Warnings of the run stand on top. Epochs are shown from 1.
pub fn render(input: &ReportInput) -> String {
    let summary = input.summary;
    let title = headline::title(summary);
    let main = element("main")
        .child(headline::head(summary))
        .children(tables::figures(summary))
        .child(curves::section(input.records))
        .child(classes::section(summary))
        .child(tables::classes(summary, classes::is_numbered(summary)))
        .child(glossary::section(summary))
        .child(facts(input));
    let page = element("html")
        .attribute("lang", "en")
        .child(head(&title))
        .child(element("body").child(main));
    format!("<!DOCTYPE html>\n{}\n", page.into_string())
}

/// Writes the page to `path`, beside it first and then renamed.
///
/// # Errors
/// If the file cannot be written; an older one is then still there.
pub fn save(input: &ReportInput, path: impl AsRef<Path>) -> Result<(), ReportError> {
    Ok(atomic::write(path.as_ref(), render(input).as_bytes())?)
}

fn head(title: &str) -> Element {
    let viewport = element("meta").attribute("name", "viewport");
    let scheme = element("meta").attribute("name", "color-scheme");
    element("head")
        .child(element("meta").attribute("charset", "utf-8"))
        .child(viewport.attribute("content", "width=device-width, initial-scale=1"))
        .child(scheme.attribute("content", "light dark"))
        .child(element("title").text(format!("{title} – Longtail")))
        .child(element("style").verbatim(include_str!("style.css")))
}

/// How the figures came about: the run, the machine and the recipe.
fn facts(input: &ReportInput) -> Element {
    let summary = input.summary;
    let compression = summary.compression.as_ref().map(|names| match names.len() {
        0 => "on, no class compressed".to_owned(),
        _ => names.join(", "),
    });
    let facts = [
        ("Data", Some(summary.data.clone())),
        ("Method", Some(summary.method.clone())),
        ("Backbone", summary.backbone.clone()),
        ("Length", Some(length(summary))),
        ("Finished", summary.finished.clone()),
        ("Seed", Some(summary.seed.to_string())),
        ("Compressed classes", compression),
        ("Training time", Some(duration(summary.seconds))),
        ("Waiting for images", Some(waiting(summary))),
        ("Speed", Some(format!("{:.1} images/s", summary.images_per_second))),
        ("Hardware", Some(input.hardware.to_owned())),
        ("Split hash", Some(summary.split_hash.clone())),
        ("Longtail", Some(summary.longtail_version.clone())),
    ];
    let facts = facts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let rows =
        facts.flat_map(|(name, value)| [element("dt").text(name), element("dd").text(value)]);
    let recipe = element("details").child(element("summary").text("Recipe"));
    element("section")
        .child(element("h2").text("How this was made"))
        .child(element("dl").children(rows))
        .child(recipe.child(element("pre").text(input.recipe)))
}

fn waiting(summary: &Summary) -> String {
    let share = 100.0 * summary.waited / summary.seconds.max(f64::MIN_POSITIVE);
    format!("{} of it ({share:.1} %)", duration(summary.waited))
}

fn length(summary: &Summary) -> String {
    let steps = counted(summary.steps as usize, "step", "steps");
    format!("{}, {steps}", counted(summary.epochs, "epoch", "epochs"))
}

fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds:.1} s"),
        (0, _) => format!("{minutes} min {rest} s"),
        _ => format!("{hours} h {minutes} min"),
    }
}
