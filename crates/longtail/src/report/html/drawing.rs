//! Pictures in a file of their own, which can also stand within a page: SVG that brings its colours, light and dark.

use super::markup::{Element, element};

/// Colours of classes, which repeat.
pub(super) const COLOURS: usize = 8;

/// Every name begins with `lt-`, so that the rules touch nothing of a page that holds the picture.
const STYLE: &str = "
.lt-drawing { --lt-page: #ffffff; --lt-ink: #1b1f24; --lt-quiet: #5c6570; --lt-rule: #dfe3e8; --lt-heat: #2166ac;
  --lt-0: #2166ac; --lt-1: #d1580f; --lt-2: #1b7f5c; --lt-3: #c2185b; --lt-4: #7a5195; --lt-5: #8a6d00; --lt-6: #00838f;
  --lt-7: #6d4c41; font: 13px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
@media (prefers-color-scheme: dark) {
  .lt-drawing { --lt-page: #14171b; --lt-ink: #e7eaee; --lt-quiet: #9aa4b0; --lt-rule: #333a43; --lt-heat: #6db3f2;
    --lt-0: #6db3f2; --lt-1: #f79256; --lt-2: #5fd3a6; --lt-3: #f472a8; --lt-4: #c3a6e8; --lt-5: #e5c84c; --lt-6: #5ed0dc;
    --lt-7: #c9a595; }
}
.lt-page { fill: var(--lt-page); }
.lt-text { fill: var(--lt-ink); }
.lt-title { fill: var(--lt-ink); font-weight: 600; }
.lt-tick { fill: var(--lt-quiet); font-size: 12px; }
.lt-end { text-anchor: end; }
.lt-middle { text-anchor: middle; }
.lt-rule { stroke: var(--lt-rule); fill: none; }
.lt-line { stroke: var(--lt-0); stroke-width: 2; fill: none; }
.lt-range { stroke: var(--lt-0); stroke-width: 1.5; }
.lt-dot { fill: var(--lt-0); }
.lt-early { fill: var(--lt-page); stroke: var(--lt-quiet); }
.lt-chosen { fill: none; stroke: var(--lt-ink); stroke-width: 2; }
.lt-heat { fill: var(--lt-heat); stroke: var(--lt-rule); }
.lt-mean { stroke-width: 2.5; }
.lt-part { fill: none; stroke-width: 10; }
.lt-fill-0 { fill: var(--lt-0); } .lt-fill-1 { fill: var(--lt-1); } .lt-fill-2 { fill: var(--lt-2); }
.lt-fill-3 { fill: var(--lt-3); } .lt-fill-4 { fill: var(--lt-4); } .lt-fill-5 { fill: var(--lt-5); }
.lt-fill-6 { fill: var(--lt-6); } .lt-fill-7 { fill: var(--lt-7); }
.lt-stroke-0 { stroke: var(--lt-0); } .lt-stroke-1 { stroke: var(--lt-1); } .lt-stroke-2 { stroke: var(--lt-2); }
.lt-stroke-3 { stroke: var(--lt-3); } .lt-stroke-4 { stroke: var(--lt-4); } .lt-stroke-5 { stroke: var(--lt-5); }
.lt-stroke-6 { stroke: var(--lt-6); } .lt-stroke-7 { stroke: var(--lt-7); }
";

/// An empty picture of `width` times `height` pixels on a ground of its own.
pub(super) fn drawing(title: &str, [width, height]: [f64; 2]) -> Element {
    let ground = element("rect").class("lt-page").attribute("width", width);
    element("svg")
        .attribute("xmlns", "http://www.w3.org/2000/svg")
        .class("lt-drawing")
        .attribute("viewBox", format!("0 0 {width} {height}"))
        .attribute("width", width)
        .attribute("role", "img")
        .child(element("title").text(title))
        .child(element("style").verbatim(STYLE))
        .child(ground.attribute("height", height))
}

/// A text that begins, ends or has its middle at `x`, as its class says.
pub(super) fn label(class: &str, [x, y]: [f64; 2], text: &str) -> Element {
    element("text").class(class).attribute("x", number(x)).attribute("y", number(y)).text(text)
}

/// A straight line.
pub(super) fn line(class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) -> Element {
    let line = element("line").class(class).attribute("x1", number(x1)).attribute("y1", number(y1));
    line.attribute("x2", number(x2)).attribute("y2", number(y2))
}

/// A dot, with what is said of it where a pointer rests; none where that is empty.
pub(super) fn dot(class: &str, [x, y]: [f64; 2], radius: f64, said: &str) -> Element {
    let dot = element("circle").class(class).attribute("cx", number(x)).attribute("cy", number(y));
    let dot = dot.attribute("r", radius);
    if said.is_empty() { dot } else { dot.child(element("title").text(said)) }
}

/// A coordinate, to a tenth of a pixel.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), ToOwned::to_owned)
}

/// The picture as a file.
pub(super) fn file(drawing: Element) -> String {
    drawing.into_string() + "\n"
}
