//! The rarest classes: the images that the run had of them, and what became of those it was tried on.

use super::{
    markup::{Element, element},
    pictures::picture,
    section,
};
use crate::report::{
    columns::{Column, Model},
    counted,
    gallery::{Gallery, RareClass, Tested},
    summary::Summary,
};

/// The rarest classes one below the other; nothing where no image of them is at hand.
pub(super) fn rarest(summary: &Summary, gallery: &Gallery) -> Option<Element> {
    let seen = |class: &&RareClass| !class.train.is_empty() || !class.tested.is_empty();
    let classes: Vec<_> = gallery.rarest.iter().filter(seen).collect();
    if classes.is_empty() {
        return None;
    }
    let columns = summary.columns();
    let column = columns.iter().find(|column| column.model == Model::Last);
    let intro = "The first images of each class: what the run learned from, and what the model of the last epoch \
                 calls images that it never saw.";
    let rows = classes.into_iter().map(|class| row(summary, column, class));
    let list = element("div").class("rare").children(rows);
    Some(section("rarest", "The rarest classes").child(element("p").text(intro)).child(list))
}

fn row(summary: &Summary, column: Option<&Column>, class: &RareClass) -> Element {
    let label = class.label as usize;
    let name = |label: u32| summary.classes.get(label as usize).map_or("?", |of| of.name.as_str());
    let own = name(class.label);
    let images = counted(summary.classes[label].train_count, "training image", "training images");
    let accuracy = column.map(|column| format!(", {}", column.accuracy_of(label)));
    let about = format!("{images}{}", accuracy.unwrap_or_default());
    let title = element("h3").child(element("bdi").text(own));
    let title = title.child(element("span").class("quiet").text(format!(" {about}")));
    let trained = class.train.iter().map(|of| picture(of, &format!("training image of {own}")));
    let tested = class.tested.iter().map(|of| tested(of, class.label, own, name(of.called)));
    let row = element("div").class("rare-class").child(title);
    let row = match class.train.is_empty() {
        true => row,
        false => row.child(strip("trained on", trained)),
    };
    match class.tested.is_empty() {
        true => row,
        false => row.child(strip("tried on", tested)),
    }
}

fn strip(what: &str, pictures: impl Iterator<Item = Element>) -> Element {
    let what = element("span").class("what quiet").text(what);
    element("div").class("strip").child(what).children(pictures)
}

/// An image under its answer, which is marked right or wrong by a sign as well as by its colour.
fn tested(
    Tested { picture: image, called }: &Tested,
    label: u32,
    own: &str,
    name: &str,
) -> Element {
    let right = *called == label;
    let (class, sign) = if right { ("right", "✓ ") } else { ("wrong", "✗ ") };
    let image = picture(image, &format!("image of {own}, called {name}"));
    let answer = element("span").text(sign).child(element("bdi").text(name));
    element("span").class(format!("tried {class}")).child(image).child(answer)
}
