//! Embeddings on the unit circle, one circle a run.

use std::f64::consts::{FRAC_PI_2, TAU};

use super::{
    drawing::{COLOURS, dot, drawing, file, label, line, number},
    markup::{Element, element},
};
use crate::eval::{Region, regions};

/// Width of a circle with its surroundings, and height of its drawing without the lines below.
const WIDTH: f64 = 330.0;
const HEIGHT: f64 = 300.0;
/// Centre of the circle in that.
const CENTRE: [f64; 2] = [165.0, 165.0];
/// Radii of the regions, and of the dots, which are spread inwards so that they can be told apart.
const REGION: f64 = 122.0;
const DOTS: [f64; 2] = [84.0, 112.0];
/// Points that are drawn of a class.
const MOST: usize = 150;
/// Height of a line of text.
const LINE: f64 = 19.0;
/// Circles beside each other.
const ACROSS: usize = 2;

/// The embedding of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Circle {
    /// What it is of.
    pub title: String,
    /// The points, of any length but 0.
    pub points: Vec<[f64; 2]>,
    /// Their classes.
    pub labels: Vec<u32>,
}

/// Circles beside each other as SVG: outside, which part of the circle is nearest to which class's mean direction; within,
/// the points and the mean directions; below, every class with its training images, its share of the circle and the spread of
/// its points. `classes` are their names and training images, by label.
///
/// The picture brings its own colours, light and dark, and can stand in a page.
pub fn circles(title: &str, classes: &[(String, usize)], circles: &[Circle]) -> String {
    let below = LINE * (classes.len() + 1) as f64 + 16.0;
    let height = HEIGHT + below;
    let across = circles.len().clamp(1, ACROSS);
    let rows = circles.len().div_ceil(across).max(1);
    let top = 34.0;
    let size = [WIDTH * across as f64, top + height * rows as f64];
    let mut picture = drawing(title, size).child(label("lt-title", [12.0, 22.0], title));
    for (place, circle) in circles.iter().enumerate() {
        let (column, row) = (place % across, place / across);
        let at = [WIDTH * column as f64, top + height * row as f64];
        picture = picture.child(one(circle, classes, at));
    }
    file(picture)
}

fn one(circle: &Circle, classes: &[(String, usize)], [x, y]: [f64; 2]) -> Element {
    let found = regions(&circle.points, &circle.labels);
    let group =
        element("g").attribute("transform", format!("translate({} {})", number(x), number(y)));
    let title = label("lt-text lt-middle", [CENTRE[0], 18.0], &circle.title);
    let [cx, cy] = CENTRE;
    let rim = element("circle").class("lt-rule").attribute("cx", cx).attribute("cy", cy);
    group
        .child(title)
        .child(rim.attribute("r", DOTS[1]))
        .children(found.iter().map(|region| part(region, classes)))
        .children(points(circle, classes))
        .children(found.iter().map(|region| {
            let class = format!("lt-mean lt-stroke-{}", region.class % COLOURS);
            line(&class, CENTRE, at(region.direction, DOTS[0]))
        }))
        .children(key(&found, classes))
}

/// A point of the drawing; angles are counter-clockwise from the right.
fn at(angle: f64, radius: f64) -> [f64; 2] {
    [CENTRE[0] + radius * angle.cos(), CENTRE[1] - radius * angle.sin()]
}

fn name(classes: &[(String, usize)], class: usize) -> &str {
    classes.get(class).map_or("", |(name, _)| name)
}

/// The part of the circle that is a class's.
fn part(region: &Region, classes: &[(String, usize)]) -> Element {
    let said =
        format!("{}: {:.1} % of the circle", name(classes, region.class), region.share * 100.0);
    let class = format!("lt-part lt-stroke-{}", region.class % COLOURS);
    let extent = region.share * TAU;
    // An arc is told by where it ends, which a whole circle is not.
    let steps = (extent / FRAC_PI_2).ceil().max(1.0);
    let mut path = String::new();
    for step in 0..=steps as usize {
        let [x, y] = at(region.begins + extent * step as f64 / steps, REGION);
        path += &match step {
            0 => format!("M{} {}", number(x), number(y)),
            _ => format!("A{REGION} {REGION} 0 0 0 {} {}", number(x), number(y)),
        };
    }
    element("path").class(class).attribute("d", path).child(element("title").text(said))
}

