//! The head of the page: what is wrong, what was trained on what, and whether it worked.

use std::path::Path;

use super::{
    Details, Published, Underway, glossary,
    markup::{Element, element},
};
use crate::{
    eval::{Evaluation, Group, mean_margin},
    report::{
        columns::{Column, FEW_IMAGES, Model, Set, percent},
        counted, rough_duration,
        summary::Summary,
    },
};

/// How many classes are named in a sentence.
const NAMED: usize = 5;

/// `BCL+RCL on photos`.
pub(super) fn title(summary: &Summary) -> String {
    format!("{} on {}", method(summary), data(summary))
}

/// Warnings, the title, the sentences and the notes.
pub(super) fn head(summary: &Summary, details: &Details) -> Element {
    let warnings = summary.warnings.iter().map(|text| {
        let mark = element("strong").text("Warning: ");
        element("p").class("warning").child(mark).text(text)
    });
    let notes = summary.notes.iter().map(|text| element("li").text(text));
    let section = element("header").children(warnings);
    let section = section.child(element("h1").text(title(summary)));
    let section = section.child(element("p").text(what(summary)));
    let section = section.children(details.underway.map(underway));
    let section = section.children(verdict(summary, details.underway.is_some()));
    let section = section.children(published(summary, details.published));
    let section = section.children(finished(summary).filter(|_| details.underway.is_none()));
    if summary.notes.is_empty() {
        return section;
    }
    section.child(element("ul").class("notes").children(notes))
}

