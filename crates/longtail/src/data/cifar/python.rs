//! The Python version: pickled dicts of a NumPy array and a list of labels, as torchvision keeps them.

use std::borrow::Cow;

use super::{
    Batch, Facts, PIXELS,
    batch::wrong_label,
    pickle::{Array, Order, Pickle},
};
use crate::counted::counted;

pub(super) fn batch<'a>(
    facts: &Facts,
    name: &'static str,
    bytes: &'a [u8],
) -> Result<Batch<'a>, String> {
    let mut pickle = read(name, bytes)?;
    let key = facts.keys[0];
    let numbers = pickle.get(key).and_then(|labels| pickle.numbers(labels));
    let numbers = numbers.ok_or_else(|| lacks(name, key, "whole numbers"))?;
    let array = pickle.get("data").and_then(|data| pickle.take_array(data));
    let array = array.ok_or_else(|| lacks(name, "data", "a NumPy array of bytes"))?;
    let &[images, PIXELS] = &array.shape[..] else {
        let shape = &array.shape;
        return Err(format!("\"data\" of {name} has the shape {shape:?} instead of [n, {PIXELS}]"));
    };
    if images == 0 || images != numbers.len() {
        let labels = counted(numbers.len(), "label", "labels");
        return Err(format!("{name} has {} and {labels}", counted(images, "image", "images")));
    }
    let label = |(index, number)| {
        u8::try_from(number).map_err(|_| wrong_label(name, index, number, facts.classes))
    };
    let labels = numbers.into_iter().enumerate().map(label).collect::<Result<_, _>>()?;
    Ok(Batch { name, labels, bytes: rows(array, images), skip: 0 })
}

pub(super) fn class_names(facts: &Facts, name: &str, bytes: &[u8]) -> Result<Vec<String>, String> {
    let (pickle, key) = (read(name, bytes)?, facts.keys[1]);
    let names = pickle.get(key).and_then(|names| pickle.strings(names));
    names.ok_or_else(|| lacks(name, key, "strings"))
}

/// Whether `bytes` may begin a pickle; those of the protocols 0 and 1 have no mark of their own.
pub(super) fn may_be(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(0x80 | b'(' | b'}'))
}

fn read<'a>(name: &str, bytes: &'a [u8]) -> Result<Pickle<'a>, String> {
    Pickle::read(bytes).map_err(|error| format!("{name} cannot be read: {error}"))
}

fn lacks(name: &str, key: &str, what: &str) -> String {
    format!("{name} has no \"{key}\" with {what}")
}

/// The images of `array`, one after the other.
fn rows(array: Array, images: usize) -> Cow<[u8]> {
    // A tile of both sides stays in the cache.
    const TILE: usize = 64;
    if array.order == Order::C {
        return array.bytes;
    }
    let mut rows = vec![0; array.bytes.len()];
    for start in (0..images).step_by(TILE) {
        let tile = start..images.min(start + TILE);
        for (pixel, column) in array.bytes.chunks_exact(images).enumerate() {
            for image in tile.clone() {
                rows[image * PIXELS + pixel] = column[image];
            }
        }
    }
    rows.into()
}