fn points<'a>(
    circle: &'a Circle,
    classes: &'a [(String, usize)],
) -> impl Iterator<Item = Element> + 'a {
    let mut drawn = vec![0_usize; classes.len()];
    let all = circle.points.iter().zip(&circle.labels);
    all.filter_map(move |(&[x, y], &label)| {
        let count = drawn.get_mut(label as usize)?;
        *count += 1;
        if *count > MOST || !(x.hypot(y) > 0.0 && x.is_finite() && y.is_finite()) {
            return None;
        }
        // Evenly spread, whatever their number.
        let inwards = (*count as f64 * 0.618_033_988_75).fract();
        let radius = DOTS[0] + (DOTS[1] - DOTS[0]) * inwards;
        let class = format!("lt-fill-{}", label as usize % COLOURS);
        Some(dot(&class, at(y.atan2(x), radius), 1.8, ""))
    })
}

fn key(found: &[Region], classes: &[(String, usize)]) -> Vec<Element> {
    let columns = [26.0, 172.0, 246.0, 316.0];
    let top = HEIGHT + 6.0;
    let head = [
        ("lt-tick", 0, "class"),
        ("lt-tick lt-end", 1, "images"),
        ("lt-tick lt-end", 2, "share"),
        ("lt-tick lt-end", 3, "spread"),
    ];
    let mut lines: Vec<Element> =
        head.map(|(class, x, text)| label(class, [columns[x], top], text)).into();
    // From head to tail.
    let mut order: Vec<usize> = (0..classes.len()).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(classes[class].1));
    for (number, place) in order.into_iter().enumerate() {
        let (name, images) = &classes[place];
        let y = top + LINE * (number + 1) as f64;
        let region = found.iter().find(|region| region.class == place);
        let share = region.map_or("–".into(), |r| format!("{:.1} %", r.share * 100.0));
        let spread = region.map_or("–".into(), |r| format!("{:.1}°", r.spread.to_degrees()));
        let class = format!("lt-fill-{}", place % COLOURS);
        lines.push(dot(&class, [16.0, y - 4.0], 5.0, ""));
        lines.push(label("lt-text", [columns[0], y], &shortened(name)));
        let right = [images.to_string(), share, spread];
        for (text, x) in right.iter().zip(&columns[1..]) {
            lines.push(label("lt-text lt-end", [*x, y], text));
        }
    }
    lines
}

/// As much of a name as has room.
fn shortened(name: &str) -> String {
    crate::report::text::fitted(name, 15).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_well_formed_and_names_are_text() {
        let classes = [("<b>\"head\"".to_owned(), 300), ("tail & co".to_owned(), 6)];
        let points = vec![[1.0, 0.0], [0.9, 0.1], [-1.0, 0.2], [f64::NAN, 0.0]];
        let circle = Circle { title: "scl".into(), points, labels: vec![0, 0, 1, 1] };
        let svg = circles("two & two", &classes, &[circle.clone(), circle]);
        let page = roxmltree::Document::parse(&svg).unwrap();
        let texts: Vec<_> = page.descendants().filter_map(|node| node.text()).collect();
        assert!(texts.contains(&"<b>\"head\"") && texts.contains(&"two & two"), "{texts:?}");
        assert_eq!(
            page.root_element().children().find(|n| n.has_tag_name("title")).unwrap().text(),
            Some("two & two")
        );
        assert!(svg.contains("prefers-color-scheme: dark"));
        let dots = page.descendants().filter(|node| node.attribute("r") == Some("1.8")).count();
        assert_eq!(dots, 6, "what has no direction is not drawn");
        // Of two classes opposite each other, each has half.
        for class in ["<b>\"head\"", "tail & co"] {
            let half = format!("{class}: 50.0 % of the circle");
            assert!(texts.contains(&half.as_str()), "{half}: {texts:?}");
        }
        roxmltree::Document::parse(&circles("none", &[], &[])).unwrap();
    }
}
