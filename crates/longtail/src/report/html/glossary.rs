//! What the figures mean, on hover and in a list below them.

use super::{
    markup::{Element, element},
    section,
};
use crate::{
    eval::{Group, ShotThresholds},
    report::summary::Summary,
};

/// Figures by the name that the page gives them, with what they mean.
const FIGURES: [(&str, &str); 14] = [
    (
        "balanced top-1",
        "The mean of the accuracies of all classes, in which a rare class counts as much as a \
         frequent one. Also called arithmetic mean, balanced accuracy or macro recall.",
    ),
    (
        "arithmetic mean",
        "The mean of the accuracies of all classes, in which a rare class counts as much as a \
         frequent one: balanced top-1.",
    ),
    (
        "top-1",
        "Correct images out of all images. Where a set has more images of some classes than of \
         others, those count more.",
    ),
    (
        "harmonic mean",
        "The number of classes divided by the sum of 1 / accuracy. The worst classes decide it: it \
         is high only where every class is recognised, and unless the recipe says otherwise it \
         is 0 as soon as one class is at 0%.",
    ),
    ("worst class", "The lowest accuracy of any class that has images in the set."),
    ("classes at 0%", "Classes that have images in the set, none of which was recognised."),
    (
        "95% interval",
        "Where the figure may lie on all images of the kind, of which the set is a sample; another \
         training may differ by more. It stands small under the figure, in percent. Of one class it is \
         Wilson's interval, of a mean over classes the normal approximation over independent \
         classes. Of fewer than 10 images the page says how many were right (1 of 1) in place of \
         a percentage.",
    ),
    (
        "geometric mean",
        "The root of the product of the accuracies of all classes, as many times as there are \
         classes: 0 as soon as one class is at 0%.",
    ),
    (
        "macro F1",
        "The mean over the classes of 2 · correct / (images + answers): a class is good in it \
         that is found and that nothing else is called.",
    ),
    ("top-5", "Images whose class is among the five that the model holds likeliest."),
    (
        "Calinski–Harabasz",
        "How far class centres lie from their mean beside how far images lie from their centre, \
         of features of the backbone: more is better.",
    ),
    (
        "Davies–Bouldin",
        "How far the images of a class and of the class most like it spread beside the distance of \
         the two centres, on average, of features of the backbone: less is better.",
    ),
    (
        "calibration error",
        "How far the model is from being as sure as it is right, on average over the images (ECE, \
         15 bins): 0% where of the images that it is 80% sure of, 80% are right.",
    ),
    (
        "chance",
        "What always answering the same class would reach as balanced top-1: 1 / the number of \
         classes in the set.",
    ),
];

const MODELS: (&str, &str) = (
    "last, best",
    "The model after the last epoch, and the one after the epoch that was best on the validation \
     set. Test images never choose: they are only reported on.",
);

/// The name of a figure, with its meaning on hover.
pub(super) fn term(name: &str, summary: &Summary) -> Element {
    match meaning(name, summary) {
        Some(meaning) => element("abbr").attribute("title", meaning).text(shown(name)),
        None => element("span").text(shown(name)),
    }
}

fn meaning(name: &str, summary: &Summary) -> Option<String> {
    if let Some(group) = Group::ALL.into_iter().find(|group| group.name() == name) {
        return Some(of_group(group, summary.shot_thresholds));
    }
    FIGURES.iter().find(|(figure, _)| *figure == name).map(|(_, text)| (*text).to_owned())
}

/// `many-shot` for `many`.
fn shown(name: &str) -> String {
    let is_group = Group::ALL.iter().any(|group| group.name() == name);
    if is_group { format!("{name}-shot") } else { name.to_owned() }
}

fn of_group(group: Group, shots: Option<ShotThresholds>) -> String {
    let which = match (group, shots) {
        (Group::Many, Some(shots)) => format!("with more than {}", shots.many_above()),
        (Group::Medium, Some(shots)) => {
            format!("with {} to {}", shots.few_below(), shots.many_above())
        }
        (Group::Few, Some(shots)) => format!("with fewer than {}", shots.few_below()),
        (Group::Many, None) => "with many".into(),
        (Group::Medium, None) => "with neither many nor few".into(),
        (Group::Few, None) => "with few".into(),
    };
    format!("Mean accuracy of the classes {which} training images.")
}

/// The list of all terms.
pub(super) fn terms(summary: &Summary) -> Element {
    let groups =
        Group::ALL.map(|group| (shown(group.name()), of_group(group, summary.shot_thresholds)));
    let figures = FIGURES.iter().filter(|(name, _)| *name != "arithmetic mean");
    let figures = figures.chain([&MODELS]).map(|(name, text)| (name.to_string(), text.to_string()));
    let rows = figures
        .chain(groups)
        .flat_map(|(name, text)| [element("dt").text(name), element("dd").text(text)]);
    section("terms", "What the figures mean").class("glossary").child(element("dl").children(rows))
}