fn method(summary: &Summary) -> String {
    let name = &summary.method;
    // Names of several words are no abbreviations.
    if !name.contains('-') {
        return name.to_uppercase();
    }
    let mut words = name.replace('-', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// The last part of a path, which says what a person calls the data.
fn data(summary: &Summary) -> String {
    let name = Path::new(&summary.data).file_name();
    name.map_or_else(|| summary.data.clone(), |name| name.to_string_lossy().into_owned())
}

/// `ResNet-32` for `resnet32`.
fn backbone(name: &str) -> String {
    name.strip_prefix("resnet").map_or_else(|| name.to_owned(), |depth| format!("ResNet-{depth}"))
}

fn what(summary: &Summary) -> String {
    let counts = || summary.classes.iter().map(|class| class.train_count);
    let images: usize = counts().sum();
    let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
    let backbone = summary
        .backbone
        .as_deref()
        .map_or_else(String::new, |name| format!(", {}", backbone(name)));
    format!(
        "{}{backbone}, on {}: {}, {}, {most} in the largest class and {least} in the smallest. \
         Trained for {} with seed {}.",
        method(summary),
        data(summary),
        counted(summary.classes.len(), "class", "classes"),
        counted(images, "training image", "training images"),
        summary.length(),
        summary.seed
    )
}

/// How well it works, in sentences.
fn verdict(summary: &Summary, goes_on: bool) -> Vec<Element> {
    let columns = summary.columns();
    let Some(column) = columns.first() else {
        let text = match goes_on {
            true => "Without validation images nothing can be said of it before it is done.",
            false => {
                "The run was not evaluated on any set: there is no test and no validation image."
            }
        };
        return vec![element("p").class("verdict").text(text)];
    };
    let mut first = element("p").class("verdict");
    if column.set == Set::Val && !goes_on {
        first = first.text(match summary.best {
            Some(_) => {
                "There is no test set, and validation images have chosen the best epoch: figures \
                 on them may be too good. "
            }
            None => "There is no test set. ",
        });
    }
    let first = first.text("The model recognises ").child(element("strong").text(average(column)));
    let first = first.text(format!(" of the {}", of_what(column)));
    let first = first.text(against_chance(column));
    let paragraphs =
        [Some(first), best(summary, column), zero(summary, column), untested(summary, column)];
    paragraphs.into_iter().flatten().collect()
}

/// How far a run is that goes on.
fn underway(Underway { done, epochs, seconds_left, is_stopped }: Underway) -> Element {
    let so_far = format!("{done} of {} done", counted(epochs, "epoch is", "epochs are"));
    let text = if done >= epochs {
        "All epochs are done; no test image was looked at yet. All figures are of validation images.".into()
    } else if is_stopped {
        format!(
            "Training was stopped when {so_far}; longtail train --resume goes on. No test image was \
             looked at yet: all figures are of validation images."
        )
    } else {
        let left =
            seconds_left.map(|seconds| format!(" About {} are left.", rough_duration(seconds)));
        format!(
            "Training goes on: {so_far}.{} Test images are looked at when it is; until then all \
             figures are of validation images.",
            left.unwrap_or_default()
        )
    };
    element("p").class("underway").attribute("role", "status").text(text)
}

/// The literature's figure beside the run's.
fn published(summary: &Summary, published: Option<&Published>) -> Option<Element> {
    let Published { balanced_top1, source, epochs } = published?;
    let after = epochs.filter(|&epochs| epochs != summary.epochs).map(|epochs| {
        format!(", after {}; this run has {}", counted(epochs, "epoch", "epochs"), summary.epochs)
    });
    let text = format!(
        "Published for this method on this data: {} ({source}{}).",
        percent(Some(*balanced_top1)),
        after.unwrap_or_default()
    );
    Some(element("p").class("published").text(text))
}

fn of_what(column: &Column) -> String {
    let images = if column.set == Set::Test { "test images" } else { "validation images" };
    match (column.evaluation.classes_tested, column.is_partial()) {
        (1, _) => format!("{images} of the one class that has any. "),
        (_, true) => format!("{images} of an average class that has any. "),
        (_, false) => format!("{images} of an average class. "),
    }
}

/// What the epoch that validation chose came to, beside the last one.
fn best(summary: &Summary, last: &Column) -> Option<Element> {
    let chosen = summary.best.as_ref()?;
    let columns = summary.columns();
    let column =
        columns.iter().find(|column| column.set == last.set && column.model == Model::Best)?;
    let here = match summary.is_cut() {
        true => "This is where the run was stopped",
        false => "This is the last epoch",
    };
    let text = match chosen.epoch < summary.epochs {
        true => format!(
            "{here}; the one that was best on validation, {}, reaches {}.",
            chosen.epoch_of(summary.epochs),
            average(column)
        ),
        false => format!(
            "This is where the run was stopped, within epoch {}, and the best on validation.",
            chosen.epoch + 1
        ),
    };
    Some(element("p").text(text))
}

/// `62.3% ± 7.1`, of one class `1 of 1`.
fn average(column: &Column) -> String {
    let evaluation = column.evaluation;
    if evaluation.classes_tested == 1 {
        return column.worst_accuracy();
    }
    let mean = percent(Some(evaluation.arithmetic_mean));
    match evaluation.margin() {
        Some(margin) => format!("{mean} ± {:.1}", margin * 100.0),
        None => mean,
    }
}

/// The mean beside that of always answering one class.
fn against_chance(column: &Column) -> String {
    let Evaluation { arithmetic_mean: mean, classes_tested, .. } = *column.evaluation;
    if classes_tested < 2 {
        return "With one class nothing can be told from chance.".into();
    }
    let chance = 1.0 / classes_tested as f64;
    let margin = column.evaluation.margin().unwrap_or(0.0);
    let verdict = if mean - margin > chance {
        "it is better than chance"
    } else if mean > chance {
        "so few images do not tell it from chance"
    } else {
        "it is no better than chance"
    };
    format!("Chance is {}: {verdict}.", percent(Some(chance)))
}

fn zero(summary: &Summary, column: &Column) -> Option<Element> {
    let names = summary.names(|label| column.class(label) == Some(0.0));
    let tested = column.evaluation.classes_tested;
    if names.is_empty() {
        let text = match tested {
            0 | 1 => return None,
            _ if column.is_partial() => format!("None of these {tested} classes is at 0%."),
            _ => "No class is at 0%.".into(),
        };
        return Some(element("p").text(text));
    }
    let are = if names.len() == 1 { "is" } else { "are" };
    let text = format!("{} of {} {are} at 0%: ", names.len(), counted(tested, "class", "classes"));
    Some(listed(element("p").text(text), &names).text("."))
}

fn untested(summary: &Summary, column: &Column) -> Option<Element> {
    let names = summary.untested(column);
    if names.is_empty() {
        return None;
    }
    let (set, tested) = (column.set.name(), column.evaluation.classes_tested);
    let all = summary.classes.len();
    let text =
        format!("All figures are over {tested} of {all} classes. The {set} has no image of ");
    Some(listed(element("p").class("partial").text(text), &names).text("."))
}

/// Names one after the other, each kept apart from the direction of what stands around it.
fn listed(paragraph: Element, names: &[&str]) -> Element {
    let mut paragraph = paragraph;
    for (index, name) in names.iter().take(NAMED).enumerate() {
        let gap = if index > 0 { ", " } else { "" };
        paragraph = paragraph.text(gap).child(element("bdi").text(name));
    }
    match names.len().saturating_sub(NAMED) {
        0 => paragraph,
        more => paragraph.text(format!(" and {more} more")),
    }
}

/// When the run ended, to the minute.
fn finished(summary: &Summary) -> Option<Element> {
    let at = summary.finished.as_deref()?;
    let (day, time) = (at.get(..10)?, at.get(11..16)?);
    let time = element("time").attribute("datetime", at).text(format!("{day} {time} UTC"));
    let ended = if summary.is_cut() { "Stopped " } else { "Finished " };
    Some(element("p").class("quiet").text(ended).child(time).text("."))
}

/// The large figures under the head.
pub(super) fn tiles(summary: &Summary, column: &Column) -> Element {
    let figures = column.evaluation;
    let tested = figures.classes_tested;
    let over = match column.is_partial() {
        true => format!("over {tested} of {} classes", summary.classes.len()),
        false => format!("over {}", counted(tested, "class", "classes")),
    };
    let zero = format!("{over}, {} at 0%", figures.zero_classes);
    let mean = match figures.margin() {
        Some(margin) => format!("± {:.1}, {over}", margin * 100.0),
        None => over.clone(),
    };
    let tile = |key, value, note: String| {
        let name = glossary::term(key, summary);
        let value = percent(Some(value));
        Tile { class: "", name, value, note: element("div").text(note) }.draw()
    };
    let worst = Tile {
        class: "",
        name: glossary::term("worst class", summary),
        value: column.worst_accuracy(),
        note: worst(summary, column, &over),
    };
    let groups = Group::ALL.map(|group| Tile {
        class: group.name(),
        name: glossary::term(group.name(), summary),
        value: summary.group_accuracy(group, column),
        note: element("div").text(members(summary, column, group)),
    });
    element("div")
        .class("tiles")
        .child(tile("balanced top-1", figures.arithmetic_mean, mean))
        .child(tile("harmonic mean", figures.harmonic_mean, zero))
        .child(worst.draw())
        .children(groups.into_iter().map(Tile::draw))
}

struct Tile {
    class: &'static str,
    name: Element,
    value: String,
    note: Element,
}

impl Tile {
    fn draw(self) -> Element {
        element("div")
            .class(format!("tile {}", self.class))
            .child(element("div").class("what").child(self.name))
            .child(element("div").class("figure").text(self.value))
            .child(self.note.class("quiet"))
    }
}

/// `± 12.0, over 2 of 3 classes`.
fn members(summary: &Summary, column: &Column, group: Group) -> String {
    let (all, tested) = (summary.members(group), summary.tested(group, column));
    let over = match all == tested {
        true => counted(all, "class", "classes"),
        false => format!("{tested} of {} tested", counted(all, "class", "classes")),
    };
    let counts = column.evaluation.counts().zip(&summary.classes);
    let counts = counts.filter(|(_, class)| class.group == group).map(|(count, _)| count);
    match mean_margin(counts) {
        Some(margin) => format!("± {:.1}, {over}", margin * 100.0),
        None => over,
    }
}

/// The name of the worst class, or how many share the last place.
fn worst(summary: &Summary, column: &Column, over: &str) -> Element {
    let worst = column.worst();
    let note = element("div");
    let note = match worst[..] {
        [label] => {
            let note = note.child(element("bdi").text(&summary.classes[label].name));
            match column.images(label) {
                Some(images @ FEW_IMAGES..) => note.text(format!(", of {images} images")),
                _ => note,
            }
        }
        _ => note.text(format!("{} classes", worst.len())),
    };
    if column.is_partial() { note.text(format!("; {over}")) } else { note }
}
