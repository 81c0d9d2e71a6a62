//! Elements of HTML and SVG, written so that the page is also well-formed XML.

use std::fmt::Display;

use crate::report::text::acts;

/// Tags that have no end tag in HTML, and the shapes of SVG, which have no content here.
const EMPTY: [&str; 7] = ["meta", "rect", "line", "path", "circle", "br", "img"];

/// An element under construction. All text and every attribute is escaped.
#[derive(Debug, Clone)]
pub(super) struct Element {
    tag: &'static str,
    attributes: String,
    content: String,
}

pub(super) fn element(tag: &'static str) -> Element {
    Element { tag, attributes: String::new(), content: String::new() }
}

impl Element {
    pub fn attribute(mut self, name: &'static str, value: impl Display) -> Self {
        self.attributes += &format!(" {name}=\"{}\"", escaped(&value.to_string()));
        self
    }

    pub fn class(self, name: impl Display) -> Self {
        self.attribute("class", name)
    }

    pub fn text(mut self, text: impl Display) -> Self {
        self.content += &escaped(&text.to_string());
        self
    }

    pub fn child(self, child: Self) -> Self {
        self.children([child])
    }

    pub fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        for child in children {
            child.write(&mut self.content);
        }
        self
    }

    /// Content that is ours alone, such as a style sheet.
    pub fn verbatim(mut self, content: &'static str) -> Self {
        self.content += content;
        self
    }

    /// A drawing that the crate has made, as it is.
    pub fn drawing(mut self, svg: &str) -> Self {
        self.content += svg;
        self
    }

    fn write(&self, page: &mut String) {
        let Self { tag, attributes, content } = self;
        *page += &if EMPTY.contains(tag) && content.is_empty() {
            format!("<{tag}{attributes}/>")
        } else {
            format!("<{tag}{attributes}>{content}</{tag}>")
        };
        if BLOCKS.contains(tag) {
            page.push('\n');
        }
    }

    pub fn into_string(self) -> String {
        let mut page = String::new();
        self.write(&mut page);
        page
    }
}

/// Tags that a line break may follow without changing what is shown.
const BLOCKS: [&str; 8] = ["tr", "section", "figure", "svg", "p", "h2", "thead", "style"];

/// `text` such that it is only ever read as text, in content and in attributes.
///
/// Control characters, which XML forbids and HTML ignores, and those that turn text around become U+FFFD.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            '\n' | '\t' => safe.push(char),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            _ if acts(char) => safe.push('\u{fffd}'),
            _ => safe.push(char),
        }
    }
    safe
}
