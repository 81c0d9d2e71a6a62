//! Tables and their cells.

use std::fmt::Display;

use super::markup::{Element, element};

/// A table that scrolls by itself where it is wider than the screen, under one row of titles.
pub(super) fn table(
    class: Option<&str>,
    titles: impl IntoIterator<Item = Element>,
    rows: impl IntoIterator<Item = Element>,
) -> Element {
    let table = element("table");
    let table = class.into_iter().fold(table, Element::class);
    let head = element("thead").child(element("tr").children(titles));
    let table = table.child(head).child(element("tbody").children(rows));
    element("div").class("scroll").attribute("tabindex", 0).child(table)
}

/// The title of a column.
pub(super) fn title(text: impl Display) -> Element {
    element("th").text(text)
}

/// The title of a column of numbers.
pub(super) fn number_title(text: impl Display) -> Element {
    element("th").class("number").text(text)
}

/// What a row is of, still empty.
pub(super) fn row_head() -> Element {
    element("th").attribute("scope", "row")
}

pub(super) fn number(text: impl Display) -> Element {
    element("td").class("number").text(text)
}

/// A second line of a cell.
pub(super) fn quiet(text: impl Display) -> Element {
    element("div").class("quiet").text(text)
}

/// A group of classes with its colour.
pub(super) fn group(group: impl Display) -> Element {
    element("td").child(group_key(&group)).text(group)
}

/// The colour of a group of classes.
pub(super) fn group_key(group: impl Display) -> Element {
    element("span").class(format!("key {group}"))
}
