//! `report.html`: one file that shows a run, without any other file, font or network.

mod calibration;
mod cells;
mod circle;
mod classes;
mod compare;
mod confusion;
mod curves;
mod drawing;
mod embedding;
mod facts;
mod glossary;
mod headline;
pub(super) mod markup;
mod pictures;
mod plot;
mod rarest;
mod response;
mod scale;
mod tables;

use std::path::Path;

pub use circle::{Circle, circles};
pub use compare::comparison;
pub use response::{Answer, response};

use markup::{Element, element};

use super::{Analyses, EpochRecord, Gallery, ReportError, Summary};
use crate::atomic;

/// What the page shows.
#[derive(Debug, Clone, Copy)]
pub struct ReportInput<'a> {
    /// The final figures; of a run that is under way, those on validation images.
    pub summary: &'a Summary,
    /// The epochs, in order; epochs with a note are marked in the curves.
    pub records: &'a [EpochRecord],
    /// The text of the complete recipe.
    pub recipe: &'a str,
    /// The machine that trained, in one line.
    pub hardware: &'a str,
    /// What else is known.
    pub details: Details<'a>,
}

/// What a page shows beside the figures, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Details<'a> {
    /// What the models are like.
    pub analyses: Option<&'a Analyses>,
    /// Images of the run.
    pub gallery: Option<&'a Gallery>,
    /// The picture of the embedding, an `svg` element, and how many images it was made of.
    pub embedding: Option<(&'a str, usize)>,
    /// Stages behind the first one, by the epoch that each begins with, counted from 0.
    pub stages: &'a [(usize, &'a str)],
    /// The figure that others published for this method on this data.
    pub published: Option<&'a Published>,
    /// Where the run stands; `None` when it is done.
    pub underway: Option<Underway>,
}

/// What the literature says of a method on a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Balanced top-1, as a share.
    pub balanced_top1: f64,
    /// Where it stands, such as `Table 3, RCL`.
    pub source: String,
    /// After how many epochs; `None` where that is not said.
    pub epochs: Option<usize>,
}

/// A run that goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Underway {
    /// Epochs that are done.
    pub done: usize,
    /// All epochs.
    pub epochs: usize,
    /// Seconds that the others may take, where one of them is done.
    pub seconds_left: Option<f64>,
    /// Whether it was stopped; it goes on when somebody lets it.
    pub is_stopped: bool,
}

/// Seconds between two looks of an open page at a run that goes on.
const REFRESH: u32 = 20;

/// The page as HTML, which is also well-formed XML.
///
/// It is complete without a script, fits phones and wide screens, follows the reader's choice of
/// light or dark, prints, and says of every figure which set it comes from, how sure it is and who
/// chose the model. Warnings of the run stand on top. Epochs are shown from 1. The page of a run that goes on
/// loads itself again from time to time.
pub fn render(input: &ReportInput) -> String {
    let ReportInput { summary, details, .. } = input;
    let analyses = details.analyses;
    let last = analyses.map(|analyses| &analyses.last);
    let sections = [
        tables::figures(summary),
        Some(curves::curves(input.records, details.stages)),
        Some(classes::head_to_tail(summary)),
        analyses.map(|of| confusion::confusions(summary, of, details.gallery)),
        details.gallery.and_then(|gallery| rarest::rarest(summary, gallery)),
        last.and_then(calibration::trust),
        last.and_then(|of| embedding::embedding(summary, of, details.embedding)),
        Some(tables::classes(summary, classes::is_numbered(summary))),
        Some(glossary::terms(summary)),
        Some(facts::facts(input)),
    ];
    let main = element("main").attribute("id", "top").child(headline::head(summary, details));
    let main = main.children(sections.into_iter().flatten());
    let title = headline::title(summary);
    let page = element("html")
        .attribute("lang", "en")
        .child(head(&title, details.underway.is_some_and(|of| !of.is_stopped)))
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

fn head(title: &str, goes_on: bool) -> Element {
    let named =
        |name, content| element("meta").attribute("name", name).attribute("content", content);
    let told = |what, content: String| {
        element("meta").attribute("http-equiv", what).attribute("content", content)
    };
    // Nothing that the page holds can reach out, whatever a class is called.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
    element("head")
        .child(element("meta").attribute("charset", "utf-8"))
        .child(told("Content-Security-Policy", policy.into()))
        .children(goes_on.then(|| told("refresh", REFRESH.to_string())))
        .child(named("viewport", "width=device-width, initial-scale=1"))
        .child(named("color-scheme", "light dark"))
        .child(element("title").text(format!("{title} – Longtail")))
        .child(element("style").verbatim(include_str!("style.css")))
}

/// A part of the page under its title.
fn section(id: &'static str, title: &str) -> Element {
    element("section").attribute("id", id).child(element("h2").text(title))
}
