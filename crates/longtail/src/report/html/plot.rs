//! A plot that keeps its text at one size at any width: coordinates are shares of the drawing, text
//! is in pixels, and axis labels hang out into the margins.

use super::{
    markup::{Element, element},
    scale::Scale,
};

/// A share of the drawing as SVG writes it, such as `12.5%`.
pub(super) fn share(value: f64) -> String {
    let text = format!("{:.3}", value * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// From the top, as SVG counts.
pub(super) fn from_top(height: f64) -> String {
    share(1.0 - height)
}

/// An empty drawing of `height` pixels with horizontal lines at the ticks of `scale`.
pub(super) fn frame(
    title: &str,
    height: u32,
    scale: &Scale,
    label: impl Fn(f64) -> String,
) -> Element {
    let ticks = scale.ticks.iter().flat_map(|&tick| {
        let y = from_top(scale.height(tick));
        let line = element("line").class("grid").attribute("x2", "100%");
        let line = line.attribute("y1", &y).attribute("y2", &y);
        let text = element("text").class("tick y").attribute("x", -6).attribute("y", y);
        [line, text.attribute("dy", ".32em").text(label(tick))]
    });
    let drawing = element("svg").class("plot").attribute("height", height);
    drawing.attribute("role", "img").attribute("aria-label", title).children(ticks)
}

/// A label under the drawing at share `x` of its width.
pub(super) fn x_tick(x: f64, label: &str) -> Element {
    let text = element("text").class("tick x").attribute("x", share(x));
    text.attribute("y", "100%").attribute("dy", "1.5em").text(label)
}

/// A line through `points`, shares of width and height; `None` breaks it.
pub(super) fn curve(class: &str, points: &[Option<(f64, f64)>]) -> Element {
    let mut path = String::new();
    let mut command = 'M';
    for point in points {
        command = match point {
            None => 'M',
            Some((x, y)) => {
                path += &format!("{command}{:.1} {:.1}", x * 1000.0, (1.0 - y) * 1000.0);
                'L'
            }
        };
    }
    let path = element("path").class(format!("curve {class}")).attribute("d", path);
    let stretched = element("svg").attribute("viewBox", "0 0 1000 1000").class("stretch");
    let stretched = stretched.attribute("preserveAspectRatio", "none");
    stretched.attribute("width", "100%").attribute("height", "100%").child(path)
}

/// A key under a drawing: what each colour or mark stands for.
pub(super) fn legend<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Element {
    let entries = entries.into_iter().map(|(class, name)| {
        let key = element("span").class(format!("key {class}"));
        element("li").child(key).text(name)
    });
    element("ul").class("legend").children(entries)
}

/// A drawing with its title and its key.
pub(super) fn figure(title: &str, drawings: impl IntoIterator<Item = Element>) -> Element {
    element("figure").child(element("figcaption").text(title)).children(drawings)
}
