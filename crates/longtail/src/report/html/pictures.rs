//! Images within the page.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::markup::{Element, element};
use crate::report::Picture;

/// A picture with its content in words, for those who do not see it.
pub(super) fn picture(picture: &Picture, words: &str) -> Element {
    let [height, width] = picture.size;
    element("img")
        .attribute("alt", words)
        .attribute("title", words)
        .attribute("width", width)
        .attribute("height", height)
        .attribute("src", format!("data:image/png;base64,{}", STANDARD.encode(&picture.png)))
}
