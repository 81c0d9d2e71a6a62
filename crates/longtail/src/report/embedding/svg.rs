use std::fmt::Write;

use super::{
    EmbeddingPicture,
    heaps::{Colour, Heap},
};
use crate::report::{
    html::markup::{Element, element},
    text::fitted,
};

/// Sizes in the drawing's own units.
const SIDE: f64 = 600.0;
const MARGIN: f64 = 10.0;
const KEY: f64 = 270.0;
const LINE: f64 = 24.0;
/// Columns of a name in the key.
const NAME: usize = 22;
/// Diameter of a dot, and half that of a diamond.
const DOT: f64 = 4.0;
const DIAMOND: f64 = 4.5;

/// A file of its own.
pub(super) fn file(picture: &EmbeddingPicture) -> String {
    let paper = element("rect").attribute("width", "100%").attribute("height", "100%");
    let drawing = element("svg").attribute("xmlns", "http://www.w3.org/2000/svg");
    let drawing = drawing.attribute("color", "#1b1f24").attribute("width", SIDE + KEY);
    let drawing = told(drawing.attribute("height", SIDE), picture);
    draw(drawing.child(paper.attribute("fill", "#ffffff")), picture).into_string()
}

/// An element of a page.
pub(super) fn inline(picture: &EmbeddingPicture) -> String {
    draw(told(element("svg").class("embedding"), picture), picture).into_string()
}

fn told(drawing: Element, picture: &EmbeddingPicture) -> Element {
    drawing
        .attribute("viewBox", format!("0 0 {} {SIDE}", SIDE + KEY))
        .attribute("role", "img")
        .attribute("aria-label", &picture.title)
        .child(element("title").text(&picture.title))
        .child(element("desc").text(&picture.description))
}

fn draw(drawing: Element, picture: &EmbeddingPicture) -> Element {
    let font = element("g").attribute("font-family", "system-ui, sans-serif");
    let font = font.attribute("font-size", 14).attribute("fill", "currentColor");
    let lines = picture.heaps.iter().enumerate().map(|(place, heap)| key_line(place, heap));
    let head = text(SIDE + KEY - MARGIN, LINE, "training images").attribute("text-anchor", "end");
    // The tail comes last, and so lies on top.
    let heaps = picture.heaps.iter().filter(|heap| !heap.points.is_empty());
    drawing.children(heaps.map(marks)).child(font.child(head).children(lines))
}

/// All points of a heap.
fn marks(heap: &Heap) -> Element {
    let room = SIDE - 2.0 * MARGIN;
    let places = heap.points.iter().map(|[x, y]| [MARGIN + x * room, MARGIN + (1.0 - y) * room]);
    path(heap, places).child(element("title").text(&heap.name))
}

/// Dots are lines of no length with round ends, the shortest that a point can be written.
fn path(heap: &Heap, places: impl Iterator<Item = [f64; 2]>) -> Element {
    let mut data = String::new();
    for [x, y] in places {
        // Writing to a string does not fail.
        let _ = match heap.is_tail {
            true => write!(data, "M{:.1} {y:.1}l4.5-4.5 4.5 4.5-4.5 4.5z", x - DIAMOND),
            false => write!(data, "M{x:.1} {y:.1}h0"),
        };
    }
    let path = element("path").attribute("d", data);
    match heap.is_tail {
        true => path
            // The outline below, so that of many diamonds on each other it runs around them all.
            .attribute("style", format!("fill:{};paint-order:stroke", css(heap.colour)))
            .attribute("stroke", "currentColor")
            .attribute("stroke-width", 2),
        false => path
            .attribute("style", format!("stroke:{}", css(heap.colour)))
            .attribute("stroke-width", DOT)
            .attribute("stroke-linecap", "round")
            .attribute("fill", "none"),
    }
}

fn css(Colour { rgb: [r, g, b], property }: Colour) -> String {
    match property {
        Some(property) => format!("var({property},#{r:02x}{g:02x}{b:02x})"),
        None => format!("#{r:02x}{g:02x}{b:02x}"),
    }
}

fn key_line(place: usize, heap: &Heap) -> Element {
    let y = LINE * (place as f64 + 2.0);
    let mark = path(heap, std::iter::once([SIDE + MARGIN, y]));
    let name = text(SIDE + 2.0 * MARGIN, y, fitted(&heap.name, NAME).trim_end());
    let note = text(SIDE + KEY - MARGIN, y, &heap.note).attribute("text-anchor", "end");
    element("g").child(element("title").text(&heap.name)).children([mark, name, note])
}

fn text(x: f64, y: f64, text: &str) -> Element {
    element("text").attribute("x", x).attribute("y", y).attribute("dy", ".35em").text(text)
}
