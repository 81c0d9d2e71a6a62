//! Which columns hold the images and their labels, told by their names, their types and what the footer says.

use polars_parquet_format::Type;

use super::{
    faults::shown,
    features::Features,
    schema::{Leaf, Meaning},
};
use crate::data::{list::PARTS, names::listed};

/// What a column of images may be called; case, blanks, hyphens, underscores and full stops do not count.
const IMAGES: [&str; 15] = [
    "image",
    "images",
    "img",
    "imgs",
    "picture",
    "photo",
    "jpg",
    "jpeg",
    "png",
    "webp",
    "imagebytes",
    "imagedata",
    "imgbytes",
    "imgdata",
    "pixelvalues",
];
/// What a column of labels may be called.
const LABELS: [&str; 16] = [
    "label",
    "labels",
    "finelabel",
    "class",
    "classes",
    "classlabel",
    "classid",
    "cls",
    "target",
    "targets",
    "category",
    "categoryid",
    "y",
    "species",
    "breed",
    "tag",
];
/// The field of a struct that holds an image, and the one with the path that it came from.
const BYTES: &str = "bytes";
const PATH: &str = "path";
/// Columns that are named in one sentence.
const NAMED: usize = 8;

/// Which column holds what.
#[derive(Debug)]
pub(super) struct Columns {
    pub image: Leaf,
    pub path: Option<Leaf>,
    /// A table may be of images alone: only who asks for labels is told that there are none.
    pub label: Result<Leaf, String>,
    /// Text that may say which part a row belongs to.
    pub part: Option<Leaf>,
}

impl Columns {
    /// Of all columns.
    pub fn of(leaves: &[Leaf], features: &Features) -> Result<Self, String> {
        let image = image(leaves, features)?;
        let (around, _) = image.path.split_at(image.path.len().saturating_sub(1));
        let is_path = |leaf: &&Leaf| {
            let (name, inside) = leaf.last_names();
            inside.is_some()
                && name == PATH
                && image.last_names().0 == BYTES
                && leaf.path.starts_with(around)
                && leaf.path.len() == image.path.len()
                && leaf.kind == Type::BYTE_ARRAY
                && !leaf.is_list
        };
        let path = leaves.iter().find(is_path).cloned();
        let label = label(leaves, features, image).cloned();
        let is_part = |leaf: &&Leaf| {
            leaf.meaning == Meaning::Text
                && leaf.path.len() == 1
                && !leaf.is_list
                && label.as_ref() != Ok(*leaf)
        };
        let of_parts = |name: &&str| {
            leaves.iter().filter(is_part).find(|leaf| plain(leaf.last_names().0) == **name)
        };
        let part = PARTS.iter().find_map(of_parts).cloned();
        Ok(Self { image: image.clone(), path, label, part })
    }
}

/// The column with the images' bytes.
fn image<'a>(leaves: &'a [Leaf], features: &Features) -> Result<&'a Leaf, String> {
    let is_binary = |leaf: &&Leaf| !leaf.is_list && leaf.meaning == Meaning::Binary;
    let in_struct = |leaf: &&Leaf| leaf.path.len() > 1 && leaf.last_names().0 == BYTES;
    let is_named = |leaf: &&Leaf| IMAGES.contains(&&*plain(called(leaf)));
    let is_told = |leaf: &&Leaf| is_told(leaf, features.images.iter());
    let binary: Vec<&Leaf> = leaves.iter().filter(is_binary).collect();
    let named = outermost(binary.iter().copied().filter(is_named).collect());
    let structs = outermost(binary.iter().copied().filter(in_struct).collect());
    let told: Vec<&Leaf> = binary.iter().copied().filter(is_told).collect();
    for candidates in [&named, &structs, &binary] {
        match (&candidates[..], &told[..]) {
            ([], _) => {}
            ([image], _) => return Ok(image),
            (several, [image]) if several.contains(image) => return Ok(image),
            (several, _) => return Err(several_of("the images", several)),
        }
    }
    let unread = leaves.iter().find(|leaf| is_named(leaf) || in_struct(leaf));
    Err(match unread {
        Some(leaf) if leaf.is_list => format!(
            "its column {} holds a list in each row, which is not read: write one image a row",
            leaf.name()
        ),
        Some(leaf) if leaf.meaning == Meaning::Text => format!(
            "its column {} holds text and no images: write the set again with the images in it, or load them from a \
             folder or list",
            leaf.name()
        ),
        Some(leaf) => format!(
            "its column {} holds {} and no images as they are in files",
            leaf.name(),
            leaf.holds()
        ),
        None => format!("no column of it holds images ({})", all(leaves)),
    })
}

