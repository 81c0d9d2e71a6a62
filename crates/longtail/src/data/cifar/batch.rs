use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::hex::hex;

pub(super) const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
/// Bytes of an image: 1024 of red, 1024 of green, 1024 of blue.
pub(super) const PIXELS: usize = 3 * PLANE;

/// The images of one file with their classes.
pub(super) struct Batch<'a> {
    pub(super) name: &'static str,
    pub(super) labels: Vec<u8>,
    /// Every image, shape `[3, 32, 32]`, each after `skip` bytes that are none.
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) skip: usize,
}

impl Batch<'_> {
    pub(super) fn images(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks_exact(self.skip + PIXELS).map(|record| &record[self.skip..])
    }

    pub(super) fn check(&self, classes: usize) -> Result<(), String> {
        match self.labels.iter().position(|&label| usize::from(label) >= classes) {
            None => Ok(()),
            Some(index) => Err(wrong_label(self.name, index, self.labels[index].into(), classes)),
        }
    }
}

pub(super) fn wrong_label(name: &str, index: usize, label: i64, classes: usize) -> String {
    format!("record {index} of {name} has label {label}, and there are {classes} classes")
}

/// SHA-256 of label and image after label and image.
pub(super) fn content<'a>(batches: impl Iterator<Item = &'a Batch<'a>>) -> String {
    let mut hash = Sha256::new();
    for batch in batches {
        for (label, image) in batch.labels.iter().zip(batch.images()) {
            hash.update([*label]);
            hash.update(image);
        }
    }
    hex(hash.finalize())
}

/// Appends planar red, green, blue as interleaved pixels.
pub(super) fn interleave(planes: &[u8], pixels: &mut Vec<u8>) {
    let (red, rest) = planes.split_at(PLANE);
    let (green, blue) = rest.split_at(PLANE);
    pixels.extend(red.iter().zip(green).zip(blue).flat_map(|((r, g), b)| [*r, *g, *b]));
}