/// The column with the labels.
fn label<'a>(leaves: &'a [Leaf], features: &Features, image: &Leaf) -> Result<&'a Leaf, String> {
    let is_label = |leaf: &&Leaf| {
        let is_read = matches!(leaf.meaning, Meaning::Whole | Meaning::Text | Meaning::Binary);
        is_read && !leaf.is_list && *leaf != image
    };
    let is_named = |leaf: &&Leaf| LABELS.contains(&&*plain(leaf.last_names().0));
    let is_told = |leaf: &&Leaf| is_told(leaf, features.labels.iter().map(|(name, _)| name));
    let labels: Vec<&Leaf> = leaves.iter().filter(is_label).collect();
    let named = outermost(labels.iter().copied().filter(is_named).collect());
    let told: Vec<&Leaf> = labels.iter().copied().filter(is_told).collect();
    for candidates in [&named, &told] {
        match (&candidates[..], &told[..]) {
            ([], _) => {}
            ([label], _) => return Ok(label),
            (several, [label]) if several.contains(label) => return Ok(label),
            (several, _) => return Err(several_of("the labels", several)),
        }
    }
    let has_name =
        |leaf: &&Leaf| leaf.path.first().is_some_and(|name| LABELS.contains(&&*plain(name)));
    Err(match leaves.iter().find(|leaf| is_named(leaf) || has_name(leaf)) {
        Some(leaf) => format!(
            "its column {} holds {}: a label is a whole number or text",
            leaf.name(),
            leaf.holds()
        ),
        None => {
            format!("no column of it is known to hold labels ({}): name it `label`", all(leaves))
        }
    })
}

/// The name that tells what a column of bytes is: that of the struct around it, if there is one for it.
fn called(leaf: &Leaf) -> &str {
    match leaf.last_names() {
        (BYTES, Some(name)) => name,
        (name, _) => name,
    }
}

/// Whether a column is one of those that `names` tells of, which are outermost ones.
fn is_told<'a>(leaf: &Leaf, mut names: impl Iterator<Item = &'a String>) -> bool {
    let is_whole = match &leaf.path[..] {
        [_] => true,
        [_, field] => &**field == BYTES,
        _ => false,
    };
    is_whole && leaf.path.first().is_some_and(|first| names.any(|name| **name == **first))
}

/// Those with the fewest structs around them.
fn outermost(leaves: Vec<&Leaf>) -> Vec<&Leaf> {
    let depth = |leaf: &Leaf| leaf.path.len() - usize::from(called(leaf) != leaf.last_names().0);
    let least = leaves.iter().map(|leaf| depth(leaf)).min();
    leaves.into_iter().filter(|leaf| Some(depth(leaf)) == least).collect()
}

/// A name without what does not count.
fn plain(name: &str) -> String {
    name.to_lowercase().chars().filter(|c| !matches!(c, ' ' | '_' | '-' | '.')).collect()
}

fn several_of(what: &str, leaves: &[&Leaf]) -> String {
    let names: Vec<String> = leaves.iter().map(|leaf| leaf.name()).collect();
    format!(
        "it has several columns that may be {what} ({}): write it again with one of them",
        listed(&names, NAMED)
    )
}

/// The outermost columns, for a sentence.
fn all(leaves: &[Leaf]) -> String {
    let mut names: Vec<String> =
        leaves.iter().filter_map(|leaf| leaf.path.first()).map(|name| shown(name)).collect();
    names.dedup();
    match names.is_empty() {
        true => "it has no columns".into(),
        false => format!("it has {}", listed(&names, NAMED)),
    }
}
